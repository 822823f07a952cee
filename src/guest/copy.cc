// SPDX-License-Identifier: Apache-2.0

#include "guest/copy.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "base/scope.h"
#include "base/text.h"
#include "guest/spawn.h"
#include "guest/users.h"
#include "guest/waiting.h"
#include "link/message.h"

namespace caisson::guest {
namespace {

constexpr size_t kChunkBytes = 128U << 10;

// A path of the host's user is relative to the root, as docker has it.
std::string absolute(const std::string& path) {
  return path.starts_with('/') ? path : "/" + path;
}

struct Helper {
  Spawned process;
  base::Fd data;  // our end of its stdin (put) or stdout (get)
  base::Fd error;
};

Helper start_helper(Guest& guest, std::vector<std::string> arguments, bool writes) {
  base::FdPair data = base::make_pipe();
  base::FdPair error = base::make_pipe();
  SpawnPlan plan;
  plan.argv = std::move(arguments);
  plan.argv.insert(plan.argv.begin(), "caisson-init");
  plan.program = guest.anchors.executable.get();
  plan.folder = "/";
  plan.change_user = false;
  plan.in = writes ? guest.anchors.null.get() : data.first.get();
  plan.out = writes ? data.second.get() : guest.anchors.null.get();
  plan.err = error.second.get();
  plan.cgroup = guest.cgroups.system();  // so that files can be fetched out of a sandbox whose processes are used up
  Helper helper;
  helper.process = spawn(guest.anchors, plan);
  guest.reaper.expect(helper.process.pid);
  helper.data = writes ? std::move(data.first) : std::move(data.second);
  helper.error = std::move(error.first);
  return helper;
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

// Both relays kill the helper when the stream breaks (the Scope in serve_copy) and leave waiting for it to that.
asio::awaitable<void> relay_out(Guest& guest, link::Stream& stream, Helper& helper) {
  Descriptor data(guest.executor, std::move(helper.data));
  std::vector<uint8_t> buffer(kChunkBytes);
  while (true) {
    const ssize_t got = ::read(data.get(), buffer.data(), buffer.size());
    if (got == 0) break;
    if (got > 0) {
      const std::span<const uint8_t> chunk(buffer.data(), static_cast<size_t>(got));
      co_await stream.write(chunk);
    } else if (errno == EAGAIN) {
      co_await data.readable();
    } else if (errno != EINTR) {
      break;
    }
  }
  const base::ExitStatus status = co_await guest.reaper.wait(helper.process.pid, helper.process.pidfd);
  // A FIN says that the archive is whole; a broken one ends in a reset.
  if (status.ok()) {
    co_await stream.close_write();
  } else {
    stream.reset();
  }
}

asio::awaitable<void> relay_in(Guest& guest, link::Stream& stream, Helper& helper) {
  {
    Descriptor data(guest.executor, std::move(helper.data));
    std::vector<uint8_t> buffer(kChunkBytes);
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
  }
  const base::ExitStatus status = co_await guest.reaper.wait(helper.process.pid, helper.process.pidfd);
  std::string error = status.ok() ? std::string() : error_of(helper);
  co_await answer(stream, std::move(error));
  co_await stream.close_write();
}

Helper prepare(Guest& guest, const link::CopyRequest& request) {
  const std::string path = absolute(request.path);
  if (request.put) {
    const PutPlan plan = plan_put(path, request.name);
    return start_helper(guest,
                        {"tar-put", plan.folder, plan.rename, plan.top_is_folder ? "folder" : "any",
                         std::to_string(plan.uid), std::to_string(plan.gid)},
                        false);
  }
  struct stat info {};
  if ((request.follow_link ? ::stat(path.c_str(), &info) : ::lstat(path.c_str(), &info)) != 0)
    throw base::system_error("cannot copy", request.path);
  return start_helper(guest, {"tar-get", path, request.follow_link ? "follow" : "keep"}, true);
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
  std::string error;
  try {
    helper = prepare(guest, request);
  } catch (const base::Error& failed) {
    error = failed.what();
  }
  const bool started = error.empty();
  co_await answer(*stream, std::move(error));
  if (!started) {
    co_await stream->close_write();
    co_return;
  }
  // After a lost session. By pidfd: the pid of one that has been reaped may be another's.
  const base::Scope end_helper([&] {
    ::syscall(SYS_pidfd_send_signal, helper.process.pidfd.get(), SIGKILL, nullptr, 0);
    guest.reaper.forget(helper.process.pid);
  });
  if (request.put) {
    co_await relay_in(guest, *stream, helper);
  } else {
    co_await relay_out(guest, *stream, helper);
  }
}

}  // namespace caisson::guest
