// SPDX-License-Identifier: Apache-2.0

#include "gate/gate_state.h"
#include "gate/hello_filter.h"
#include "gate/http_session.h"
#include "link/message.h"
#include "link/relay.h"

namespace caisson::gate {
namespace {

HelloRules hello_rules(const Gate::State& state, const Target& target) {
  // Where everything is allowed, a hidden name opens nothing more.
  const bool open = state.options.policy.fallback() == Default::kAllow;
  return {.name = target.name.value_or(""), .hidden = open ? Hidden::kAllowed : Hidden::kRefused};
}

// Why a connection was ended from elsewhere, once it was.
using CutOff = std::shared_ptr<std::optional<Verdict>>;

// What passes on a connection: bytes, or requests that are judged.
struct Passed {
  link::RelayEnd end = {};
  std::string refusal = {};  // why it was ended for what passed on it, "" when it was not
};

asio::awaitable<Passed> pass(StatePtr state, link::StreamPtr stream, Target target, Dialled dialled) {
  HelloLimits limits{.time = state->options.limits.hello, .held = state->held};
  limits.end = [stream, socket = dialled.socket] {
    stream->reset();
    link::abort_socket(*socket);
  };
  SpenderPtr spender = Spender::of(*stream, state->budget, state);
  const auto filter = std::make_shared<HelloFilter>(std::move(spender), hello_rules(*state, target), std::move(limits));
  Passed passed;
  passed.end = co_await link::relay(stream, dialled.socket, filter);
  passed.refusal = filter->objection();
  co_return passed;
}

// The proxy is told the name, which it may have rules for. Where it leads there is its own affair.
asio::awaitable<Dialled> dial_allowed(StatePtr state, Target target, Allowed allowed) {
  const DialLimits limits{.spare = &state->spare_sockets};
  if (!allowed.proxy) co_return co_await dial_tcp(state->executor, std::move(allowed.addresses), allowed.port, limits);
  ProxyDial tunnel{.proxy = allowed.proxy, .target = target.text(), .limits = limits};
  Dialled dialled;
  dialled.socket = co_await dial_proxy(state->executor, state->options.upstream, std::move(tunnel));
  if (!target.name) dialled.address = target.address;
  co_return dialled;
}

Dial dial_for(StatePtr state, const Target& target) {
  return [state, target](Allowed allowed) { return dial_allowed(state, target, std::move(allowed)); };
}

// `cut_off`: why it was ended from elsewhere.
void note_end(Gate::State& state, const Target& target, uint64_t id, const Passed& passed,
              const std::optional<Verdict>& cut_off) {
  if (!passed.refusal.empty()) state.count_refusal(target.text(), {.reason = passed.refusal, .allow = ""});
  const link::RelayEnd& end = passed.end;
  base::Json details{{"id", id}, {"received_bytes", end.to_stream_bytes}, {"sent_bytes", end.from_stream_bytes}};
  if (!passed.refusal.empty()) {
    note_cut_off(details, target, {.reason = passed.refusal});
  } else if (cut_off) {
    note_cut_off(details, target, *cut_off);
  } else if (!end.failure.empty()) {
    details["reason"] = end.failure;
  }
  state.record("disconnect", std::move(details));
}

// `session`: where the requests are read.
std::optional<Verdict> new_objection(const Policy& policy, const Target& target, const HttpSession* session) {
  const HttpJudged judged = session != nullptr ? session->judged() : HttpJudged::kNothing;
  // That it goes to where a secret goes is looked at when those change.
  if (judged < http_judged(policy, SandboxSecrets(), target))
    return Verdict{.reason = "more of its requests is judged now"};
  return session != nullptr ? session->objection(policy) : std::nullopt;
}

struct Served {
  link::StreamPtr stream;
  std::shared_ptr<HttpSession> session;  // where the requests are read
  CutOff cut_off;
};

OpenConnection open_connection(const Target& target, const Dialled& dialled, const Served& served) {
  OpenConnection connection{.target = target, .reached = dialled.address, .end = {}};
  connection.end = [served, socket = dialled.socket](const Verdict& why) {
    *served.cut_off = why;
    link::abort_socket(*socket);
    served.stream->reset();
  };
  connection.objection = [session = served.session, target](const Policy& policy) {
    return new_objection(policy, target, session.get());
  };
  if (served.session) {
    connection.reconsider = [session = served.session] { session->reconsider(); };
    connection.used_secret = [session = served.session](const std::string& name) { return session->used_secret(name); };
  }
  return connection;
}

// Null: its bytes pass as they are.
std::shared_ptr<HttpSession> session_for(const StatePtr& state, const Target& target, uint64_t id) {
  const HttpJudged judged = http_judged(state->options.policy, *state->secrets, target);
  return judged == HttpJudged::kNothing ? nullptr : std::make_shared<HttpSession>(state, target, id, judged);
}

}  // namespace

asio::awaitable<void> serve_tcp(StatePtr state, link::StreamPtr stream, Target target) {
  const uint64_t id = state->next_id++;
  const Dial dial = dial_for(state, target);
  const std::optional<Dialled> dialled = co_await reach(state, target, id, dial);
  if (!dialled) {
    co_await answer_refused(stream);
    co_return;
  }
  target.once = dialled->once;
  const CutOff cut_off = std::make_shared<std::optional<Verdict>>();
  const std::shared_ptr<HttpSession> session = session_for(state, target, id);
  const Registered registered(state, open_connection(target, *dialled, {stream, session, cut_off}));
  const base::Json made = link::ok_answer();
  co_await link::write_message(*stream, made);
  Passed passed;
  if (session) {
    passed.end = co_await session->serve(stream, dialled->socket);
    passed.refusal = session->refusal();
  } else {
    passed = co_await pass(state, stream, target, *dialled);
  }
  note_end(*state, target, id, passed, *cut_off);
}

}  // namespace caisson::gate
