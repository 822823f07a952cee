// SPDX-License-Identifier: Apache-2.0

#include "cli/policy_target.h"

#include "base/error.h"
#include "base/text.h"
#include "gate/url.h"

namespace caisson::cli {
namespace {

base::Error not_a_target(const std::string& target) {
  return base::Error(base::in_quotes(target) + " is not a target",
                     "write HOST:PORT, udp:HOST:PORT or a URL, for example example.com:443");
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

gate::Rule place_of_target(const gate::UrlPlace& url, const std::string& target) {
  if (gate::default_port(url.scheme) == 0) throw not_a_target(target);
  return {.protocol = gate::Protocol::kTcp, .host = url.host, .ports = {url.port, url.port}};
}

// As a rule for one host and one port is written.
gate::Rule place_in_words(const std::string& target) {
  gate::Rule rule;
  try {
    rule = gate::parse_rule(target);
  } catch (const base::Error&) {
    throw not_a_target(target);
  }
  using Kind = gate::HostPattern::Kind;
  const bool one_host =
      rule.host.kind == Kind::kName || (rule.host.kind == Kind::kNetwork && rule.host.network->is_one_address());
  if (!one_host || rule.ports.first != rule.ports.last || rule.request) throw not_a_target(target);
  return rule;
}

gate::Verdict judge_place(const gate::Policy& policy, const gate::Rule& place) {
  const uint16_t port = place.ports.first;
  const gate::Protocol protocol = place.protocol.value_or(gate::Protocol::kTcp);
  if (place.host.kind == gate::HostPattern::Kind::kName) return policy.judge_connect(protocol, place.host.name, port);
  return policy.judge_address(protocol, place.host.network->network(), port);
}

}  // namespace

gate::Verdict judge_target(const gate::Policy& policy, const std::string& target) {
  const std::optional<gate::UrlPlace> url = gate::place_of_url(target);
  const gate::Rule place = url ? place_of_target(*url, target) : place_in_words(target);
  gate::Verdict verdict = judge_place(policy, place);
  const bool is_http = url && (url->scheme == "http" || url->scheme == "https");
  if (!verdict.allowed || !is_http) return verdict;
  const uint16_t port = place.ports.first;
  if (place.host.kind == gate::HostPattern::Kind::kName)
    return policy.needs_http(place.host.name, port) ? judge_get(policy, place.host.name, port, target) : verdict;
  const gate::IpAddress address = place.host.network->network();
  return policy.needs_http(address, port) ? judge_get(policy, address, port, target) : verdict;
}

}  // namespace caisson::cli
