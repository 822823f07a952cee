// SPDX-License-Identifier: Apache-2.0

#include "share/hidden_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <ctime>
#include <memory>
#include <optional>
#include <vector>

#include "share/node_table.h"

namespace caisson::share {
namespace {

constexpr size_t kMaxKnown = 65536;
constexpr size_t kMaxWalkedDepth = 256;
constexpr size_t kMaxWalkedEntries = 20'000'000;
// A change time is taken from a clock that ticks with the timer, a little behind the one that is asked for here.
constexpr int64_t kClockTickNs = 20'000'000;

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

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};

struct Level {
  std::unique_ptr<DIR, CloseFolder> folder;
  Masks::State state;
  bool masked;  // it or one above it: so is all in it
};

bool open_level(std::vector<Level>& levels, int parent, const std::string& name, const Masks::Step& step) {
  int errnum = 0;
  base::Fd opened = name.empty() ? base::Fd(::openat(parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC))
                                 : open_beneath(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, errnum);
  if (!opened) return false;
  DIR* folder = ::fdopendir(opened.get());
  if (folder == nullptr) return false;
  (void)opened.release();
  levels.push_back({.folder = std::unique_ptr<DIR, CloseFolder>(folder), .state = step.state, .masked = step.masked});
  return true;
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
  if (status.st_nlink > 1 && masks_.any() && !is_cleared(status)) {
    const std::lock_guard turn(walking_);
    if (nanoseconds(status.st_ctim) + kClockTickNs >= walked_ns_) walk();
    // Without the whole truth nothing that may be masked is shown.
    if (!complete_) return true;
  }
  const std::lock_guard lock(mutex_);
  const auto at = known_.find(id_of(status));
  if (at == known_.end()) return false;
  if (at->second.held) return true;
  const auto looked = facts_of(file, name);
  return !looked || looked->born_ns == at->second.born_ns;
}

void HiddenFiles::clear(const struct stat& status) {
  const std::lock_guard lock(mutex_);
  // What was dropped is looked for anew, by a walk.
  if (cleared_.size() >= kMaxKnown) cleared_.clear();
  cleared_[id_of(status)] = nanoseconds(status.st_ctim);
}

bool HiddenFiles::is_cleared(const struct stat& status) {
  const std::lock_guard lock(mutex_);
  const auto at = cleared_.find(id_of(status));
  return at != cleared_.end() && at->second == nanoseconds(status.st_ctim);
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
  if (!looked || looked->type != S_IFREG || looked->links < 2) return;
  (void)met(folder, name);
  if (size() >= kMaxKnown) complete_ = false;
}

void HiddenFiles::walk() {
  walked_ns_ = now_ns();
  complete_ = true;
  std::vector<Level> levels;
  if (!open_level(levels, root_, "", {.state = masks_.top()})) return;
  for (size_t entries = 0; !levels.empty() && complete_;) {
    const Level& level = levels.back();
    const dirent* entry = ::readdir(level.folder.get());
    if (entry == nullptr) {
      levels.pop_back();
      continue;
    }
    const std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    Masks::Step step = masks_.step(level.state, name, levels.size() == 1);
    // Whether a .npmrc that has links holds a token now does not matter: it may at any time.
    step.masked |= level.masked || step.token_holder;
    const int folder = ::dirfd(level.folder.get());
    if (step.masked && entry->d_type != DT_DIR) walked_over(folder, name);
    if (++entries > kMaxWalkedEntries || levels.size() >= kMaxWalkedDepth) complete_ = false;
    if (entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN) open_level(levels, folder, name, step);
  }
  if (!complete_)
    std::fprintf(stderr,
                 "caisson-share: the folder is too large to look for second names of masked files: "
                 "files with more than one hard link are not shown\n");
}

}  // namespace caisson::share
