// SPDX-License-Identifier: Apache-2.0

// What would have to be done to the host's folder for it to be as the sandbox has it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "changes/baseline.h"
#include "changes/host_root.h"
#include "changes/known_names.h"
#include "changes/received.h"

namespace caisson::changes {

constexpr int64_t kNoRecord = -1;

// The order of a change set's paths: each folder before what is in it, names by their bytes.
struct InWalkOrder {
  bool operator()(const std::string& one, const std::string& other) const { return link::comes_before(one, other); }
};

struct Change {
  std::string path;
  HostFile before;                   // what the host has there now; kNone: nothing
  FileType after = FileType::kNone;  // kNone: it is removed
  uint32_t mode = 0;                 // of a file or folder, after; see modes.h
  uint64_t size = 0;                 // of a file, after
  int64_t mtime_ns = 0;
  int64_t record = kNoRecord;  // of a file: where its content is, else
  std::string source;          // the host's own file whose content it has (a renamed folder's)
  HostFile source_file;        // and what that was when it was looked at
  std::string target;          // of a symlink, after
  bool same_content = false;   // the mode alone differs
  bool conflict = false;       // what the host has there now, also nothing, the sandbox has not seen
  uint32_t classes = 0;        // ClassSet of classes.h

  bool is_addition() const { return !before.exists(); }
  bool is_removal() const { return after == FileType::kNone; }
};

struct ChangeSet {
  std::vector<Change> changes;        // each folder before what is in it, names in the order of their bytes
  std::vector<std::string> left_out;  // what the guest has there and nothing can be made of: devices, pipes, sockets
};

// More than this is refused: what one look at a change set takes of memory is bounded by it.
inline constexpr size_t kMostChanges = 1'000'000;

// Whether the guest never saw a file of that path; see src/share/masks.h.
using IsMasked = std::function<bool(std::string_view path)>;
// Whether it never saw the file there because that has another name that is masked; see hidden.h. Asked of regular
// files with more than one name.
using IsHidden = std::function<bool(const std::string& path)>;

struct CompareOptions {
  const HostRoot& root;
  const Received& received;
  const Baseline& baseline;
  const KnownNames& names;
  IsMasked is_masked = {};
  IsHidden is_hidden = {};
};

// What is equal to the host's is no change. Reads the host's files, changes nothing.
ChangeSet compare(const CompareOptions& options);

// Those that are one of `paths` or below one; all where there is none. Folders that are new and hold one of them stay.
ChangeSet below(ChangeSet set, const std::vector<std::string>& paths);

// Whether there can be any of the next.
bool has_renamed(const Received& received);
// Folders that the sandbox has renamed and that have come to the same place on the host, with nothing of `set` left in
// them or at their old place, where nothing is now. In the sandbox they lie over what was there.
std::vector<std::string> arrived(const HostRoot& root, const Received& received, const ChangeSet& set);

}  // namespace caisson::changes
