// SPDX-License-Identifier: Apache-2.0

#include "link/guest_client.h"

#include <algorithm>
#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <list>

#include "base/error.h"
#include "base/scope.h"
#include "base/text.h"
#include "link/deadline.h"
#include "link/event.h"
#include "link/own_failure.h"

namespace caisson::link {

using Operation = ControlRequest::Operation;

// Shared with the coroutines that are under way, which may outlive the client.
struct GuestClient::State {
  State(asio::any_io_executor runs_on, std::unique_ptr<Transport> transport, std::function<void(std::string)> end,
        Limits limits)
      : executor(runs_on),
        session(runs_on, std::move(transport), Role::kClient, limits),
        on_end(std::move(end)),
        ended(runs_on),
        next_turn(runs_on) {}

  asio::any_io_executor executor;
  Session session;
  Patience patience;
  std::function<void(std::string)> on_end;
  Event ended;

  // The control stream belongs to one request at a time, the first in `turns`.
  StreamPtr control;
  std::list<int> turns;
  Event next_turn;

  static asio::awaitable<void> run(std::shared_ptr<State> self);
  static asio::awaitable<base::Json> ask(std::shared_ptr<State> self, ControlRequest request, std::string doing);
  static asio::awaitable<base::Json> ask_in_time(std::shared_ptr<State> self, ControlRequest request,
                                                 std::string doing);
  static asio::awaitable<base::Json> ask_apart(std::shared_ptr<State> self, ControlRequest request, std::string doing);
  static asio::awaitable<StreamPtr> open_with(std::shared_ptr<State> self, base::Json first_message);
  static asio::awaitable<StreamPtr> open_begun(std::shared_ptr<State> self, base::Json first_message);
  static asio::awaitable<StreamPtr> open_answered(std::shared_ptr<State> self, base::Json first_message,
                                                  std::string doing);
};

asio::awaitable<void> GuestClient::State::run(std::shared_ptr<State> self) {
  std::string reason;
  try {
    reason = co_await self->session.run();
  } catch (const std::exception& error) {
    // Not the other end's fault: memory ran out here. Whoever waits for the end must hear of it all the same.
    reason = std::string(kOwnFailure) + error.what();
    self->session.close();
  }
  self->ended.notify_all();
  if (self->on_end) std::exchange(self->on_end, {})(reason);
}

asio::awaitable<StreamPtr> GuestClient::State::open_with(std::shared_ptr<State> self, base::Json first_message) {
  const StreamPtr stream = co_await self->session.open();
  co_await write_message(*stream, first_message);
  co_return stream;
}

// Until its first bytes are there.
asio::awaitable<StreamPtr> GuestClient::State::open_begun(std::shared_ptr<State> self, base::Json first_message) {
  const StreamPtr stream = co_await open_with(self, std::move(first_message));
  co_await stream->readable();
  co_return stream;
}

asio::awaitable<StreamPtr> GuestClient::State::open_answered(std::shared_ptr<State> self, base::Json first_message,
                                                             std::string doing) {
  const StreamPtr stream = co_await open_with(self, std::move(first_message));
  base::Json answer = co_await read_message(*stream);
  checked_answer(std::move(answer), doing);
  co_return stream;
}

asio::awaitable<base::Json> GuestClient::State::ask(std::shared_ptr<State> self, ControlRequest request,
                                                    std::string doing) {
  const auto mine = self->turns.emplace(self->turns.end());
  const base::Scope give_on([&self, mine] {
    self->turns.erase(mine);
    self->next_turn.notify_all();
  });
  while (mine != self->turns.begin()) co_await self->next_turn.wait();
  // Cancelled between request and answer, or answered with what is not an answer: the next request has a stream of its
  // own.
  StreamPtr stream = std::exchange(self->control, nullptr);
  if (!stream) {
    base::Json first{{"service", "control"}};
    stream = co_await open_with(self, std::move(first));
  }
  const base::Json message = to_json(request);
  co_await write_message(*stream, message);
  base::Json answer = co_await read_message(*stream);
  self->control = stream;
  co_return checked_answer(std::move(answer), doing);
}

asio::awaitable<base::Json> GuestClient::State::ask_in_time(std::shared_ptr<State> self, ControlRequest request,
                                                            std::string doing) {
  NoAnswer late(doing);
  co_return co_await within(self->executor, self->patience.control, ask(self, std::move(request), std::move(doing)),
                            std::move(late));
}

// On a control stream of its own: what is asked meanwhile need not wait for it.
asio::awaitable<base::Json> GuestClient::State::ask_apart(std::shared_ptr<State> self, ControlRequest request,
                                                          std::string doing) {
  base::Json first{{"service", "control"}};
  const StreamPtr stream = co_await open_with(self, std::move(first));
  const base::Json message = to_json(request);
  co_await write_message(*stream, message);
  base::Json answer = co_await read_message(*stream);
  co_return checked_answer(std::move(answer), doing);
}

NoAnswer::NoAnswer(const std::string& doing)
    : base::Error(doing + ": the sandbox's init does not answer",
                  "`caisson stop` and `caisson rm -f` work all the same") {}

GuestClient::GuestClient(asio::any_io_executor executor, std::unique_ptr<Transport> transport,
                         std::function<void(std::string reason)> on_end, FromGuest from_guest)
    : state_(std::make_shared<State>(
          executor, std::move(transport), std::move(on_end),
          from_guest == FromGuest::kReset ? Limits{.max_waiting_accepts = 0} : Limits{.max_waiting_accepts = 1024})) {
  asio::co_spawn(executor, State::run(state_), asio::detached);
}

GuestClient::~GuestClient() {
  state_->on_end = {};
  close();
}

Session& GuestClient::session() {
  return state_->session;
}

std::shared_ptr<Session> GuestClient::share_session() {
  return {state_, &state_->session};
}

void GuestClient::set_patience(Patience patience) {
  state_->patience = patience;
}

void GuestClient::close() {
  state_->control.reset();
  state_->session.close();
}

asio::awaitable<Hello> GuestClient::hello() {
  ControlRequest request;
  request.operation = Operation::kHello;
  const base::Json answer = co_await State::ask(state_, std::move(request), "cannot greet the sandbox's init");
  Hello hello = from_json<Hello>(answer);
  if (hello.protocol != kProtocolVersion)
    throw base::Error("the sandbox's init speaks version " + std::to_string(hello.protocol) + " of the link's protocol",
                      "this caisson speaks version " + std::to_string(kProtocolVersion));
  co_return hello;
}

asio::awaitable<void> GuestClient::configure(Configure configure) {
  ControlRequest request;
  request.operation = Operation::kConfigure;
  request.configure = std::move(configure);
  co_await State::ask(state_, std::move(request), "cannot configure the sandbox");
}

asio::awaitable<std::string> GuestClient::wait_docker() {
  ControlRequest request;
  request.operation = Operation::kWaitDocker;
  const base::Json answer =
      co_await State::ask_apart(state_, std::move(request), "cannot wait for the sandbox's Docker Engine");
  base::JsonReader reader(answer, "answer to wait-docker");
  auto docker = reader.required<std::string>("docker");
  reader.finish();
  co_return docker;
}

asio::awaitable<void> GuestClient::freeze() {
  ControlRequest request;
  request.operation = Operation::kFreeze;
  const std::shared_ptr<State> state = state_;
  co_await State::ask(state, std::move(request), "cannot make the sandbox ready to be frozen");
  while (!state->session.ended()) co_await state->ended.wait();
}

asio::awaitable<void> GuestClient::poweroff(std::chrono::seconds until_kill) {
  ControlRequest request;
  request.operation = Operation::kPoweroff;
  request.until_kill = until_kill;
  co_await State::ask_in_time(state_, std::move(request), "cannot power the sandbox off");
}

asio::awaitable<void> GuestClient::signal(uint64_t exec_id, int signal) {
  ControlRequest request;
  request.operation = Operation::kSignal;
  request.exec_id = exec_id;
  request.signal = signal;
  co_await State::ask_in_time(state_, std::move(request), "cannot send signal " + std::to_string(signal));
}

asio::awaitable<void> GuestClient::resize(uint64_t exec_id, TtySize size) {
  ControlRequest request;
  request.operation = Operation::kResize;
  request.exec_id = exec_id;
  request.size = size;
  co_await State::ask_in_time(state_, std::move(request), "cannot resize the terminal");
}

asio::awaitable<Stats> GuestClient::stats() {
  ControlRequest request;
  request.operation = Operation::kStats;
  const base::Json answer =
      co_await State::ask_in_time(state_, std::move(request), "cannot ask the sandbox for its numbers");
  co_return from_json<Stats>(answer);
}

asio::awaitable<void> GuestClient::mount(Mount mount) {
  const std::string doing = "cannot mount the workspace " + base::in_quotes(mount.target);
  ControlRequest request;
  request.operation = Operation::kMount;
  request.mount = std::move(mount);
  NoAnswer late(doing);
  co_await within(state_->executor, state_->patience.control, State::ask_apart(state_, std::move(request), doing),
                  std::move(late));
}

asio::awaitable<void> GuestClient::end_commands(std::chrono::seconds until_kill) {
  const std::string doing = "cannot end the sandbox's commands";
  ControlRequest request;
  request.operation = Operation::kEnd;
  request.until_kill = until_kill;
  NoAnswer late(doing);
  co_await within(state_->executor, until_kill + state_->patience.control,
                  State::ask_apart(state_, std::move(request), doing), std::move(late));
}

asio::awaitable<StreamPtr> GuestClient::exec(ExecRequest request) {
  NoAnswer late("cannot start " + base::in_quotes(request.argv[0]));
  co_return co_await within(state_->executor, state_->patience.start, State::open_begun(state_, to_json(request)),
                            std::move(late));
}

asio::awaitable<StreamPtr> GuestClient::copy(CopyRequest request) {
  const std::string doing = "cannot copy " + base::in_quotes(request.path);
  NoAnswer late(doing);
  co_return co_await within(state_->executor, state_->patience.start,
                            State::open_answered(state_, to_json(request), doing), std::move(late));
}

asio::awaitable<StreamPtr> GuestClient::port(PortRequest request) {
  const std::string doing = "cannot connect to port " + std::to_string(request.port) + " of the sandbox";
  NoAnswer late(doing);
  co_return co_await within(state_->executor, state_->patience.start,
                            State::open_answered(state_, to_json(request), doing), std::move(late));
}

asio::awaitable<StreamPtr> GuestClient::changes(ChangesRequest request) {
  const std::string doing = "cannot list the changes of workspace " + std::to_string(request.id);
  NoAnswer late(doing);
  co_return co_await within(state_->executor, state_->patience.start,
                            State::open_answered(state_, to_json(request), doing), std::move(late));
}

asio::awaitable<void> GuestClient::discard(DiscardRequest request) {
  const std::string doing = "cannot discard the changes of workspace " + std::to_string(request.id);
  NoAnswer late(doing);
  const StreamPtr stream = co_await within(state_->executor, state_->patience.discard,
                                           State::open_answered(state_, to_json(request), doing), std::move(late));
  co_await stream->close_write();
}

asio::awaitable<StreamPtr> GuestClient::fuse(FuseRequest request) {
  const std::string doing = "cannot make the file system of workspace " + std::to_string(request.id);
  co_return co_await State::open_answered(state_, to_json(request), doing);
}

namespace {

// One exec frame with its payload. The payload is at most kMaxExecFrameBytes.
struct ReceivedFrame {
  ExecFrame type = ExecFrame::kError;
  std::string payload;
};

asio::awaitable<ReceivedFrame> read_exec_frame(Stream& stream) {
  std::array<uint8_t, kExecHeaderBytes> bytes;
  co_await stream.read_exact(bytes);
  const ExecHeader header = decode_exec_header(bytes);
  ReceivedFrame frame;
  frame.type = header.type;
  frame.payload.resize(header.length);
  co_await stream.read_exact(std::span(reinterpret_cast<uint8_t*>(frame.payload.data()), frame.payload.size()));
  co_return frame;
}

}  // namespace

asio::awaitable<GuestClient::Output> GuestClient::run(ExecRequest request, size_t max_bytes) {
  request.keep_stdin = false;
  const StreamPtr stream = co_await exec(std::move(request));
  Output output;
  bool started = false;
  while (true) {
    const ReceivedFrame frame = co_await read_exec_frame(*stream);
    if (frame.type == ExecFrame::kError) {
      const auto failure = from_json<ExecFailure>(base::parse_json_object(frame.payload, "failure of a command"));
      throw base::Error(base::escaped(failure.error), base::escaped(failure.hint));
    }
    if (started != (frame.type != ExecFrame::kStarted)) throw base::Error("exec frames in the wrong order on the link");
    started = true;
    if (frame.type == ExecFrame::kExit) {
      output.result = from_json<ExecResult>(base::parse_json_object(frame.payload, "result of a command"));
      co_await stream->close_write();
      co_return output;
    }
    if (frame.type == ExecFrame::kStdin || frame.type == ExecFrame::kStdinEnd)
      throw base::Error("an exec frame for the guest came from it");
    if (frame.type == ExecFrame::kStdout || frame.type == ExecFrame::kStderr)
      output.text.append(frame.payload, 0, max_bytes - output.text.size());
  }
}

}  // namespace caisson::link
