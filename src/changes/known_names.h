// SPDX-License-Identifier: Apache-2.0

// Which names the host's folder had when a sandbox got it: what is not there any more was removed on the host, and is
// not to come back with the sandbox's copy of it unasked. The baseline (baseline.h) knows of states alone, and what is
// gone has none.
//
// A file of numbers of 64 bits, the last of each name counts: 62 bits of a hash of the path, and what was there.
// Whoever can choose a collision makes a conflict more or less, of files that the sandbox may write anyway. Beside
// names there are the entries of indexes of git, since git writes those anew when it only looks (git_index.h).
//
// It is written in the background of the first start. Where it is not whole, nothing is known of what it lacks.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "changes/host_root.h"

namespace caisson::changes {

enum class Known : uint8_t { kUnknown, kNothing, kFolder, kFile };

class KnownNames {
 public:
  KnownNames() = default;
  // The file is read when there is something to ask.
  explicit KnownNames(std::string file) : file_(std::move(file)) {}

  // What was at a path. Of a path that the folder did not have: kNothing.
  Known at(std::string_view path) const;
  // Whether an index of git at that path has had these entries.
  bool had_index(std::string_view path, uint64_t entries) const;

 private:
  const std::vector<uint64_t>& read() const;

  std::string file_;
  mutable std::optional<std::vector<uint64_t>> notes_;  // in order, one of each name
  mutable bool is_whole_ = false;
};

// No larger file is read, nor made.
inline constexpr uint64_t kMostKnownBytes = 32U << 20;

// The path is that of a working tree's index: ".git/index" or "sub/.git/index".
bool is_git_index(std::string_view path);
// entries_of_index() of the host's file; nothing where it is none, or is too large.
std::optional<uint64_t> host_index(const HostRoot& root, const std::string& path);

// Notes that are yet to be written, in order.
class NameNotes {
 public:
  // What is there now, with all that is in it; of another file system only its folder.
  void add_tree(const HostRoot& root, const std::string& path);
  // Of what `path` was: that of `old` below another folder, with all that was in it, is not there any more.
  void remove_tree(const HostRoot& root, const std::string& old, const std::string& path);

  const std::string& bytes() const { return bytes_; }

 private:
  void add(std::string_view text, Known what);

  std::string bytes_;
};

// All that the folder has, to a new file; whole or not there. Where the file is there already, nothing is done.
void note_all_names(const HostRoot& root, const std::string& file);
// Behind what is there; nothing where there is no file, or no room.
void append_notes(const std::string& file, const NameNotes& notes);

}  // namespace caisson::changes
