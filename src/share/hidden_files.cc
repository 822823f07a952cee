// SPDX-License-Identifier: Apache-2.0

#include "share/hidden_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <optional>

#include "share/node_table.h"

namespace caisson::share {
namespace {

constexpr size_t kMaxKnown = 65536;
// How often a walk is made anew at once, when names moved under it.
constexpr int kMaxWalks = 3;
// A walk that was not complete is made again after that time, and after so many times as long as it took.
constexpr int64_t kAgainNs = 1'000'000'000;
constexpr int64_t kAgainFactor = 10;

struct Facts {
  FileId file;
  uint32_t type;
  uint32_t links;
  int64_t born_ns;  // 0 where the file system does not say
};

std::optional<Facts> facts_of(int folder, const std::string& name) {
  struct statx facts {};
  const int flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | (name.empty() ? AT_EMPTY_PATH : 0);
  if (::statx(folder, name.c_str(), flags, STATX_BASIC_STATS | STATX_BTIME, &facts) != 0) return std::nullopt;
  const bool born = (facts.stx_mask & STATX_BTIME) != 0;
  return Facts{
      .file = {.device = makedev(facts.stx_dev_major, facts.stx_dev_minor), .inode = facts.stx_ino},
      .type = static_cast<uint32_t>(facts.stx_mode & S_IFMT),
      .links = facts.stx_nlink,
      .born_ns = born ? static_cast<int64_t>(facts.stx_btime.tv_sec) * 1'000'000'000 + facts.stx_btime.tv_nsec : 0};
}

int64_t now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return nanoseconds(now);
}

}  // namespace

HiddenFiles::HiddenFiles(const Masks& masks, int root, size_t held) : masks_(masks), root_(root), held_limit_(held) {}

bool HiddenFiles::remember(const FileId& file, Known known) {
  const std::lock_guard lock(mutex_);
  if (known_.size() >= kMaxKnown && !known_.contains(file)) return false;
  auto [at, fresh] = known_.try_emplace(file);
  if (!fresh && at->second.held) return false;
  if (known.held && held_ >= held_limit_) known.held.reset();
  if (known.held) ++held_;
  at->second = std::move(known);
  return true;
}

std::optional<FileId> HiddenFiles::met(int folder, const std::string& name) {
  const auto looked = facts_of(folder, name);
  // Of other kinds of files there are no second names that matter: a folder has none, and a link is only its target.
  if (!looked || looked->type != S_IFREG) return std::nullopt;
  {
    const std::lock_guard lock(mutex_);
    const auto at = known_.find(looked->file);
    if (at != known_.end() && at->second.born_ns == looked->born_ns) return std::nullopt;
  }
  int errnum = 0;
  base::Fd held = open_beneath(folder, name, O_PATH | O_NOFOLLOW, errnum);
  struct stat status {};
  if (held && (::fstat(held.get(), &status) != 0 || id_of(status) != looked->file)) held.reset();
  if (!remember(looked->file, {.born_ns = looked->born_ns, .held = std::move(held)})) return std::nullopt;
  return looked->file;
}

void HiddenFiles::take_back(int folder, const std::string& name, const FileId& guess) {
  const auto looked = facts_of(folder, name);
  // With a second link it may be a masked file all the same.
  if (!looked || looked->file != guess || looked->links != 1) return;
  const std::lock_guard lock(mutex_);
  const auto at = known_.find(guess);
  if (at == known_.end() || at->second.born_ns != looked->born_ns) return;
  if (at->second.held) --held_;
  known_.erase(at);
}

bool HiddenFiles::hides(int file, const struct stat& status, const std::string& name) {
  if (!S_ISREG(status.st_mode)) return false;
  // Without the whole truth nothing that may be masked is shown.
  if (status.st_nlink > 1 && masks_.any() && !settle(status).shown) return true;
  const std::lock_guard lock(mutex_);
  const auto at = known_.find(id_of(status));
  if (at == known_.end()) return false;
  if (at->second.held) return true;
  const auto looked = facts_of(file, name);
  return !looked || looked->born_ns == at->second.born_ns;
}

bool HiddenFiles::all_inside(const struct stat& status) {
  return !S_ISREG(status.st_mode) || status.st_nlink <= 1 || settle(status).inside;
}

void HiddenFiles::carry_over(const struct stat& before, const struct stat& after, int links) {
  if (!S_ISREG(after.st_mode) || after.st_nlink <= 1) return;
  // Somebody else made links, or removed some.
  if (after.st_nlink != before.st_nlink + static_cast<nlink_t>(links)) return;
  const auto known = standing(before);
  if (!known || !known->shown) return;
  const std::lock_guard lock(mutex_);
  // What is dropped is looked for anew, by a walk.
  if (settled_.size() >= kMaxKnown) settled_.clear();
  settled_[id_of(after)] = {.changed_ns = nanoseconds(after.st_ctim), .links = after.st_nlink, .standing = *known};
}

void HiddenFiles::folder_moved(bool matters) {
  const std::lock_guard lock(mutex_);
  ++moves_;
  if (!matters) return;
  settled_.clear();
  last_ = {};
}

HiddenFiles::Standing HiddenFiles::as_walked(const struct stat& status) const {
  const auto names = last_.found.names.find(id_of(status));
  const bool inside = names != last_.found.names.end() && names->second >= status.st_nlink;
  return {.shown = inside || last_.found.complete, .inside = inside};
}

std::optional<HiddenFiles::Standing> HiddenFiles::standing(const struct stat& status) {
  if (status.st_nlink <= 1) return Standing{.shown = true, .inside = true};
  const int64_t changed_ns = nanoseconds(status.st_ctim);
  const std::lock_guard lock(mutex_);
  const auto at = settled_.find(id_of(status));
  if (at != settled_.end() && at->second.changed_ns == changed_ns && at->second.links == status.st_nlink)
    return at->second.standing;
  if (last_.began_ns == INT64_MIN || changed_ns + kClockTickNs >= last_.began_ns) return std::nullopt;
  const Standing walked = as_walked(status);
  if (!walked.shown && now_ns() >= last_.again_ns) return std::nullopt;
  return walked;
}

HiddenFiles::Standing HiddenFiles::settle(const struct stat& status) {
  if (const auto known = standing(status)) return *known;
  const std::lock_guard turn(walking_);
  // Another thread may have walked meanwhile.
  if (const auto known = standing(status)) return *known;
  walk();
  const std::lock_guard lock(mutex_);
  return as_walked(status);
}

bool HiddenFiles::may_hide(const FileId& file) {
  const std::lock_guard lock(mutex_);
  return known_.contains(file);
}

size_t HiddenFiles::size() {
  const std::lock_guard lock(mutex_);
  return known_.size();
}

void HiddenFiles::walked_over(int folder, const std::string& name) {
  const auto looked = facts_of(folder, name);
  if (looked && looked->type == S_IFREG && looked->links > 1) (void)met(folder, name);
}

void HiddenFiles::walk() {
  LastWalk walk;
  bool moved = true;
  for (int walks = 0; moved && walks < kMaxWalks; ++walks) {
    const std::unique_lock names(names_);
    uint64_t moves = 0;
    {
      const std::lock_guard lock(mutex_);
      moves = moves_;
    }
    walk.began_ns = now_ns();
    walk.found = walk_over(masks_, root_, [this](int folder, const std::string& name) { walked_over(folder, name); });
    const std::lock_guard lock(mutex_);
    moved = walk.found.disturbed || moves != moves_;
  }
  if (moved) {
    walk.found.complete = false;
    walk.found.names.clear();
    walk.found.obstacle = "its folders are being moved";
  }
  if (size() >= kMaxKnown) {
    walk.found.complete = false;
    walk.found.obstacle = "too many masked files";
  }
  const int64_t ended_ns = now_ns();
  walk.again_ns = ended_ns + std::max(kAgainNs, (ended_ns - walk.began_ns) * kAgainFactor);
  if (!walk.found.complete && walk.found.obstacle != said_)
    fmt::print(stderr,
               "caisson-share: not all names in the folder are known ({}): files with a hard link that was not found "
               "are not shown\n",
               walk.found.obstacle);
  said_ = walk.found.obstacle;
  const std::lock_guard lock(mutex_);
  last_ = std::move(walk);
}

}  // namespace caisson::share
