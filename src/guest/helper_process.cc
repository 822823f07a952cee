// SPDX-License-Identifier: Apache-2.0

#include "guest/helper_process.h"

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>

#include "base/error.h"
#include "base/scope.h"
#include "base/text.h"
#include "guest/start.h"
#include "link/message.h"

namespace caisson::guest {
namespace {

constexpr std::chrono::seconds kWordLimit{20};

// The helper's ends of its streams.
struct HelperStreams {
  base::Fd in;
  base::Fd out;
  base::Fd err;
};

// The host sends nothing; a reset ends a helper that waits for its file system.
asio::awaitable<void> kill_at_reset(link::StreamPtr stream, base::Fd pidfd) {
  try {
    uint8_t byte = 0;
    co_await stream->read_some(std::span(&byte, 1));
  } catch (const base::Error&) {
    ::syscall(SYS_pidfd_send_signal, pidfd.get(), SIGKILL, nullptr, 0);
  }
}

}  // namespace

void Helper::kill() const {
  ::syscall(SYS_pidfd_send_signal, process.pidfd.get(), SIGKILL, nullptr, 0);
}

void end_helper(Guest& guest, const Helper& helper) {
  if (!helper.process.pidfd) return;
  helper.kill();
  guest.reaper.forget(helper.process.pid);
}

asio::awaitable<Helper> start_helper(Guest& guest, HelperPlan plan) {
  base::FdPair data = base::make_pipe();
  base::FdPair error = base::make_pipe();
  Helper helper;
  helper.what = plan.what;
  helper.error = std::move(error.first);
  HelperStreams its;
  its.err = std::move(error.second);
  if (plan.takes_data) {
    base::FdPair word = base::make_pipe();
    its.in = std::move(data.first);
    its.out = std::move(word.second);
    helper.data = std::make_shared<Descriptor>(guest.executor, std::move(data.second));
    helper.word = std::make_shared<Descriptor>(guest.executor, std::move(word.first));
  } else {
    its.in = plan.in ? std::move(plan.in) : guest.anchors.null.duplicate();
    its.out = std::move(data.second);
    helper.data = std::make_shared<Descriptor>(guest.executor, std::move(data.first));
    helper.word = helper.data;
  }
  const auto theirs = std::make_shared<const HelperStreams>(std::move(its));
  std::function<bool(Birth&)> make = [&anchors = guest.anchors, theirs, argv = plan.argv](Birth& birth) {
    SpawnPlan child;
    child.argv = argv;
    child.program = anchors.executable.get();
    child.folder = "/";
    child.change_user = false;
    child.in = theirs->in.get();
    child.out = theirs->out.get();
    child.err = theirs->err.get();
    spawn(anchors, child, birth);
    return true;
  };
  Start what{.doing = "cannot start " + plan.what};
  Started<bool> started = co_await start_process(guest, std::move(what), std::move(make));
  helper.process = std::move(started.process);
  co_return helper;
}

asio::awaitable<size_t> first_word(Guest& guest, const Helper& helper, std::span<uint8_t> into) {
  struct Wait {
    bool over = false;
    bool late = false;
  };
  const auto wait = std::make_shared<Wait>();
  asio::steady_timer limit(guest.executor, kWordLimit);
  limit.async_wait([wait, word = helper.word](boost::system::error_code gone) {
    if (gone || wait->over) return;
    wait->late = true;
    word->close();
  });
  const base::Scope over([&] { wait->over = true; });
  while (true) {
    const ssize_t got = helper.word->is_open() ? ::read(helper.word->get(), into.data(), into.size()) : -1;
    if (got >= 0) co_return static_cast<size_t>(got);
    if (wait->late)
      throw base::Error("its file system has not answered for " + std::to_string(kWordLimit.count()) + " s");
    co_await helper.word->readable();
  }
}

std::string error_of(const Helper& helper) {
  base::set_nonblocking(helper.error.get(), true);
  char text[2048];
  const ssize_t got = ::read(helper.error.get(), text, sizeof text);
  const std::string_view message = base::trimmed(std::string_view(text, got > 0 ? static_cast<size_t>(got) : 0));
  return message.empty() ? helper.what + " was ended" : std::string(message);
}

asio::awaitable<void> answer_stream(link::Stream& stream, std::string error) {
  base::Json json;
  json["ok"] = error.empty();
  if (!error.empty()) json["error"] = std::move(error);
  co_await link::write_message(stream, json);
}

asio::awaitable<void> relay_out(Guest& guest, link::StreamPtr stream, Helper& helper, std::vector<uint8_t> buffer,
                                size_t first) {
  base::Fd pidfd = helper.process.pidfd.duplicate();
  asio::co_spawn(guest.executor, kill_at_reset(stream, std::move(pidfd)), asio::detached);
  if (first > 0) {
    const std::span<const uint8_t> chunk(buffer.data(), first);
    co_await stream->write(chunk);
  }
  while (true) {
    const ssize_t got = ::read(helper.data->get(), buffer.data(), buffer.size());
    if (got > 0) {
      const std::span<const uint8_t> chunk(buffer.data(), static_cast<size_t>(got));
      co_await stream->write(chunk);
    } else if (got < 0 && errno == EAGAIN) {
      co_await helper.data->readable();
    } else if (got == 0 || errno != EINTR) {
      break;
    }
  }
  const base::ExitStatus status = co_await guest.reaper.wait(helper.process.pid, helper.process.pidfd);
  // A FIN says that all of it has come; what was broken off ends in a reset.
  if (status.ok()) {
    co_await stream->close_write();
  } else {
    stream->reset();
  }
}

}  // namespace caisson::guest
