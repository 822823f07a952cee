// SPDX-License-Identifier: Apache-2.0

#include "cli/policy_target.h"

#include <array>
#include <utility>

#include "base/error.h"
#include "base/text.h"

namespace caisson::cli {
namespace {

constexpr std::array<std::pair<std::string_view, const char*>, 4> kSchemes{
    {{"https://", "443"}, {"http://", "80"}, {"ssh://", "22"}, {"git://", "9418"}}};

// "https://user@example.com/x" as "example.com:443".
std::string without_scheme(const std::string& target) {
  for (const auto& [scheme, port] : kSchemes) {
    if (!target.starts_with(scheme)) continue;
    std::string place = target.substr(scheme.size());
    place = place.substr(0, place.find_first_of("/?#"));
    place = place.substr(place.rfind('@') == std::string::npos ? 0 : place.rfind('@') + 1);
    const size_t colon = place.rfind(':');
    const bool has_port = colon != std::string::npos && place.find(']', colon) == std::string::npos &&
                          (place.find(':') == colon || place.find("]:") != std::string::npos);
    return has_port ? place : place + ":" + port;
  }
  return target;
}

base::Error not_a_target(const std::string& target) {
  return base::Error(base::in_quotes(target) + " is not a target",
                     "write HOST:PORT, udp:HOST:PORT or a URL, for example example.com:443");
}

bool is_http(const std::string& target) {
  return target.starts_with("https://") || target.starts_with("http://");
}

// "/x" of "https://example.com/x?y"; the query is not judged.
std::string path_of(const std::string& url) {
  const size_t host = url.find("://") + 3;
  const size_t end = url.find_first_of("/?#", host);
  const std::string path = end == std::string::npos ? "" : url.substr(end, url.find_first_of("?#", end) - end);
  return path.empty() ? "/" : path;
}

// What `host` is: a name or an address.
template <typename Host>
gate::Verdict judge_get(const gate::Policy& policy, const Host& host, uint16_t port, const std::string& target) {
  const auto path = gate::canonical_path(path_of(target));
  if (!path) return {.reason = "the path of " + base::in_quotes(target) + " has no single meaning"};
  return policy.judge_request(host, port, "GET", *path);
}

// A target is written as a rule for one host and one port is.
gate::Verdict judge_place(const gate::Policy& policy, const gate::Rule& place) {
  const uint16_t port = place.ports.first;
  const gate::Protocol protocol = place.protocol.value_or(gate::Protocol::kTcp);
  if (place.host.kind == gate::HostPattern::Kind::kName) return policy.judge_connect(protocol, place.host.name, port);
  return policy.judge_address(protocol, place.host.network->network(), port);
}

}  // namespace

gate::Verdict judge_target(const gate::Policy& policy, const std::string& target) {
  std::optional<gate::Rule> place;
  try {
    place = gate::parse_rule(without_scheme(target));
  } catch (const base::Error&) {
    throw not_a_target(target);
  }
  if (place->ports.first != place->ports.last || place->request) throw not_a_target(target);
  using Kind = gate::HostPattern::Kind;
  const bool is_name = place->host.kind == Kind::kName;
  if (!is_name && !(place->host.kind == Kind::kNetwork && place->host.network->is_one_address()))
    throw not_a_target(target);
  gate::Verdict verdict = judge_place(policy, *place);
  if (!verdict.allowed || !is_http(target)) return verdict;
  const uint16_t port = place->ports.first;
  if (is_name && policy.needs_http(place->host.name, port)) return judge_get(policy, place->host.name, port, target);
  if (is_name) return verdict;
  const gate::IpAddress address = place->host.network->network();
  return policy.needs_http(address, port) ? judge_get(policy, address, port, target) : verdict;
}

}  // namespace caisson::cli
