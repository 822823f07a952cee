// SPDX-License-Identifier: Apache-2.0

#include <sys/socket.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/scope.h"
#include "gate/gate_state.h"
#include "link/datagram.h"
#include "link/event.h"
#include "link/message.h"

namespace caisson::gate {
namespace {

// One flow. Ends when it was idle for long enough, when either end breaks, or when the policy says so.
struct Flow {
  Flow(StatePtr gate, link::StreamPtr opened, std::shared_ptr<link::Descriptor> connected)
      : state(std::move(gate)),
        stream(std::move(opened)),
        socket(std::move(connected)),
        spender(Spender::of(*stream, state->budget, state)),
        idle(state->executor),
        ended(state->executor) {}

  void end(const std::string& why) {
    if (over) return;
    over = true;
    reason = why;
    socket->close();
    stream->reset();
    idle.cancel();
    ended.notify_all();
  }
  void used() { last_use = std::chrono::steady_clock::now(); }

  StatePtr state;
  link::StreamPtr stream;
  std::shared_ptr<link::Descriptor> socket;
  SpenderPtr spender;
  asio::steady_timer idle;
  link::Event ended;
  std::chrono::steady_clock::time_point last_use = std::chrono::steady_clock::now();
  bool over = false;
  std::string reason;
  std::optional<Verdict> cut_off;  // by the policy
  uint64_t received_bytes = 0;
  uint64_t sent_bytes = 0;
};

asio::awaitable<void> to_guest(std::shared_ptr<Flow> flow) {
  constexpr size_t kBytes = link::kDatagramHeaderBytes + link::kMaxDatagramBytes;
  const auto buffer = std::make_unique_for_overwrite<uint8_t[]>(kBytes);
  try {
    while (!flow->over) {
      const ssize_t got =
          ::recv(flow->socket->get(), buffer.get() + link::kDatagramHeaderBytes, link::kMaxDatagramBytes, 0);
      if (got >= 0) {
        flow->used();
        flow->received_bytes += static_cast<size_t>(got);
        co_await flow->spender->spend(static_cast<size_t>(got));
        const std::span<uint8_t> room(buffer.get(), kBytes);
        co_await link::write_datagram(*flow->stream, room, static_cast<size_t>(got));
      } else if (errno == EAGAIN) {
        co_await flow->socket->readable();
      } else if (errno != EINTR) {
        throw base::system_error("cannot receive from", "flow");
      }
    }
  } catch (const base::Error& error) {
    flow->end(error.problem());
  }
}

asio::awaitable<void> from_guest(std::shared_ptr<Flow> flow) {
  try {
    while (true) {
      const std::optional<std::vector<uint8_t>> datagram = co_await link::read_datagram(*flow->stream);
      if (!datagram || flow->over) break;
      flow->used();
      flow->sent_bytes += datagram->size();
      co_await flow->spender->spend(datagram->size());
      if (flow->over) break;
      // One that the host's queue does not take is lost, as datagrams are.
      static_cast<void>(::send(flow->socket->get(), datagram->data(), datagram->size(), MSG_NOSIGNAL));
    }
    flow->end("");
  } catch (const base::Error& error) {
    flow->end(error.problem());
  }
}

asio::awaitable<void> end_when_idle(std::shared_ptr<Flow> flow) {
  const auto longest = flow->state->options.limits.idle_datagrams;
  while (!flow->over && std::chrono::steady_clock::now() - flow->last_use < longest) {
    flow->idle.expires_at(flow->last_use + longest);
    boost::system::error_code ignored;
    co_await flow->idle.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
  flow->end("");
}

asio::awaitable<Dialled> dial_first(StatePtr state, Allowed allowed) {
  if (state->datagram_flows >= state->options.limits.datagram_flows)
    throw Refused::by_limit("the limit of " + std::to_string(state->options.limits.datagram_flows) +
                            " flows of datagrams at a time is reached");
  co_return dial_udp(state->executor, allowed.addresses, allowed.port);
}

}  // namespace

asio::awaitable<void> serve_udp(StatePtr state, link::StreamPtr stream, Target target) {
  const uint64_t id = state->next_id++;
  const Dial dial = [state](Allowed allowed) { return dial_first(state, std::move(allowed)); };
  const std::optional<Dialled> dialled = co_await reach(state, target, id, dial);
  if (!dialled) {
    co_await answer_refused(stream);
    co_return;
  }
  target.once = dialled->once;
  ++state->datagram_flows;
  const base::Scope gone([&] { --state->datagram_flows; });
  const auto flow = std::make_shared<Flow>(state, stream, dialled->socket);
  OpenConnection connection{.target = target, .reached = dialled->address, .end = {}};
  connection.end = [flow](const Verdict& why) {
    if (!flow->over) flow->cut_off = why;
    flow->end(why.reason);
  };
  const Registered registered(state, std::move(connection));
  const base::Json made = link::ok_answer();
  co_await link::write_message(*stream, made);
  asio::co_spawn(state->executor, to_guest(flow), asio::detached);
  asio::co_spawn(state->executor, from_guest(flow), asio::detached);
  asio::co_spawn(state->executor, end_when_idle(flow), asio::detached);
  while (!flow->over) co_await flow->ended.wait();

  base::Json details{{"id", id}, {"received_bytes", flow->received_bytes}, {"sent_bytes", flow->sent_bytes}};
  if (flow->cut_off) {
    note_cut_off(details, target, *flow->cut_off);
  } else if (!flow->reason.empty()) {
    details["reason"] = flow->reason;
  }
  state->record("disconnect", std::move(details));
}

}  // namespace caisson::gate
