// SPDX-License-Identifier: Apache-2.0

#include "guest/exec.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <cstring>

#include "base/error.h"
#include "base/scope.h"
#include "base/text.h"
#include "guest/command.h"
#include "guest/spawn.h"
#include "guest/start.h"
#include "guest/waiting.h"
#include "link/message.h"

namespace caisson::guest {
namespace {

using link::ExecFrame;

constexpr int kOurFailure = 125;
constexpr int kNotExecutable = 126;
constexpr int kNotFound = 127;
constexpr size_t kMaxDrainBytes =
    1U << 20;  // a pipe holds 64 KiB, a terminal less; a flooding orphan must not go on for ever
constexpr uint64_t kFullDiskBytes = 64U << 10;

struct Command {
  std::shared_ptr<Execution> execution;
  Streams streams;
};

// Room for one frame; its content is not set before it is used.
using FrameBuffer = std::unique_ptr<uint8_t[]>;
FrameBuffer frame_buffer() {
  return std::make_unique_for_overwrite<uint8_t[]>(link::kExecHeaderBytes + link::kMaxExecFrameBytes);
}

std::span<uint8_t, link::kExecHeaderBytes> header_of(uint8_t* frame) {
  return std::span<uint8_t, link::kExecHeaderBytes>(frame, link::kExecHeaderBytes);
}

asio::awaitable<Command> start(Guest& guest, link::ExecRequest request) {
  if (!guest.configuration) throw base::Error("the sandbox is not configured yet");
  co_await guest.rehearsal.end();
  const bool terminal = request.tty.has_value();
  Start what{.doing = "cannot start " + base::in_quotes(request.argv[0])};
  const auto order = std::make_shared<CommandOrder>(
      CommandOrder{guest.anchors, guest.cgroups.exec(), guest.configuration->environment, std::move(request)});
  std::function<Streams(Birth&)> make = [order](Birth& birth) { return start_command(*order, birth); };
  Started<Streams> started = co_await start_process(guest, std::move(what), std::move(make));
  Command command;
  command.execution = std::make_shared<Execution>();
  command.execution->id = guest.executions.next_id();
  command.execution->pid = started.process.pid;
  command.execution->pidfd = std::move(started.process.pidfd);
  command.streams = std::move(started.made);
  if (terminal) command.execution->terminal = command.streams.output.duplicate();
  co_return command;
}

link::ExecFailure failure_of(const SpawnError& error) {
  link::ExecFailure failure;
  failure.error = error.what();
  failure.exit_code = kOurFailure;
  if (error.step() == SpawnError::Step::kExecute)
    failure.exit_code = error.errnum() == ENOENT || error.errnum() == ENOTDIR ? kNotFound : kNotExecutable;
  return failure;
}

asio::awaitable<void> send_json(link::Stream& stream, ExecFrame type, base::Json json) {
  const std::string text = base::to_line(json);
  std::vector<uint8_t> frame(link::kExecHeaderBytes + text.size());
  link::encode_exec_header({.type = type, .length = static_cast<uint32_t>(text.size())}, header_of(frame.data()));
  std::memcpy(frame.data() + link::kExecHeaderBytes, text.data(), text.size());
  co_await stream.write(frame);
}

// Host to command. Goes on reading after the command closed its stdin: the host must not be held up by that, and its
// reset must be seen.
asio::awaitable<void> relay_input(link::StreamPtr stream, std::shared_ptr<Execution> execution,
                                  std::shared_ptr<Descriptor> input) {
  const bool terminal = static_cast<bool>(execution->terminal);
  try {
    const FrameBuffer buffer = frame_buffer();
    while (true) {
      const std::span<uint8_t, link::kExecHeaderBytes> bytes = header_of(buffer.get());
      const size_t first = co_await stream->read_some(bytes);
      if (first == 0) break;  // the host will send no more
      if (first < bytes.size()) co_await stream->read_exact(bytes.subspan(first));
      const link::ExecHeader header = link::decode_exec_header(bytes);
      std::span<uint8_t> payload(buffer.get() + link::kExecHeaderBytes, header.length);
      co_await stream->read_exact(payload);
      // A terminal has no end of input: Ctrl-D is a byte like others.
      if (header.type == ExecFrame::kStdinEnd && !terminal) input->close();
      if (header.type != ExecFrame::kStdin) continue;
      while (input->is_open() && !payload.empty()) {
        const ssize_t put = ::write(input->get(), payload.data(), payload.size());
        if (put >= 0) {
          payload = payload.subspan(static_cast<size_t>(put));
        } else if (errno == EAGAIN) {
          co_await input->writable();
        } else if (errno != EINTR) {
          input->close();  // EPIPE: nobody reads it
        }
      }
    }
    if (!terminal) input->close();
  } catch (const base::Error&) {
    execution->signal(SIGKILL);
  }
}

// Waits for several descriptors with one Asio object: an epoll instance is itself readable when one of its members is.
class Watch {
 public:
  explicit Watch(const asio::any_io_executor& executor) : epoll_(executor, base::Fd(::epoll_create1(EPOLL_CLOEXEC))) {}
  void add(const base::Fd& fd, uint32_t what) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u32 = what;
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd.get(), &event) != 0)
      throw base::system_error("cannot watch", "stream");
  }
  void remove(const base::Fd& fd) { ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd.get(), nullptr); }
  // The bits of all that are ready; never 0.
  asio::awaitable<uint32_t> wait() {
    while (true) {
      epoll_event events[4];
      const int count = ::epoll_wait(epoll_.get(), events, 4, 0);
      uint32_t ready = 0;
      for (int i = 0; i < count; ++i) ready |= events[i].data.u32;
      if (ready != 0) co_return ready;
      co_await epoll_.readable();
    }
  }

 private:
  Descriptor epoll_;
};

enum Ready : uint32_t { kOutput = 1, kError = 2, kEnded = 4 };

// Command to host, in one coroutine: a stream has one writer.
class OutputRelay {
 public:
  OutputRelay(const asio::any_io_executor& executor, link::Stream& stream, const Streams& streams,
              const base::Fd& pidfd)
      : stream_(stream), streams_(streams), watch_(executor), frame_(frame_buffer()) {
    watch_.add(streams.output, kOutput);
    if (streams.error) watch_.add(streams.error, kError);
    watch_.add(pidfd, kEnded);
  }

  // Until the main process has ended and all it wrote is sent.
  asio::awaitable<void> run() {
    while (true) {
      const uint32_t ready = co_await watch_.wait();
      if ((ready & kEnded) != 0) break;
      if ((ready & kOutput) != 0) {
        const ssize_t got = co_await forward(streams_.output, ExecFrame::kStdout);
        if (got == 0) watch_.remove(streams_.output);
      }
      if ((ready & kError) != 0) {
        const ssize_t got = co_await forward(streams_.error, ExecFrame::kStderr);
        if (got == 0) watch_.remove(streams_.error);
      }
    }
    co_await drain(streams_.output, ExecFrame::kStdout);
    if (streams_.error) co_await drain(streams_.error, ExecFrame::kStderr);
  }

 private:
  // One read: the bytes sent, 0 at the end (EIO is a terminal's), -1 when there is nothing now.
  asio::awaitable<ssize_t> forward(const base::Fd& from, ExecFrame type) {
    const ssize_t got = ::read(from.get(), frame_.get() + link::kExecHeaderBytes, link::kMaxExecFrameBytes);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) co_return -1;
    if (got <= 0) co_return 0;
    const auto length = static_cast<uint32_t>(got);
    link::encode_exec_header({.type = type, .length = length}, header_of(frame_.get()));
    const std::span<const uint8_t> whole(frame_.get(), link::kExecHeaderBytes + length);
    co_await stream_.write(whole);
    co_return got;
  }
  asio::awaitable<void> drain(const base::Fd& from, ExecFrame type) {
    size_t sent = 0;
    while (sent < kMaxDrainBytes) {
      const ssize_t got = co_await forward(from, type);
      if (got <= 0) co_return;
      sent += static_cast<size_t>(got);
    }
  }

  link::Stream& stream_;
  const Streams& streams_;
  Watch watch_;
  FrameBuffer frame_;
};

link::ExecResult result_of(const Guest& guest, const base::ExitStatus& status, const Counters& before) {
  const Counters now = guest.cgroups.counters();
  link::ExecResult result;
  result.code = status.code;
  result.signal = status.signal;
  result.oom_kills = now.oom_kills - before.oom_kills;
  result.pids_refused = now.pids_refused - before.pids_refused;
  struct statvfs disk {};
  if (::fstatvfs(guest.anchors.root.get(), &disk) == 0)
    result.disk_full = disk.f_bavail * disk.f_frsize < kFullDiskBytes || (disk.f_files > 0 && disk.f_favail == 0);
  return result;
}

asio::awaitable<void> refuse(link::Stream& stream, link::ExecFailure failure) {
  base::Json json = link::to_json(failure);
  co_await send_json(stream, ExecFrame::kError, std::move(json));
  co_await stream.close_write();
}

}  // namespace

asio::awaitable<void> serve_exec(Guest& guest, link::StreamPtr stream, link::ExecRequest request) {
  Command command;
  std::optional<link::ExecFailure> failure;
  const Counters before = guest.cgroups.counters();
  try {
    command = co_await start(guest, std::move(request));
  } catch (const SpawnError& error) {
    failure = failure_of(error);
  } catch (const base::Error& error) {
    failure.emplace();
    failure->error = error.what();
    failure->exit_code = kOurFailure;
  }
  if (failure) {
    co_await refuse(*stream, std::move(*failure));
    co_return;
  }

  const std::shared_ptr<Execution> execution = command.execution;
  guest.executions.add(execution);
  const base::Scope gone([&] {
    // After a lost session the command may still be dying: then nobody asks for its status.
    if (!execution->ended) {
      execution->signal(SIGKILL);
      guest.reaper.forget(execution->pid);
      execution->ended = true;
    }
    guest.executions.remove(execution->id);
  });
  const auto input = std::make_shared<Descriptor>(guest.executor, std::move(command.streams.input));
  const base::Scope close_input([&] { input->close(); });
  asio::co_spawn(guest.executor, relay_input(stream, execution, input), asio::detached);

  link::ExecStarted started;
  started.id = execution->id;
  started.pid = execution->pid;
  base::Json started_json = link::to_json(started);
  co_await send_json(*stream, ExecFrame::kStarted, std::move(started_json));
  OutputRelay output(guest.executor, *stream, command.streams, execution->pidfd);
  co_await output.run();
  const base::ExitStatus status = co_await guest.reaper.wait(execution->pid, execution->pidfd);
  execution->ended = true;
  base::Json result = link::to_json(result_of(guest, status, before));
  co_await send_json(*stream, ExecFrame::kExit, std::move(result));
  co_await stream->close_write();
}

}  // namespace caisson::guest
