// SPDX-License-Identifier: Apache-2.0

#include "keeper/exec_session.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/this_coro.hpp>
#include <optional>

#include "base/error.h"
#include "base/scope.h"
#include "base/text.h"
#include "keeper/frames.h"
#include "keeper/turn.h"

namespace caisson::keeper {
namespace {

using link::ExecFrame;

// The guest sent something that no init of ours sends.
class Violation : public base::Error {
 public:
  using base::Error::Error;
};

class ClientGone : public std::exception {};

struct Session final : ExecClient {
  ExecEnvironment environment;
  link::StreamPtr stream;
  ChannelPtr channel;
  std::optional<Turn> output_turn;
  std::optional<link::TtySize> tty;  // of the command
  bool client_gone = false;          // the command with it
  bool let_client_go = false;
  bool over = false;  // the client has its last frame

  void let_go() override {
    let_client_go = true;
    channel->close();
  }
  void leave() {
    if (let_client_go) return;
    client_gone = true;
    if (stream) stream->reset();  // there is none where the guest has not answered
    channel->close();
  }
};
using SessionPtr = std::shared_ptr<Session>;

asio::awaitable<void> to_client(SessionPtr session, std::span<const uint8_t> bytes) {
  if (session->let_client_go) co_return;
  try {
    const Turn::Held held = co_await session->output_turn->take();
    co_await session->channel->write(bytes);
  } catch (const base::Error&) {
    session->leave();
    if (session->client_gone) throw ClientGone();
  }
}

// What the keeper has to say, between the frames of the command.
asio::awaitable<void> tell(SessionPtr session) {
  const std::shared_ptr<Notices> notices = session->environment.notices;
  size_t seen = notices->count();
  while (true) {
    const std::string line = co_await notices->next(seen, session->over);
    if (session->over) co_return;
    const std::vector<uint8_t> frame = notice_frame(line, session->tty);
    try {
      co_await to_client(session, frame);
    } catch (const ClientGone&) {
      co_return;
    }
  }
}

asio::awaitable<void> watch(SessionPtr session) {
  co_await session->channel->wait_gone();
  session->leave();
}

asio::awaitable<void> take_input(SessionPtr session) {
  try {
    FrameReader reader(source_of(session->channel));
    while (true) {
      const FrameBatch batch = co_await reader.next();
      if (batch.bytes.empty()) break;
      if (batch.type != ExecFrame::kStdin && batch.type != ExecFrame::kStdinEnd) break;
      co_await session->stream->write(batch.bytes);
    }
  } catch (const std::exception&) {
    // Either end has gone; what that means is the other direction's to say.
    co_return;
  }
  session->leave();
}

std::vector<uint8_t> exit_frame(Session& session, std::string_view payload) {
  const auto result = link::from_json<link::ExecResult>(base::parse_json_object(payload, "the guest's result"));
  KeeperExit exit = make_exit(result, session.environment.limits);
  if (session.environment.amend) session.environment.amend(exit);
  if (session.environment.on_end) session.environment.on_end(exit.code);
  return make_frame(ExecFrame::kExit, to_json(exit));
}

// The frame that the client gets in place of the guest's.
std::vector<uint8_t> checked(const SessionPtr& session, const FrameBatch& batch) {
  try {
    if (batch.type == ExecFrame::kExit) return exit_frame(*session, batch.payload());
    if (batch.type == ExecFrame::kError) {
      const CommandError error = command_error_from_guest(batch.payload());
      if (session->environment.on_end) session->environment.on_end(error.exit_code);
      return make_error_frame(error);
    }
    if (batch.type == ExecFrame::kStarted) {
      const auto json = base::parse_json_object(batch.payload(), "the guest's answer");
      const auto started = link::from_json<link::ExecStarted>(json);
      session->environment.on_start(started.id, session);
      return make_frame(ExecFrame::kStarted, to_json(started));
    }
  } catch (const base::Error& error) {
    throw Violation(error.problem());
  }
  throw Violation("the guest sent a frame that it must not");
}

// Until the command's last frame.
asio::awaitable<void> pass_output(SessionPtr session) {
  FrameReader reader(source_of(session->stream));
  while (true) {
    const FrameBatch batch = co_await reader.next();
    if (batch.bytes.empty()) throw Violation("the guest closed a command's stream before its end");
    if (batch.is_output()) {
      co_await to_client(session, batch.bytes);
      continue;
    }
    const std::vector<uint8_t> frame = checked(session, batch);
    co_await to_client(session, frame);
    if (batch.type != ExecFrame::kStarted) co_return;
  }
}

asio::awaitable<void> say_last(SessionPtr session, std::optional<link::NoAnswer> silence) {
  try {
    std::vector<uint8_t> frame;
    if (silence) {
      frame = make_error_frame(CommandError{silence->problem(), silence->hint(), kExitOurs});
    } else {
      frame = co_await session->environment.last_frame();
    }
    co_await to_client(session, frame);
  } catch (const std::exception&) {
    // The client has gone as well.
  }
}

}  // namespace

asio::awaitable<void> serve_exec(ExecEnvironment environment, link::ExecRequest request, ChannelPtr channel) {
  const auto session = std::make_shared<Session>();
  session->environment = std::move(environment);
  session->channel = std::move(channel);
  session->output_turn.emplace(co_await asio::this_coro::executor);
  session->tty = request.tty;
  const base::Scope over([session] {
    session->over = true;
    session->environment.notices->wake();
  });
  bool lost = false;
  std::optional<link::NoAnswer> silence;
  try {
    session->stream = co_await session->environment.guest->exec(std::move(request));
    const auto executor = co_await asio::this_coro::executor;
    asio::co_spawn(executor, watch(session), asio::detached);
    asio::co_spawn(executor, take_input(session), asio::detached);
    asio::co_spawn(executor, tell(session), asio::detached);
    co_await pass_output(session);
  } catch (const Violation& violation) {
    session->environment.on_violation(violation.problem());
    lost = true;
  } catch (const ClientGone&) {
    co_return;
  } catch (const link::NoAnswer& error) {
    silence = error;
    lost = true;
  } catch (const std::exception&) {
    lost = true;
  }
  if (lost && !session->client_gone) co_await say_last(session, std::move(silence));
  session->channel->shutdown_write();
}

}  // namespace caisson::keeper
