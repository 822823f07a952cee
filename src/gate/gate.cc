// SPDX-License-Identifier: Apache-2.0

#include "gate/gate.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "base/scope.h"
#include "base/text.h"
#include "gate/failure.h"
#include "gate/gate_state.h"
#include "gate/watchdog.h"
#include "link/message.h"

namespace caisson::gate {
namespace {

constexpr uint16_t kNamePort = 53;
constexpr uint32_t kMaxRequestBytes = 1024;
constexpr std::chrono::seconds kFirstMessageLimit{30};

bool is_name_server(const Target& target) {
  return target.address == IpAddress::v4(kResolverAddress) && target.port == kNamePort;
}

// The request must come whole and soon: a stream that says nothing holds a place.
asio::awaitable<base::Json> read_first(StatePtr state, link::StreamPtr stream) {
  Watchdog patience(state->executor);
  patience.arm(kFirstMessageLimit, [stream] { stream->reset(); });
  co_return co_await link::read_message(*stream, kMaxRequestBytes);
}

asio::awaitable<void> serve_target(StatePtr state, link::StreamPtr stream, Target target) {
  if (is_name_server(target)) {
    co_await serve_names(state, stream, target.protocol);
    co_return;
  }
  ++state->connections;
  const base::Scope gone([&] { --state->connections; });
  if (target.protocol == Protocol::kTcp) {
    co_await serve_tcp(state, stream, std::move(target));
  } else {
    co_await serve_udp(state, stream, std::move(target));
  }
}

// What the guest opened. What it gets wrong, and the link's end, end its stream and nothing else; so does what goes
// wrong here, and that is said.
asio::awaitable<void> serve_stream(StatePtr state, link::StreamPtr stream) {
  std::string place;
  try {
    const base::Json first = co_await read_first(state, stream);
    const link::ConnectRequest request = link::from_json<link::ConnectRequest>(first);
    Target target = target_of(*state, request);
    place = target.text();
    co_await serve_target(state, stream, std::move(target));
  } catch (const base::Error&) {
  } catch (const std::exception& error) {
    state->record("disconnect", {{"target", place}, {"verdict", "failed"}, {"reason", failure_of(error)}});
  }
}

asio::awaitable<void> accept_streams(StatePtr state, std::shared_ptr<link::Session> session) {
  try {
    while (!state->closed) {
      link::StreamPtr stream = co_await session->accept();
      if (state->closed) break;
      asio::co_spawn(state->executor, serve_stream(state, std::move(stream)), asio::detached);
    }
  } catch (const base::Error&) {
    // The link has ended, and every stream with it.
  } catch (const std::exception& error) {
    if (state->options.failed) state->options.failed(std::string("its network: ") + error.what());
  }
}

}  // namespace

void Gate::State::count_refusal(const std::string& target, Refusals::Target why) {
  ++refusals.count;
  const auto found = refusals.targets.find(target);
  if (found != refusals.targets.end()) {
    ++found->second.count;
  } else if (refusals.targets.size() < Refusals::kMostTargets) {
    why.count = 1;
    refusals.targets.emplace(target, std::move(why));
  }
}

Registered::Registered(StatePtr state, OpenConnection connection)
    : state_(std::move(state)),
      place_(state_->open.insert(state_->open.end(), std::move(connection))),
      pinned_(place_->target.name && state_->names.pin(place_->target.address)) {}

Registered::~Registered() {
  if (pinned_) state_->names.unpin(place_->target.address);
  state_->open.erase(place_);
}

Gate::Gate(asio::any_io_executor executor, GateOptions options)
    : state_(std::make_shared<State>(std::move(executor), std::move(options))) {}

Gate::~Gate() {
  close();
  state_->options.record = {};
  state_->budget.on_reserve({});
  state_->options.failed = {};
}

void Gate::close() {
  state_->closed = true;
  state_->questions.close();
  for (const OpenConnection& connection : state_->open) connection.end({.reason = "the sandbox ends"});
}

void Gate::serve(std::shared_ptr<link::Session> session) {
  asio::co_spawn(state_->executor, accept_streams(state_, std::move(session)), asio::detached);
}

const Policy& Gate::policy() const {
  return state_->options.policy;
}

void Gate::set_policy(Policy policy) {
  state_->options.policy = std::move(policy);
  state_->questions.recheck();
  for (const OpenConnection& connection : state_->open) {
    if (const auto why = objection(state_->options.policy, connection)) {
      connection.end(*why);
    } else if (connection.reconsider) {
      connection.reconsider();
    }
  }
}

void Gate::set_secrets(std::shared_ptr<const SandboxSecrets> secrets) {
  const std::shared_ptr<const SandboxSecrets> before = std::exchange(state_->secrets, std::move(secrets));
  for (const OpenConnection& connection : state_->open) {
    const Target& target = connection.target;
    if (target.protocol != Protocol::kTcp || !target.name) continue;
    if (state_->secrets->go_to(*target.name, target.port) || before->go_to(*target.name, target.port))
      connection.end({.reason = "the secrets that go there have changed"});
  }
}

void Gate::secret_changed(const std::string& name) {
  for (const OpenConnection& connection : state_->open) {
    if (connection.used_secret && connection.used_secret(name))
      connection.end(
          {.reason = "the secret " + base::in_quotes(name) + ", which was used on it, was changed or removed"});
  }
}

Questions& Gate::questions() {
  return state_->questions;
}

const Refusals& Gate::refusals() const {
  return state_->refusals;
}

const Uses& Gate::uses() const {
  return state_->uses;
}

size_t Gate::connections() const {
  return state_->connections;
}

uint64_t Gate::spent_bytes() const {
  return state_->budget.spent();
}

}  // namespace caisson::gate
