// SPDX-License-Identifier: Apache-2.0

// Changes as git shows them: two trees of the changed paths in a repository that is there for this only, and `git diff`
// between them. No configuration and no attributes, neither of the user nor of the system, so that nothing that a guest
// has written is obeyed.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/disk_space.h"
#include "changes/change_set.h"

namespace caisson::changes {

struct GitView {
  enum class Format : uint8_t { kPatch, kStat };
  Format format = Format::kPatch;
  bool binary = false;  // whole, as `git apply` needs it, of any size
  int width = 0;        // of kStat, in columns; 0: as many as the names need
  // What is shown of all files together, before and after, each; without `binary`.
  base::Bytes most_of_a_side = base::mebibytes(512);
  base::Bytes spare = base::kSpareSpace;  // is left free on the disk
};

// Beyond this a file's content is not shown, unless `binary` says so.
inline constexpr uint64_t kMostShownBytes = 16U << 20;

// Of each whether git shows it: no folder, nothing in a repository's own folder, not too large, and not beyond what is
// shown in all.
std::vector<bool> in_view(const std::vector<Change>& changes, const GitView& view);

// What `git diff` is told for a width of kStat.
std::vector<std::string> stat_options(int width);

// Hands over git's output, part by part, until `part` says no. The repository is made in received.folder(); without
// room for it there, that is thrown before anything is made.
void view_by_git(const std::vector<Change>& changes, const HostRoot& root, const Received& received,
                 const GitView& view, const std::function<bool(std::string_view part)>& part);

}  // namespace caisson::changes
