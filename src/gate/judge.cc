// SPDX-License-Identifier: Apache-2.0

// From the destination that a guest gave to the addresses that may be connected to.
//
// A synthetic address stands for the name that this sandbox has resolved: that name is judged, then resolved by the
// host, and then each address is judged too. So it does not matter what a name server says about an allowed name, nor
// which names share an address.

#include <algorithm>

#include "base/host_port.h"
#include "gate/gate_state.h"

namespace caisson::gate {
namespace {

void require(const Verdict& verdict, const std::string& rule) {
  // A rule that denies is not overruled by one that allows.
  if (!verdict.allowed) throw Refused(verdict, verdict.entry ? "" : rule);
}

Verdict judge_target(const Policy& policy, const Target& target) {
  return target.name ? policy.judge_connect(target.protocol, *target.name, target.port)
                     : policy.judge_address(target.protocol, target.address, target.port);
}

// What the policy says, or the user where it has no say: then `ask` stays set in what is allowed.
asio::awaitable<Verdict> decide(StatePtr state, Target target) {
  if (!target.name && is_synthetic(target.address))
    throw Refused("no name has the address " + to_string(target.address));
  while (true) {
    Verdict verdict = judge_target(state->options.policy, target);
    if (!verdict.ask) co_return verdict;
    std::function<bool()> open = [state, target] { return judge_target(state->options.policy, target).ask; };
    std::string text = target.text();
    const Answer answer = co_await state->questions.ask(std::move(text), std::move(open));
    if (answer == Answer::kDecided) continue;
    verdict.allowed = verdict.ask = answer == Answer::kOnce;
    if (!verdict.allowed) verdict.reason += ", and " + std::string(reason_of(answer));
    co_return verdict;
  }
}

// An address of a name that is allowed. One that the user has named for this very port needs nothing more. Those of the
// host's own name, its loopback, are what that name is for: only a rule that denies one closes it.
Verdict judge_reached(const Policy& policy, const Target& target, const IpAddress& address) {
  const StandIn* stand_in = policy.stand_in_for(*target.name, target.port);
  if (stand_in != nullptr && stand_in->address == address) return policy.judge_stand_in(target.protocol, *stand_in);
  if (*target.name != kHostName) return policy.judge_resolved(target.protocol, *target.name, address, target.port);
  Verdict verdict = policy.judge_address(target.protocol, address, target.port);
  const bool denied = !verdict.allowed && verdict.entry && !verdict.entry->allow;
  verdict.allowed = !denied;
  return verdict;
}

// What a name's addresses were judged to be.
struct Reachable {
  std::vector<IpAddress> allowed;
  std::optional<Refused> refused;  // the first that is not
};

// Throws Refused where none may be connected to.
Reachable reachable(const Policy& policy, const Target& target, const std::vector<IpAddress>& addresses) {
  Reachable judged;
  for (const IpAddress& address : addresses) {
    const Verdict verdict = judge_reached(policy, target, address);
    if (verdict.allowed) {
      judged.allowed.push_back(address);
    } else if (!judged.refused) {
      judged.refused = Refused::address(verdict, policy.kind_of(address));
    }
  }
  if (judged.allowed.empty() && judged.refused) throw *judged.refused;
  return judged;
}

bool all_public(const Policy& policy, const std::vector<IpAddress>& addresses) {
  return std::all_of(addresses.begin(), addresses.end(),
                     [&](const IpAddress& address) { return policy.kind_of(address) == AddressKind::kPublic; });
}

// The proxy that a connection goes through, if these are its addresses (none: the host can't resolve the name). What is
// not public is of this machine or its network, where a rule has named it.
std::shared_ptr<const Proxy> proxy_for(const Policy& policy, const Target& target,
                                       const std::vector<IpAddress>& addresses) {
  if (target.protocol != Protocol::kTcp || target.name == kHostName || !all_public(policy, addresses)) return nullptr;
  const Proxies proxies = Proxies::of_process();
  const Proxy* proxy = proxies.for_target(target.name ? *target.name : to_string(target.address), target.port);
  return proxy != nullptr ? std::make_shared<const Proxy>(*proxy) : nullptr;
}

// Of a name that leads to these addresses. A proxy may take any address that it finds: where one that this machine
// finds is refused, the name is not its to have.
Allowed allowed_of(const Policy& policy, const Target& target, const std::vector<IpAddress>& addresses) {
  Reachable judged = reachable(policy, target, addresses);
  Allowed allowed;
  allowed.addresses = std::move(judged.allowed);
  allowed.port = target.port;
  allowed.proxy = proxy_for(policy, target, allowed.addresses);
  if (allowed.proxy && judged.refused) throw *judged.refused;
  return allowed;
}

// What the user has led elsewhere is asked of no resolver and no proxy.
Allowed led_elsewhere(const Policy& policy, const Target& target, const StandIn& stand_in) {
  Allowed allowed;
  allowed.addresses = reachable(policy, target, {stand_in.address}).allowed;
  allowed.port = stand_in.address_port;
  return allowed;
}

// Where the name leads. A name that only the proxy can resolve is the proxy's to judge.
asio::awaitable<Allowed> resolve(StatePtr state, Target target) {
  if (*target.name == kHostName) {
    const std::vector<IpAddress> loopback = {IpAddress::v4(0x7f000001), *IpAddress::parse("::1")};
    co_return allowed_of(state->options.policy, target, loopback);
  }
  if (const StandIn* stand_in = state->options.policy.stand_in_for(*target.name, target.port))
    co_return led_elsewhere(state->options.policy, target, *stand_in);
  const Resolved resolved = co_await state->options.upstream->resolve(*target.name);
  Allowed allowed = allowed_of(state->options.policy, target, resolved.addresses);
  if (allowed.addresses.empty() && !allowed.proxy)
    throw base::Error("cannot resolve '" + *target.name + "' on the host: " + resolved.error);
  co_return allowed;
}

}  // namespace

std::string Target::text() const {
  const std::string place = base::host_port(name ? *name : to_string(address), port);
  return protocol == Protocol::kUdp ? "udp:" + place : place;
}

Target target_of(Gate::State& state, const link::ConnectRequest& request) {
  const std::optional<IpAddress> address = IpAddress::parse(request.address);
  if (!address) throw base::Error("the guest named " + request.address + ", which is no address");
  Target target;
  target.protocol = request.protocol == link::ConnectRequest::Protocol::kTcp ? Protocol::kTcp : Protocol::kUdp;
  target.address = *address;
  target.port = request.port;
  if (is_synthetic(*address)) target.name = state.names.name_of(*address);
  return target;
}

asio::awaitable<Allowed> judge(StatePtr state, Target target) {
  Verdict verdict = co_await decide(state, target);
  require(verdict, target.text());
  Allowed allowed;
  if (target.name) {
    allowed = co_await resolve(state, target);
  } else {
    allowed.addresses.push_back(target.address);
    allowed.port = target.port;
    allowed.proxy = proxy_for(state->options.policy, target, allowed.addresses);
  }
  allowed.entry = std::move(verdict.entry);
  allowed.once = verdict.ask;
  co_return allowed;
}

std::optional<Verdict> objection(const Policy& policy, const OpenConnection& connection) {
  const Target& target = connection.target;
  Verdict verdict = judge_target(policy, target);
  verdict.allowed = verdict.allowed || (verdict.ask && target.once);
  if (verdict.allowed && target.name && connection.reached)
    verdict = judge_reached(policy, target, *connection.reached);
  if (!verdict.allowed) return verdict;
  return connection.objection ? connection.objection(policy) : std::nullopt;
}

}  // namespace caisson::gate
