// SPDX-License-Identifier: Apache-2.0

#include "gate/gate_state.h"
#include "gate/hello_filter.h"
#include "link/message.h"
#include "link/relay.h"

namespace caisson::gate {
namespace {

HelloRules hello_rules(const Gate::State& state, const Target& target) {
  // Where everything is allowed, a hidden name opens nothing more.
  const bool open = state.options.policy.fallback() == Default::kAllow;
  return {.name = target.name.value_or(""), .hidden = open ? Hidden::kAllowed : Hidden::kRefused};
}

}  // namespace

asio::awaitable<void> serve_tcp(StatePtr state, link::StreamPtr stream, Target target) {
  const uint64_t id = state->next_id++;
  const Dial dial = [state, port = target.port](std::vector<IpAddress> addresses) {
    return dial_tcp(state->executor, std::move(addresses), port);
  };
  const std::optional<Dialled> dialled = co_await reach(state, target, id, dial);
  if (!dialled) {
    co_await answer_refused(stream);
    co_return;
  }
  const auto cut_off = std::make_shared<std::string>();
  OpenConnection connection{.target = target, .reached = dialled->address, .end = {}};
  connection.end = [stream, socket = dialled->socket, cut_off](const std::string& why) {
    *cut_off = why;
    link::abort_socket(*socket);
    stream->reset();
  };
  const Registered registered(state, std::move(connection));
  const base::Json made = link::ok_answer();
  co_await link::write_message(*stream, made);
  const auto filter = std::make_shared<HelloFilter>(state, state->budget, hello_rules(*state, target));
  const link::RelayEnd end = co_await link::relay(stream, dialled->socket, filter);

  if (!filter->objection().empty()) {
    *cut_off = filter->objection();
    state->count_refusal(target.text(), filter->objection(), "");
  }
  base::Json details{{"id", id}, {"received_bytes", end.to_stream_bytes}, {"sent_bytes", end.from_stream_bytes}};
  const std::string& why = cut_off->empty() ? end.failure : *cut_off;
  if (!why.empty()) details["reason"] = why;
  if (!cut_off->empty()) details["verdict"] = "refused";
  state->record("disconnect", std::move(details));
}

}  // namespace caisson::gate
