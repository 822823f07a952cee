// SPDX-License-Identifier: Apache-2.0

// One connection from its judgement to its socket, and what the ledger says of it.

#include "gate/gate_state.h"
#include "link/message.h"

namespace caisson::gate {
namespace {

base::Json describe(const Target& target, std::string_view verdict) {
  base::Json json = place_of(target);
  json["verdict"] = std::string(verdict);
  return json;
}

void note_refusal(Gate::State& state, const Target& target, const Refused& refused) {
  base::Json details = describe(target, "refused");
  details["reason"] = refused.problem();
  if (refused.entry()) note_denying_rule(details, *refused.entry());
  state.record("connect", std::move(details));
  if (refused.is_limit()) return state.note_limit(refused.problem());
  state.count_refusal(target.text(),
                      {.reason = refused.problem(), .allow = refused.allow(), .own_networks = refused.own_networks()});
}

const StandIn* stand_in_for(const Gate::State& state, const Target& target) {
  return target.name ? state.options.policy.stand_in_for(*target.name, target.port) : nullptr;
}

// An address that is not public needs a rule of its own, besides the one for the name that led to it, unless the user
// has led it there.
void note_use(Gate::State& state, const Target& target, const std::optional<IpAddress>& reached) {
  if (target.name) state.uses.add({.protocol = target.protocol, .host = *target.name, .port = target.port});
  if (!target.name) state.uses.add({.protocol = target.protocol, .host = target.address, .port = target.port});
  if (!target.name || target.name == kHostName || !reached) return;
  if (stand_in_for(state, target) != nullptr) return;
  if (state.options.policy.kind_of(*reached) != AddressKind::kPublic)
    state.uses.add({.protocol = target.protocol, .host = *reached, .port = target.port});
}

base::Json describe(const Gate::State& state, const Target& target, const Allowed& allowed) {
  base::Json details = describe(target, "allowed");
  if (allowed.once) details["answer"] = "once";
  if (allowed.proxy) details["proxy"] = allowed.proxy->text();
  if (const StandIn* stand_in = stand_in_for(state, target)) details["resolve"] = to_string(*stand_in);
  if (allowed.entry) details["rule"] = to_string(allowed.entry->rule);
  return details;
}

void require_still(const Gate::State& state, const Target& target, const Dialled& dialled) {
  const OpenConnection made{.target = target, .reached = dialled.address, .end = {}};
  if (const auto why = objection(state.options.policy, made)) throw Refused(*why, "");
}

asio::awaitable<Dialled> judge_and_dial(StatePtr state, Target target, uint64_t id, Dial dial) {
  if (state->budget.used_up()) throw Refused::by_limit(state->budget.used_up_words());
  if (state->connections > state->options.limits.connections)
    throw Refused::by_limit("the limit of " + std::to_string(state->options.limits.connections) +
                            " connections at a time is reached (" + state->options.limits.connections_hint + ")");
  Allowed allowed = co_await judge(state, target);
  target.once = allowed.once;
  base::Json details = describe(*state, target, allowed);
  details["id"] = id;
  Dialled dialled = co_await dial(std::move(allowed));
  dialled.once = target.once;
  // The policy may have changed while the name was resolved and the connection made.
  require_still(*state, target, dialled);
  if (dialled.address) details["address"] = to_string(*dialled.address);
  state->record("connect", std::move(details));
  note_use(*state, target, dialled.address);
  co_return dialled;
}

}  // namespace

base::Json place_of(const Target& target) {
  base::Json json{{"protocol", std::string(to_string(target.protocol))}, {"port", target.port}};
  if (target.name) json["name"] = *target.name;
  if (!target.name) json["address"] = to_string(target.address);
  return json;
}

asio::awaitable<std::optional<Dialled>> reach(StatePtr state, Target target, uint64_t id, Dial dial) {
  try {
    co_return co_await judge_and_dial(state, target, id, std::move(dial));
  } catch (const Refused& refused) {
    note_refusal(*state, target, refused);
  } catch (const base::Error& error) {
    base::Json details = describe(target, "failed");
    details["reason"] = error.problem();
    state->record("connect", std::move(details));
  }
  co_return std::nullopt;
}

asio::awaitable<void> answer_refused(link::StreamPtr stream) {
  const base::Json answer = link::error_answer("refused");
  co_await link::write_message(*stream, answer);
  co_await stream->close_write();
}

}  // namespace caisson::gate
