// SPDX-License-Identifier: Apache-2.0

#include "keeper/testing/fake_engine.h"

#include <sys/socket.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <csignal>

#include "base/error.h"
#include "base/scope.h"
#include "base/text.h"
#include "link/change_format.h"
#include "link/change_messages.h"
#include "link/message.h"

namespace caisson::keeper {
namespace {

using link::ExecFrame;
using link::StreamPtr;

// One machine: its session, its process's end.
struct Machine : std::enable_shared_from_this<Machine> {
  Machine(asio::any_io_executor on, FakeGuest& played, base::Fd link_end)
      : executor(on), guest(played), raw(link_end.duplicate()), changed(on) {
    session =
        std::make_unique<link::Session>(on, link::descriptor_transport(on, std::move(link_end)), link::Role::kServer);
  }

  void end(const std::string& text) {
    if (how) return;
    how = text;
    session->close();
    ::shutdown(raw.get(), SHUT_RDWR);
    changed.notify_all();
  }

  asio::any_io_executor executor;
  FakeGuest& guest;
  base::Fd raw;  // below the session
  std::unique_ptr<link::Session> session;
  link::Event changed;
  std::optional<std::string> how;
  uint64_t next_id = 1;
  int running = 0;                    // commands
  std::map<uint64_t, int> signalled;  // the last signal of each command
};
using MachinePtr = std::shared_ptr<Machine>;

asio::awaitable<void> write_text(StreamPtr stream, std::string text) {
  const std::span<const uint8_t> bytes(reinterpret_cast<const uint8_t*>(text.data()), text.size());
  co_await stream->write(bytes);
}

std::string frame(ExecFrame type, const std::string& payload) {
  std::array<uint8_t, link::kExecHeaderBytes> header;
  const link::ExecHeader fields{type, static_cast<uint32_t>(payload.size())};
  link::encode_exec_header(fields, header);
  return std::string(header.begin(), header.end()) + payload;
}

std::string exit_frame(const link::ExecResult& result) {
  return frame(ExecFrame::kExit, base::to_line(to_json(result)));
}
std::string exit_frame(int code) {
  link::ExecResult result;
  result.code = code;
  return exit_frame(result);
}

// The next of a command's input; nothing at its end.
asio::awaitable<std::optional<std::string>> next_input(StreamPtr stream) {
  std::array<uint8_t, link::kExecHeaderBytes> bytes{};
  co_await stream->read_exact(bytes);
  const link::ExecHeader header = link::decode_exec_header(bytes);
  std::vector<uint8_t> payload(header.length);
  if (header.length != 0) co_await stream->read_exact(payload);
  if (header.type == ExecFrame::kStdinEnd) co_return std::nullopt;
  co_return std::string(payload.begin(), payload.end());
}

asio::awaitable<void> cat(StreamPtr stream) {
  while (true) {
    const std::optional<std::string> input = co_await next_input(stream);
    if (!input) break;
    std::string echoed = frame(ExecFrame::kStdout, *input);
    co_await write_text(stream, std::move(echoed));
  }
  co_await write_text(stream, exit_frame(0));
}

// Large output in frames, as a guest has to.
asio::awaitable<void> play_git(MachinePtr machine, StreamPtr stream, link::ExecRequest request) {
  std::string input;
  while (request.keep_stdin) {
    const std::optional<std::string> part = co_await next_input(stream);
    if (!part) break;
    input += *part;
  }
  const FakeGuest::GitAnswer answer = machine->guest.git(request.argv, input);
  constexpr size_t kPart = 32U << 10;
  for (size_t at = 0; at < answer.out.size(); at += kPart) {
    std::string part = frame(ExecFrame::kStdout, answer.out.substr(at, kPart));
    co_await write_text(stream, std::move(part));
  }
  co_await write_text(stream, exit_frame(answer.code));
}

asio::awaitable<void> flood(MachinePtr machine, StreamPtr stream, uint64_t total) {
  const std::string block = frame(ExecFrame::kStdout, std::string(32U << 10, 'x'));
  for (uint64_t sent = 0; sent < total; sent += 32U << 10) {
    co_await write_text(stream, block);
    machine->guest.flooded_bytes += 32U << 10;
  }
  co_await write_text(stream, exit_frame(0));
}

asio::awaitable<void> wait_for_signal(MachinePtr machine, StreamPtr stream, uint64_t id, bool stubborn) {
  auto heard = [&] { return machine->signalled[id] == SIGKILL || (!stubborn && machine->signalled[id] == SIGTERM); };
  while (!heard() && !machine->how) co_await machine->changed.wait();
  link::ExecResult result;
  result.signal = machine->signalled[id];
  co_await write_text(stream, exit_frame(result));
}

asio::awaitable<void> hit_limits(StreamPtr stream) {
  link::ExecResult result;
  result.code = 1;
  result.oom_kills = 1;
  result.pids_refused = 12;
  result.disk_full = true;
  co_await write_text(stream, exit_frame(result));
}

// Whether the command is known, decided before kStarted.
bool is_known(const std::string& name) {
  for (const char* known : {"exit", "echo", "cat", "flood", "wait", "stubborn", "hits-limits", "wrong-frame", "garbage",
                            "break-off", "power-off"}) {
    if (name == known) return true;
  }
  return false;
}

asio::awaitable<void> run_command(MachinePtr machine, StreamPtr stream, std::vector<std::string> argv, uint64_t id) {
  const std::string& name = argv[0];
  if (name == "exit") co_await write_text(stream, exit_frame(std::stoi(argv[1])));
  if (name == "echo") co_await write_text(stream, frame(ExecFrame::kStdout, argv[1]) + exit_frame(0));
  if (name == "cat") co_await cat(stream);
  if (name == "flood") co_await flood(machine, stream, std::stoull(argv[1]));
  if (name == "wait" || name == "stubborn") co_await wait_for_signal(machine, stream, id, name == "stubborn");
  if (name == "hits-limits") co_await hit_limits(stream);
  if (name == "wrong-frame") co_await write_text(stream, frame(ExecFrame::kStdin, "x"));
  if (name == "garbage") {
    while (machine->signalled[id] == 0 && !machine->how) co_await machine->changed.wait();
    const std::string bytes(64, '\xee');
    ::send(machine->raw.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }
  if (name == "break-off") stream->reset();
  if (name == "power-off") machine->end("the machine powered off");
}

asio::awaitable<void> serve_exec(MachinePtr machine, StreamPtr stream, link::ExecRequest request) {
  machine->guest.requests.push_back(request);
  while (!machine->guest.answers_commands && !machine->how) co_await machine->changed.wait();
  const bool is_git = request.argv[0] == "git" && machine->guest.git;
  if (!is_git && !is_known(request.argv[0])) {
    link::ExecFailure failure;
    failure.error = "'" + request.argv[0] + "' was not found\n";
    failure.exit_code = 127;
    co_await write_text(stream, frame(ExecFrame::kError, base::to_line(to_json(failure))));
    co_return;
  }
  link::ExecStarted started;
  started.id = machine->next_id++;
  started.pid = 100;
  co_await write_text(stream, frame(ExecFrame::kStarted, base::to_line(to_json(started))));
  ++machine->running;
  base::Scope ended([&] {
    --machine->running;
    machine->changed.notify_all();
  });
  try {
    if (is_git) {
      co_await play_git(machine, stream, request);
    } else {
      co_await run_command(machine, stream, request.argv, started.id);
    }
    co_await stream->close_write();
  } catch (const base::Error&) {
    if (!machine->how) ++machine->guest.resets;
  }
}

asio::awaitable<void> serve_port(StreamPtr stream, link::PortRequest request) {
  const bool known = request.port == 7;
  const base::Json answer = known ? link::ok_answer() : link::error_answer("connection refused");
  co_await link::write_message(*stream, answer);
  if (!known) co_return;
  std::vector<uint8_t> buffer(16384);
  std::string all;
  while (const size_t count = co_await stream->read_some(buffer))
    all.append(buffer.begin(), buffer.begin() + static_cast<long>(count));
  co_await write_text(stream, "got " + all);
  co_await stream->close_write();
}

asio::awaitable<void> serve_copy(MachinePtr machine, StreamPtr stream, link::CopyRequest request) {
  const base::Json accepted = link::ok_answer();
  co_await link::write_message(*stream, accepted);
  const bool stands_still = request.path == "/stands-still";
  std::vector<uint8_t> buffer(16384);
  if (!request.put) {
    co_await write_text(stream, "archive of " + request.path);
    if (stands_still) co_await stream->read_some(buffer);  // nothing comes, until the stream is reset
    co_await stream->close_write();
    co_return;
  }
  if (stands_still) co_await machine->changed.wait();
  while (const size_t count = co_await stream->read_some(buffer)) machine->guest.copied_bytes += count;
  const base::Json verdict = request.path == "/full" ? link::error_answer("no space left\x1b") : link::ok_answer();
  co_await link::write_message(*stream, verdict);
  co_await stream->close_write();
}

asio::awaitable<void> serve_fuse(MachinePtr machine, StreamPtr stream) {
  const base::Json accepted = link::ok_answer();
  co_await link::write_message(*stream, accepted);
  co_await write_text(stream, "ping");
  std::vector<uint8_t> buffer(4096);
  while (const size_t count = co_await stream->read_some(buffer))
    machine->guest.share_answers.append(buffer.begin(), buffer.begin() + static_cast<long>(count));
  co_await stream->close_write();
}

// Content goes with the records, whether it was asked for or not: files are empty here.
asio::awaitable<void> serve_changes(MachinePtr machine, StreamPtr stream, link::ChangesRequest request) {
  const base::Json accepted = link::ok_answer();
  co_await link::write_message(*stream, accepted);
  std::string records = machine->guest.changes[request.id];
  link::encode_change({}, records);
  co_await write_text(stream, std::move(records));
  co_await stream->close_write();
}

base::Json hello_answer() {
  link::Hello hello;
  hello.version = "fake";
  hello.kernel = "0";
  hello.docker = "absent";
  base::Json answer = to_json(hello);
  answer["ok"] = true;
  return answer;
}

// The answer to one request of the control stream.
base::Json obey(Machine& machine, const link::ControlRequest& request) {
  using Operation = link::ControlRequest::Operation;
  FakeGuest& guest = machine.guest;
  base::Json answer = link::ok_answer();
  if (request.operation == Operation::kHello) return hello_answer();
  if (request.operation == Operation::kConfigure) guest.configured = request.configure;
  if (request.operation == Operation::kResize) guest.size = request.size;
  if (request.operation == Operation::kEnd) ++guest.ended_commands;
  if (request.operation == Operation::kMount) {
    guest.mounts.push_back(request.mount);
    guest.commands_at_mount = guest.requests.size();
    if (!guest.refuses_mounts.empty()) return link::error_answer(guest.refuses_mounts);
  }
  if (request.operation == Operation::kStats) {
    link::Stats stats;
    stats.processes = 5;
    answer = to_json(stats);
    answer["ok"] = true;
  }
  if (request.operation == Operation::kSignal) {
    guest.signals.emplace_back(request.exec_id, request.signal);
    machine.signalled[request.exec_id] = request.signal;
    machine.changed.notify_all();
  }
  return answer;
}

// TERM to all, and when the commands have said their last, the end.
asio::awaitable<void> power_off(MachinePtr machine) {
  for (uint64_t id = 1; id < machine->next_id; ++id) machine->signalled[id] = SIGTERM;
  machine->changed.notify_all();
  while (machine->running > 0 && !machine->how) co_await machine->changed.wait();
  machine->end("the machine powered off");
}

asio::awaitable<void> serve_control(MachinePtr machine, StreamPtr stream) {
  using Operation = link::ControlRequest::Operation;
  while (true) {
    const base::Json message = co_await link::read_message(*stream);
    const auto request = link::from_json<link::ControlRequest>(message);
    if (request.operation == Operation::kHello && !machine->guest.answers_hello) continue;
    if (request.operation == Operation::kSignal && !machine->guest.answers_signals) continue;
    if (machine->guest.hangs && machine->guest.configured) continue;
    const base::Json answer = obey(*machine, request);
    co_await link::write_message(*stream, answer);
    if (request.operation == Operation::kPoweroff) machine->guest.until_kill = request.until_kill;
    if (request.operation == Operation::kPoweroff && machine->guest.obeys_power_off) co_await power_off(machine);
  }
}

asio::awaitable<void> serve_stream(MachinePtr machine, StreamPtr stream) {
  try {
    base::Json first = co_await link::read_message(*stream);
    const std::string service = link::service_of(first);
    if (service == "control") co_await serve_control(machine, stream);
    first.erase("service");
    if (machine->guest.hangs) {
      std::array<uint8_t, 1> byte{};
      co_await stream->read_exact(byte);  // nothing comes, until the stream is reset
    }
    if (service == "exec") co_await serve_exec(machine, stream, link::from_json<link::ExecRequest>(first));
    if (service == "port") co_await serve_port(stream, link::from_json<link::PortRequest>(first));
    if (service == "fuse") co_await serve_fuse(machine, stream);
    if (service == "changes" && machine->guest.lists_changes)
      co_await serve_changes(machine, stream, link::from_json<link::ChangesRequest>(first));
    if (service == "copy") co_await serve_copy(machine, stream, link::from_json<link::CopyRequest>(first));
  } catch (const base::Error&) {
    // The stream or the session has ended.
  }
}

asio::awaitable<void> accept_streams(MachinePtr machine) {
  try {
    while (true) {
      StreamPtr stream = co_await machine->session->accept();
      asio::co_spawn(machine->executor, serve_stream(machine, stream), asio::detached);
    }
  } catch (const base::Error&) {
  }
}

asio::awaitable<void> run_session(MachinePtr machine) {
  co_await machine->session->run();
}

class ShortOfMemory final : public link::Transport {
 public:
  ShortOfMemory(MachinePtr machine, std::unique_ptr<link::Transport> below)
      : machine_(std::move(machine)), below_(std::move(below)) {}
  asio::awaitable<size_t> read_some(std::span<uint8_t> into) override {
    const size_t got = co_await below_->read_some(into);
    if (machine_->guest.memory_runs_out) throw std::bad_alloc();
    co_return got;
  }
  asio::awaitable<void> write_all(std::span<const uint8_t> from) override { return below_->write_all(from); }
  size_t try_write(std::span<const iovec> parts) override { return below_->try_write(parts); }
  void close() override { below_->close(); }

 private:
  MachinePtr machine_;
  std::unique_ptr<link::Transport> below_;
};

class FakeInstance final : public engine::Instance {
 public:
  FakeInstance(MachinePtr machine, std::unique_ptr<link::Transport> transport)
      : machine_(std::move(machine)), transport_(std::move(transport)) {}
  ~FakeInstance() override { kill(); }
  std::unique_ptr<link::Transport> take_link() override { return std::move(transport_); }
  asio::awaitable<std::string> wait() override { return wait_for(machine_); }
  void kill() override {
    machine_->guest.killed = machine_->guest.killed || !machine_->how;
    machine_->end("the fake machine was killed");
  }
  std::vector<engine::WallPart> wall() const override { return machine_->guest.wall; }
  std::string accelerator() const override { return "fake"; }
  int64_t pid() const override { return 4242; }

 private:
  static asio::awaitable<std::string> wait_for(MachinePtr machine) {
    while (!machine->how) co_await machine->changed.wait();
    co_return *machine->how;
  }

  MachinePtr machine_;
  std::unique_ptr<link::Transport> transport_;
};

}  // namespace

engine::Plan FakeEngine::plan(const spec::SandboxSpec& spec) const {
  return {.spec = spec, .engine = "fake", .details = base::Json{{"image_digest", "sha256:0"}}};
}

std::unique_ptr<engine::Instance> FakeEngine::start(const engine::Plan&, const engine::StartContext& context) {
  if (!guest_.start_error.empty()) throw base::Error(guest_.start_error, "mend the fake");
  ++guest_.starts;
  base::FdPair ends = base::make_socketpair();
  const auto machine = std::make_shared<Machine>(context.executor, guest_, std::move(ends.second));
  asio::co_spawn(context.executor, run_session(machine), asio::detached);
  asio::co_spawn(context.executor, accept_streams(machine), asio::detached);
  guest_.die = [weak = std::weak_ptr(machine)](const std::string& how) {
    if (const MachinePtr alive = weak.lock()) alive->end(how);
  };
  auto transport =
      std::make_unique<ShortOfMemory>(machine, link::descriptor_transport(context.executor, std::move(ends.first)));
  return std::make_unique<FakeInstance>(machine, std::move(transport));
}

}  // namespace caisson::keeper
