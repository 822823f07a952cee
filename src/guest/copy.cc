// SPDX-License-Identifier: Apache-2.0

#include "guest/copy.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <span>
#include <vector>

#include "base/error.h"
#include "base/scope.h"
#include "base/text.h"
#include "guest/spawn.h"
#include "guest/start.h"
#include "guest/users.h"
#include "guest/waiting.h"
#include "link/message.h"

namespace caisson::guest {
namespace {

constexpr size_t kChunkBytes = 128U << 10;
constexpr std::chrono::seconds kWordLimit{20};

// A path of the host's user is relative to the root, as docker has it.
std::string absolute(const std::string& path) {
  return path.starts_with('/') ? path : "/" + path;
}

struct Helper {
  Spawned process;
  std::shared_ptr<Descriptor> data;  // our end of its stdin (put) or stdout (get)
  std::shared_ptr<Descriptor> word;  // where it says that it can do what was asked: a get's data, a put's stdout
  base::Fd error;

  // By pidfd: the pid of one that has been reaped may be another's.
  void kill() const { ::syscall(SYS_pidfd_send_signal, process.pidfd.get(), SIGKILL, nullptr, 0); }
};

// The helper's ends of its streams.
struct HelperStreams {
  base::Fd in;
  base::Fd out;
  base::Fd err;
};

std::vector<std::string> arguments_of(const link::CopyRequest& request) {
  if (request.put) return {"caisson-init", "tar-put", absolute(request.path), request.name};
  return {"caisson-init", "tar-get", absolute(request.path), request.follow_link ? "follow" : "keep"};
}

// All that looks at the path is done by the helper, which can be killed when the file system there does not answer. It
// is in init's own cgroup, so that files can be fetched out of a sandbox whose processes are used up or frozen.
asio::awaitable<Helper> start_helper(Guest& guest, const link::CopyRequest& request) {
  base::FdPair data = base::make_pipe();
  base::FdPair error = base::make_pipe();
  Helper helper;
  helper.error = std::move(error.first);
  HelperStreams its;
  its.err = std::move(error.second);
  if (request.put) {
    base::FdPair word = base::make_pipe();
    its.in = std::move(data.first);
    its.out = std::move(word.second);
    helper.data = std::make_shared<Descriptor>(guest.executor, std::move(data.second));
    helper.word = std::make_shared<Descriptor>(guest.executor, std::move(word.first));
  } else {
    its.in = guest.anchors.null.duplicate();
    its.out = std::move(data.second);
    helper.data = std::make_shared<Descriptor>(guest.executor, std::move(data.first));
    helper.word = helper.data;
  }
  const auto theirs = std::make_shared<const HelperStreams>(std::move(its));
  std::function<bool(Birth&)> make = [&anchors = guest.anchors, theirs, argv = arguments_of(request)](Birth& birth) {
    SpawnPlan plan;
    plan.argv = argv;
    plan.program = anchors.executable.get();
    plan.folder = "/";
    plan.change_user = false;
    plan.in = theirs->in.get();
    plan.out = theirs->out.get();
    plan.err = theirs->err.get();
    spawn(anchors, plan, birth);
    return true;
  };
  Start what{.doing = "cannot start the copy"};
  Started<bool> started = co_await start_process(guest, std::move(what), std::move(make));
  helper.process = std::move(started.process);
  co_return helper;
}

// The first bytes of the helper's word; none where it has ended without one. Throws when it says nothing for too long.
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
  return message.empty() ? "the copy was ended" : std::string(message);
}

asio::awaitable<void> answer(link::Stream& stream, std::string error) {
  base::Json json;
  json["ok"] = error.empty();
  if (!error.empty()) json["error"] = std::move(error);
  co_await link::write_message(stream, json);
}

// The host sends nothing; a reset ends a helper that waits for its file system.
asio::awaitable<void> kill_at_reset(link::StreamPtr stream, base::Fd pidfd) {
  try {
    uint8_t byte = 0;
    co_await stream->read_some(std::span(&byte, 1));
  } catch (const base::Error&) {
    ::syscall(SYS_pidfd_send_signal, pidfd.get(), SIGKILL, nullptr, 0);
  }
}

// Both relays kill the helper when the stream breaks (the Scope in serve_copy) and leave waiting for it to that.
// `buffer` has the first `got` bytes.
asio::awaitable<void> relay_out(Guest& guest, link::StreamPtr stream, Helper& helper, std::vector<uint8_t> buffer,
                                size_t first) {
  base::Fd pidfd = helper.process.pidfd.duplicate();
  asio::co_spawn(guest.executor, kill_at_reset(stream, std::move(pidfd)), asio::detached);
  auto got = static_cast<ssize_t>(first);
  while (got != 0) {
    if (got > 0) {
      const std::span<const uint8_t> chunk(buffer.data(), static_cast<size_t>(got));
      co_await stream->write(chunk);
    } else if (errno == EAGAIN) {
      co_await helper.data->readable();
    } else if (errno != EINTR) {
      break;
    }
    got = ::read(helper.data->get(), buffer.data(), buffer.size());
  }
  const base::ExitStatus status = co_await guest.reaper.wait(helper.process.pid, helper.process.pidfd);
  // A FIN says that the archive is whole; a broken one ends in a reset.
  if (status.ok()) {
    co_await stream->close_write();
  } else {
    stream->reset();
  }
}

asio::awaitable<void> relay_in(Guest& guest, link::Stream& stream, Helper& helper) {
  std::vector<uint8_t> buffer(kChunkBytes);
  Descriptor& data = *helper.data;
  while (true) {
    const size_t got = co_await stream.read_some(buffer);
    if (got == 0) break;
    std::span<const uint8_t> chunk(buffer.data(), got);
    while (!chunk.empty() && data.is_open()) {
      const ssize_t put = ::write(data.get(), chunk.data(), chunk.size());
      if (put >= 0) {
        chunk = chunk.subspan(static_cast<size_t>(put));
      } else if (errno == EAGAIN) {
        co_await data.writable();
      } else if (errno != EINTR) {
        data.close();  // the helper failed; the rest is read and dropped, then the host hears why
      }
    }
  }
  data.close();
  const base::ExitStatus status = co_await guest.reaper.wait(helper.process.pid, helper.process.pidfd);
  std::string error = status.ok() ? std::string() : error_of(helper);
  co_await answer(stream, std::move(error));
  co_await stream.close_write();
}

}  // namespace

PutPlan plan_put(const std::string& path, const std::string& name) {
  PutPlan plan;
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) {
    plan.folder = path;
  } else {
    std::string whole = path;
    while (whole.size() > 1 && whole.back() == '/') whole.pop_back();
    const size_t slash = whole.rfind('/');
    plan.folder = slash == 0 ? "/" : whole.substr(0, slash);
    plan.rename = name.empty() ? whole.substr(slash + 1) : name;
    plan.top_is_folder = path.ends_with('/');
    if (plan.rename.empty() || plan.rename == "." || plan.rename == ".." || plan.rename.find('/') != std::string::npos)
      throw base::Error("cannot copy to " + base::in_quotes(path) + ": that is no name for a file");
    if (::stat(plan.folder.c_str(), &info) != 0) throw base::system_error("cannot copy into the folder", plan.folder);
    if (!S_ISDIR(info.st_mode))
      throw base::Error("cannot copy into " + base::in_quotes(plan.folder) + ": it is not a folder");
  }
  plan.uid = info.st_uid;
  plan.gid = info.st_gid;
  if ((info.st_mode & S_IWOTH) != 0) {
    const User user = find_user("");
    plan.uid = user.uid;
    plan.gid = user.gid;
  }
  return plan;
}

asio::awaitable<void> serve_copy(Guest& guest, link::StreamPtr stream, link::CopyRequest request) {
  Helper helper;
  // After a failure, or a lost session.
  const base::Scope end_helper([&] {
    if (!helper.process.pidfd) return;
    helper.kill();
    guest.reaper.forget(helper.process.pid);
  });
  std::vector<uint8_t> buffer(kChunkBytes);
  size_t got = 0;
  std::string error;
  try {
    helper = co_await start_helper(guest, request);
    got = co_await first_word(guest, helper, buffer);
    if (got == 0) {
      co_await guest.reaper.wait(helper.process.pid, helper.process.pidfd);
      error = error_of(helper);
    }
  } catch (const base::Error& failed) {
    error = failed.what();
  }
  const bool ready = error.empty();
  co_await answer(*stream, std::move(error));
  if (!ready) {
    co_await stream->close_write();
  } else if (request.put) {
    co_await relay_in(guest, *stream, helper);
  } else {
    co_await relay_out(guest, stream, helper, std::move(buffer), got);
  }
}

}  // namespace caisson::guest
