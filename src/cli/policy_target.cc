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

}  // namespace

// A target is written as a rule for one host and one port is.
gate::Verdict judge_target(const gate::Policy& policy, const std::string& target) {
  std::optional<gate::Rule> place;
  try {
    place = gate::parse_rule(without_scheme(target));
  } catch (const base::Error&) {
    throw not_a_target(target);
  }
  if (place->ports.first != place->ports.last || place->request) throw not_a_target(target);
  const uint16_t port = place->ports.first;
  using Kind = gate::HostPattern::Kind;
  if (place->host.kind == Kind::kName) return policy.judge_connect(place->protocol, place->host.name, port);
  if (place->host.kind == Kind::kNetwork && place->host.network->is_one_address())
    return policy.judge_address(place->protocol, place->host.network->network(), port);
  throw not_a_target(target);
}

}  // namespace caisson::cli
