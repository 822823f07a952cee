// SPDX-License-Identifier: Apache-2.0

// The texts of options: ports, durations, environment entries and files.

#include <arpa/inet.h>
#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "spec/sandbox_spec.h"

namespace caisson::spec {
namespace {

using base::Error;
using base::in_quotes;

Error bad_port(std::string_view text, std::string_view why) {
  return Error(fmt::format("cannot publish {}: {}", in_quotes(text.substr(0, 80)), why),
               "write [HOST_IP:]HOST_PORT:GUEST_PORT, for example 8080:80");
}

uint16_t parse_port_number(std::string_view number, std::string_view text) {
  const auto port = base::parse_number<uint16_t>(number);
  if (!port || *port == 0) throw bad_port(text, in_quotes(number) + " is not a port (1 to 65535)");
  return *port;
}

std::string checked_address(int family, std::string address, std::string_view text) {
  unsigned char binary[sizeof(in6_addr)];
  // inet_pton stops at a NUL, which must not hide what is behind it.
  if (address.find('\0') != std::string::npos || inet_pton(family, address.c_str(), binary) != 1) {
    throw bad_port(text, in_quotes(address) + " is not an IP address");
  }
  return address;
}

struct DurationUnit {
  char letter;
  uint64_t seconds;
};
constexpr DurationUnit kDurationUnits[] = {{'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}};
constexpr uint64_t kMaxDurationCount = 1'000'000'000;  // keeps every product and sum below far from overflow

Error bad_duration(std::string_view text) {
  return Error("not a duration: " + in_quotes(text.substr(0, 80)), "write for example 90, 30s, 15m, 2h or 1h30m");
}

}  // namespace

PortPublish parse_port(std::string_view text) {
  PortPublish port;
  std::string_view rest = text;
  if (const size_t slash = rest.find('/'); slash != std::string_view::npos) {
    if (rest.substr(slash) != "/tcp") throw bad_port(text, "only TCP ports can be published");
    rest = rest.substr(0, slash);
  }
  const size_t last = rest.rfind(':');
  if (last == std::string_view::npos) {
    port.guest_port = parse_port_number(rest, text);
    return port;
  }
  port.guest_port = parse_port_number(rest.substr(last + 1), text);
  rest = rest.substr(0, last);

  // What is left: "HOST", "IP:HOST", "IP:" (any free port), "[IPV6]:HOST"
  std::string_view host = rest;
  if (rest.starts_with('[')) {
    const size_t close = rest.find("]:");
    if (close == std::string_view::npos) throw bad_port(text, "the ']:' behind the IPv6 address is missing");
    port.host_address = checked_address(AF_INET6, std::string(rest.substr(1, close - 1)), text);
    host = rest.substr(close + 2);
    if (host.empty()) return port;
  } else if (const size_t colon = rest.find(':'); colon != std::string_view::npos) {
    if (rest.find(':', colon + 1) != std::string_view::npos) {
      throw bad_port(text, "it has too many colons (an IPv6 address goes in brackets)");
    }
    port.host_address = checked_address(AF_INET, std::string(rest.substr(0, colon)), text);
    host = rest.substr(colon + 1);
    if (host.empty()) return port;
  }
  if (host != "0") port.host_port = parse_port_number(host, text);
  return port;
}

std::chrono::seconds parse_duration(std::string_view text) {
  std::string_view rest = text;
  uint64_t sum = 0;
  const DurationUnit* next = std::begin(kDurationUnits);  // units go from large to small, each at most once
  do {
    const size_t digits = std::min(rest.find_first_not_of("0123456789"), rest.size());
    const auto count = base::parse_number<uint64_t>(rest.substr(0, digits));
    if (!count || *count > kMaxDurationCount) throw bad_duration(text);
    rest.remove_prefix(digits);
    if (rest.empty()) {
      if (next != std::begin(kDurationUnits)) throw bad_duration(text);  // "1h30": of what?
      return std::chrono::seconds(*count);
    }
    while (next != std::end(kDurationUnits) && next->letter != rest[0]) ++next;
    if (next == std::end(kDurationUnits)) throw bad_duration(text);
    sum += *count * next->seconds;
    ++next;
    rest.remove_prefix(1);
  } while (!rest.empty());
  return std::chrono::seconds(sum);
}

std::optional<std::string> parse_environment(std::string_view text, const char* (*lookup)(const char*)) {
  const size_t equals = text.find('=');
  if (text.empty() || equals == 0 || text.find('\0') != std::string_view::npos) {
    throw Error("not an environment entry: " + in_quotes(text.substr(0, 80)), "write KEY=VALUE or KEY");
  }
  std::string entry(text);
  if (equals != std::string_view::npos) return entry;
  const char* value = lookup(entry.c_str());
  if (value == nullptr) return std::nullopt;
  return entry + "=" + value;
}

std::vector<std::string> parse_environment_file(std::string_view text, std::string_view file_name) {
  std::vector<std::string> entries;
  size_t number = 0;
  for (const std::string& raw : base::split(text, '\n')) {
    ++number;
    std::string_view line = raw;
    if (line.ends_with('\r')) line.remove_suffix(1);
    while (line.starts_with(' ') || line.starts_with('\t')) line.remove_prefix(1);
    if (line.empty() || line[0] == '#') continue;
    auto refuse = [&](std::string_view why) {
      return Error(fmt::format("{} line {}: {}", in_quotes(file_name), number, why), "write KEY=VALUE");
    };
    const size_t equals = line.find('=');
    if (equals == std::string_view::npos) throw refuse(in_quotes(line.substr(0, 80)) + " has no '='");
    const std::string_view key = line.substr(0, equals);
    if (key.empty()) throw refuse("the name before '=' is missing");
    if (key.find_first_of(" \t") != std::string_view::npos) throw refuse(in_quotes(key.substr(0, 80)) + " has a blank");
    if (line.find('\0') != std::string_view::npos) throw refuse("it has a NUL byte");
    entries.emplace_back(line);
  }
  return entries;
}

}  // namespace caisson::spec
