// SPDX-License-Identifier: Apache-2.0

#include "guest/copy.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <memory>
#include <span>
#include <vector>

#include "base/error.h"
#include "base/scope.h"
#include "base/text.h"
#include "guest/helper_process.h"
#include "guest/users.h"

namespace caisson::guest {
namespace {

// A path of the host's user is relative to the root, as docker has it.
std::string absolute(const std::string& path) {
  return path.starts_with('/') ? path : "/" + path;
}

std::vector<std::string> arguments_of(const link::CopyRequest& request) {
  if (request.put) return {"caisson-init", "tar-put", absolute(request.path), request.name};
  return {"caisson-init", "tar-get", absolute(request.path), request.follow_link ? "follow" : "keep"};
}

asio::awaitable<void> relay_in(Guest& guest, link::Stream& stream, Helper& helper) {
  std::vector<uint8_t> buffer(kHelperChunkBytes);
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
  co_await answer_stream(stream, std::move(error));
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
  const base::Scope end([&] { end_helper(guest, helper); });
  std::vector<uint8_t> buffer(kHelperChunkBytes);
  size_t got = 0;
  std::string error;
  try {
    HelperPlan plan{.what = "the copy", .argv = arguments_of(request), .takes_data = request.put};
    helper = co_await start_helper(guest, std::move(plan));
    got = co_await first_word(guest, helper, buffer);
    if (got == 0) {
      co_await guest.reaper.wait(helper.process.pid, helper.process.pidfd);
      error = error_of(helper);
    }
  } catch (const base::Error& failed) {
    error = failed.what();
  }
  const bool ready = error.empty();
  co_await answer_stream(*stream, std::move(error));
  if (!ready) {
    co_await stream->close_write();
  } else if (request.put) {
    co_await relay_in(guest, *stream, helper);
  } else {
    co_await relay_out(guest, stream, helper, std::move(buffer), got);
  }
}

}  // namespace caisson::guest
