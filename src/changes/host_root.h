// SPDX-License-Identifier: Apache-2.0

// A folder of the user's, and what is below it by path: everything that change sets do to the host's files goes through
// here. Each look-up begins at the folder's descriptor and is made by openat2(2) with RESOLVE_BENEATH and
// RESOLVE_NO_SYMLINKS: neither ".." nor a link, whoever put it there and when, leads out of it. A path whose parents
// are not folders (any more) is a path where nothing is.
//
// Paths are bytes, relative, without "." and ".." (link::flaw_of_path); "" is the folder itself.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"

namespace caisson::changes {

enum class FileType : uint8_t { kNone, kFolder, kFile, kSymlink, kOther };

struct HostFile {
  FileType type = FileType::kNone;
  uint32_t mode = 0;  // the bits of 07777
  uint64_t size = 0;
  int64_t mtime_ns = 0;
  int64_t ctime_ns = 0;
  uint64_t device = 0;
  uint64_t inode = 0;
  uint32_t uid = 0;
  uint32_t gid = 0;
  uint64_t links = 0;  // its names, of a file; not kept in a journal

  bool exists() const { return type != FileType::kNone; }
};

HostFile host_file(const struct stat& info);

// The same object; a file or link moreover in the state that it was in: neither written to nor renamed nor linked.
bool is_same_state(const HostFile& now, const HostFile& then);

// "a/b/c" is "c" in "a/b".
std::string_view parent_of(std::string_view path);
std::string_view name_of(std::string_view path);
bool is_below(std::string_view path, std::string_view folder);

class HostRoot {
 public:
  // Throws where it is no folder, or a link is on the way to it: the path had none when the sandbox got the folder.
  explicit HostRoot(const std::string& path);
  // One that is open (O_PATH suffices); `path` is for errors.
  HostRoot(const std::string& path, base::Fd folder) : path_(path), fd_(std::move(folder)) {}

  const std::string& path() const { return path_; }
  int fd() const { return fd_.get(); }

  // What is there; nothing is an answer, and so is a parent that is no folder. Throws for anything else.
  HostFile look(const std::string& path) const;
  // A folder's descriptor (O_PATH); none where it is not there.
  base::Fd folder(const std::string& path) const;
  // The same, to list it; none where that cannot be.
  base::Fd folder_to_list(const std::string& path) const;
  // A regular file's content; none where it is not one (any more).
  base::Fd open(const std::string& path) const;
  // What a symlink points to; nothing where it is not one.
  std::optional<std::string> link_target(const std::string& path) const;
  // The names in a folder, in the order of their bytes; more than `most` is an error.
  std::vector<std::string> names(const std::string& path, size_t most) const;

 private:
  std::string path_;
  base::Fd fd_;
};

// The names in an open folder, in the order of their bytes. `name` is for errors.
std::vector<std::string> names_in(const base::Fd& folder, size_t most, std::string_view name);

}  // namespace caisson::changes
