// SPDX-License-Identifier: Apache-2.0

// Reading a log that its writer rotates (PATH becomes PATH.1 when it is full), from the beginning or the last lines,
// and following it until the writer's process has ended.
#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"

namespace caisson::cli {

using LogSink = std::function<void(std::string_view)>;
struct FollowedLog;

// Position in a log: what was read so far can be followed from there.
class LogFile {
 public:
  explicit LogFile(std::string path) : path_(std::move(path)) {}

  // What is there now: PATH.1 and PATH, or only the last `lines` of both. A missing file is an empty one.
  void read(std::optional<size_t> lines, const LogSink& sink);
  // What is added, until the process `writer` has ended. Blocks; waits for inotify(7) events and the pidfd.
  void follow(pid_t writer, const LogSink& sink);

 private:
  friend void follow_logs(const std::vector<FollowedLog>& logs, pid_t writer, const std::function<void()>& round);
  void read_new(const LogSink& sink);
  bool was_rotated() const;

  std::string path_;
  base::Fd fd_;
};

// Several logs of one folder and writer. `round` is called when all have been looked at once more.
struct FollowedLog {
  LogFile& file;
  LogSink sink;
};
void follow_logs(const std::vector<FollowedLog>& logs, pid_t writer, const std::function<void()>& round);

// The part of `text` that is its last `lines` lines; a last line without its end counts.
std::string_view last_lines(std::string_view text, size_t lines);

}  // namespace caisson::cli
