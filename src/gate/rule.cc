// SPDX-License-Identifier: Apache-2.0

#include "gate/rule.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/text.h"
#include "gate/host_name.h"
#include "gate/url.h"

namespace caisson::gate {
namespace {

using base::Error;
using base::in_quotes;

constexpr const char* kRuleForm =
    "write [tcp:|udp:]HOST[:PORT[-PORT]][ METHOD[,METHOD] PATH], for example example.com:443";
constexpr const char* kBrackets = "write an IPv6 address in brackets where a port follows: [2001:db8::7]:443";
constexpr std::array<std::string_view, 2> kGroups = {"registries", "git"};

std::string shortened(std::string_view text) {
  return in_quotes(text.substr(0, 80));
}

uint16_t parse_port(std::string_view text) {
  const auto port = base::parse_number<uint16_t>(text);
  if (!port || *port == 0) {
    throw Error(shortened(text) + " is not a port", "a port is 1 to 65535; leave it out for every port");
  }
  return *port;
}

PortRange parse_ports(std::string_view text) {
  const size_t dash = text.find('-');
  PortRange ports{};
  ports.first = parse_port(text.substr(0, dash));
  ports.last = dash == std::string_view::npos ? ports.first : parse_port(text.substr(dash + 1));
  if (ports.first > ports.last) throw Error("the ports " + shortened(text) + " go down", "write the smaller one first");
  return ports;
}

HostPattern network_pattern(const Cidr& network) {
  return {.kind = HostPattern::Kind::kNetwork, .network = network};
}

Cidr parse_network(std::string_view text) {
  const auto network = Cidr::parse(text);
  if (!network) {
    throw Error(shortened(text) + " is not an IP address or network",
                "write it in full, with no bits set behind the prefix: 192.0.2.7, 10.0.0.0/8, fd00::/8");
  }
  return *network;
}

HostPattern parse_name_pattern(std::string_view text) {
  using Kind = HostPattern::Kind;
  if (text == "*") return {.kind = Kind::kAnyName};
  HostPattern pattern{.kind = Kind::kName};
  std::string_view name = text;
  if (name.starts_with("**.")) {
    pattern.kind = Kind::kAnyDepth;
    name.remove_prefix(3);
  } else if (name.starts_with("*.")) {
    pattern.kind = Kind::kOneLabel;
    name.remove_prefix(2);
  }
  if (name.find('*') != std::string_view::npos) {
    throw Error("in " + shortened(text) + " a star stands for a part of a name",
                "write *.example.com for one label more, **.example.com for any number");
  }
  pattern.name = checked_name(name);
  return pattern;
}

// A name, an IPv4 address or network, each without its port.
HostPattern parse_host(std::string_view text) {
  if (text.find('/') != std::string_view::npos || IpAddress::parse(text)) return network_pattern(parse_network(text));
  return parse_name_pattern(text);
}

// HOST[:PORTS] into the rule.
void read_place(std::string_view text, Rule& rule) {
  if (text.find("://") != std::string_view::npos) {
    const std::optional<UrlPlace> place = place_of_url(text);
    const bool known = place && place->port != 0;
    throw Error("it is a URL",
                known ? "write " + to_string(Rule{.host = place->host, .ports = {place->port, place->port}})
                      : "write the host and port only: example.com:443");
  }
  if (text.starts_with('[')) {
    const size_t close = text.find(']');
    if (close == std::string_view::npos) throw Error("the ']' behind the address is missing", kBrackets);
    rule.host = network_pattern(parse_network(text.substr(1, close - 1)));
    const std::string_view behind = text.substr(close + 1);
    if (rule.host.network->network().is_v4() || (!behind.empty() && behind[0] != ':')) {
      throw Error("brackets are for an IPv6 address or network alone", kBrackets);
    }
    if (!behind.empty()) rule.ports = parse_ports(behind.substr(1));
    return;
  }
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos) {
    rule.host = parse_host(text);
  } else if (text.find(':', colon + 1) == std::string_view::npos) {
    rule.host = parse_host(text.substr(0, colon));
    rule.ports = parse_ports(text.substr(colon + 1));
  } else {
    const auto network = Cidr::parse(text);
    if (!network) throw Error(shortened(text) + " is not an IPv6 address or network", kBrackets);
    rule.host = network_pattern(*network);
  }
}

std::vector<std::string> parse_methods(std::string_view text) {
  if (text == "*") return {};
  std::vector<std::string> methods = base::split(text, ',');
  for (const std::string& method : methods) {
    if (method.empty() || method.size() > 32 ||
        method.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ-") != std::string::npos) {
      throw Error(shortened(method) + " is not a method",
                  "write methods in capitals, GET,HEAD for example, or * for every one");
    }
  }
  std::sort(methods.begin(), methods.end());
  methods.erase(std::unique(methods.begin(), methods.end()), methods.end());
  return methods;
}

// With its port it would read as the protocol.
bool is_named_as_protocol(const Rule& rule) {
  return rule.host.kind == HostPattern::Kind::kName && !rule.ports.is_every() &&
         (rule.host.name == "tcp" || rule.host.name == "udp");
}

Rule read_rule(std::string_view text) {
  if (text.size() > kMaxRuleBytes) throw Error("it has more than 2048 bytes");
  std::vector<std::string> words = base::split(text, ' ');
  std::erase(words, "");
  if (words.size() != 1 && words.size() != 3) throw Error("it is not one word or three", kRuleForm);
  Rule rule;
  std::string_view place = words[0];
  if (place.starts_with("tcp:")) {
    rule.protocol = Protocol::kTcp;
    place.remove_prefix(4);
  } else if (place.starts_with("udp:")) {
    rule.protocol = Protocol::kUdp;
    place.remove_prefix(4);
  }
  read_place(place, rule);
  if (!rule.protocol && is_named_as_protocol(rule))
    throw Error(
        "a host of the name " + in_quotes(rule.host.name) + " needs the protocol before it where a port follows",
        "write tcp:" + rule.host.name + ":PORT, udp:" + rule.host.name + ":PORT, or both");
  if (words.size() == 3) {
    if (rule.protocol == Protocol::kUdp)
      throw Error("requests cannot be read over UDP", "leave out the method and path");
    rule.request = RequestPattern{.methods = parse_methods(words[1]), .path = checked_path_pattern(words[2])};
  }
  return rule;
}

std::string host_text(const HostPattern& host) {
  switch (host.kind) {
    case HostPattern::Kind::kName:
      return host.name;
    case HostPattern::Kind::kOneLabel:
      return "*." + host.name;
    case HostPattern::Kind::kAnyDepth:
      return "**." + host.name;
    case HostPattern::Kind::kAnyName:
      return "*";
    case HostPattern::Kind::kNetwork:
      return to_string(*host.network);
  }
  return {};
}

}  // namespace

std::string_view to_string(Protocol protocol) {
  return protocol == Protocol::kUdp ? "udp" : "tcp";
}

Rule parse_rule(std::string_view text) {
  try {
    return read_rule(text);
  } catch (const Error& error) {
    throw error.within("cannot read the rule " + shortened(text));
  }
}

std::variant<Rule, GroupName> parse_rule_or_group(std::string_view text) {
  if (!text.starts_with('@')) return parse_rule(text);
  const std::string_view name = text.substr(1);
  if (std::find(kGroups.begin(), kGroups.end(), name) == kGroups.end()) {
    throw Error("cannot read the rule " + shortened(text) + ": there is no such group",
                "the groups are @registries and @git");
  }
  return GroupName{std::string(name)};
}

std::string to_string(const Rule& rule) {
  const std::string host = host_text(rule.host);
  const bool has_ports = !rule.ports.is_every();
  std::string text;
  if (rule.protocol || is_named_as_protocol(rule))
    text = fmt::format("{}:", to_string(rule.protocol.value_or(Protocol::kTcp)));
  const bool in_brackets = has_ports && rule.host.network && !rule.host.network->network().is_v4();
  text += in_brackets ? "[" + host + "]" : host;
  if (has_ports) text += fmt::format(":{}", rule.ports.first);
  if (rule.ports.first != rule.ports.last && has_ports) text += fmt::format("-{}", rule.ports.last);
  if (rule.request) {
    text +=
        " " + (rule.request->methods.empty() ? "*" : base::join(rule.request->methods, ",")) + " " + rule.request->path;
  }
  return text;
}

bool matches_name(const HostPattern& pattern, std::string_view name) {
  switch (pattern.kind) {
    case HostPattern::Kind::kName:
      return name == pattern.name;
    case HostPattern::Kind::kOneLabel:
      return parent_name(name) == pattern.name;
    case HostPattern::Kind::kAnyDepth:
      return name.size() > pattern.name.size() + 1 && name.ends_with(pattern.name) &&
             name[name.size() - pattern.name.size() - 1] == '.';
    case HostPattern::Kind::kAnyName:
      return true;
    case HostPattern::Kind::kNetwork:
      return false;
  }
  return false;
}

}  // namespace caisson::gate
