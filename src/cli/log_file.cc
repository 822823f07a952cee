// SPDX-License-Identifier: Apache-2.0

#include "cli/log_file.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/error.h"
#include "base/fd.h"

namespace caisson::cli {
namespace {

constexpr size_t kMaxLogBytes = 256U << 20;  // both files; the writer's own bound is far below

bool same_file(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

}  // namespace

void LogFile::read(std::optional<size_t> lines, const LogSink& sink) {
  // The newer file is opened first: if it is rotated in between, it and PATH.1 are the same file.
  fd_ = base::open_if_exists(path_, O_RDONLY);
  std::string text;
  const base::Fd older = base::open_if_exists(path_ + ".1", O_RDONLY);
  struct stat newer_status {};
  struct stat older_status {};
  if (older && fstat(older.get(), &older_status) == 0 &&
      (!fd_ || fstat(fd_.get(), &newer_status) != 0 || !same_file(newer_status, older_status))) {
    text = base::read_all(older.get(), kMaxLogBytes, path_);
  }
  if (fd_) text += base::read_all(fd_.get(), kMaxLogBytes, path_);
  sink(lines ? last_lines(text, *lines) : std::string_view(text));
}

void LogFile::follow(pid_t writer, const LogSink& sink) {
  follow_logs({{*this, sink}}, writer, [] {});
}

void follow_logs(const std::vector<FollowedLog>& logs, pid_t writer, const std::function<void()>& round) {
  const std::string& path = logs.front().file.path_;
  const base::Fd process(static_cast<int>(syscall(SYS_pidfd_open, writer, 0)));
  const base::Fd events(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!events) throw base::system_error("cannot watch", path);
  // The folder, because a rotated file is followed by a new one of the same name.
  const std::string folder = path.substr(0, path.rfind('/'));
  if (inotify_add_watch(events.get(), folder.c_str(), IN_MODIFY | IN_CREATE | IN_MOVED_TO) < 0 && errno != ENOENT) {
    throw base::system_error("cannot watch", folder);
  }
  while (true) {
    // A writer that ended before this wrote nothing after it, so one more reading is the whole.
    pollfd polled[] = {{process.get(), POLLIN, 0}, {events.get(), POLLIN, 0}};
    const bool ended = !process || (poll(polled, 1, 0) > 0);
    for (const FollowedLog& log : logs) log.file.read_new(log.sink);
    round();
    if (ended) return;
    if (poll(polled, 2, -1) < 0 && errno != EINTR) throw base::system_error("cannot watch", path);
    std::array<char, 4096> ignored{};
    while (::read(events.get(), ignored.data(), ignored.size()) > 0) {
    }
  }
}

bool LogFile::was_rotated() const {
  struct stat now {};
  struct stat ours {};
  return stat(path_.c_str(), &now) == 0 && (!fd_ || (fstat(fd_.get(), &ours) == 0 && !same_file(now, ours)));
}

void LogFile::read_new(const LogSink& sink) {
  while (true) {
    const bool rotated = was_rotated();
    if (fd_) {
      const std::string text = base::read_all(fd_.get(), kMaxLogBytes, path_);
      if (!text.empty()) sink(text);
    }
    if (!rotated) return;
    fd_ = base::open_if_exists(path_, O_RDONLY);
    if (!fd_) return;
  }
}

std::string_view last_lines(std::string_view text, size_t lines) {
  if (lines == 0) return {};
  size_t at = text.size();
  if (text.ends_with('\n')) --at;
  while (at > 0) {
    const size_t line_end = text.rfind('\n', at - 1);
    if (line_end == std::string_view::npos) return text;
    if (--lines == 0) return text.substr(line_end + 1);
    at = line_end;
  }
  return text;
}

}  // namespace caisson::cli
