// SPDX-License-Identifier: Apache-2.0

// From changes to steps: what is new and below a new folder comes with it, what is removed with its whole folder goes
// with it.

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <unordered_map>

#include "base/error.h"
#include "base/text.h"
#include "changes/apply.h"
#include "changes/digest.h"

namespace caisson::changes {
namespace {

using base::Error;

class Planner {
 public:
  Planner(const std::vector<Change>& changes, const HostRoot& root) : changes_(changes), root_(root) {}

  Plan run() {
    size_t at = 0;
    while (at < changes_.size()) at = next(at);
    // In reverse, so that a folder is closed after those in it.
    plan_.steps.insert(plan_.steps.end(), last_.rbegin(), last_.rend());
    return std::move(plan_);
  }

 private:
  // The first index behind `at` that is not below its path.
  size_t behind(size_t at) const {
    size_t end = at + 1;
    while (end < changes_.size() && is_below(changes_[end].path, changes_[at].path)) ++end;
    return end;
  }

  size_t next(size_t at) {
    const Change& change = changes_[at];
    check_parent(change.path);
    if (change.is_removal()) return removal(at);
    if (change.after == FileType::kFolder && change.before.type == FileType::kFolder) return mode(at);
    if (change.same_content) return mode(at);
    Step step = begin(change);
    step.kind = change.before.exists() ? Step::Kind::kSwap : Step::Kind::kPlace;
    const size_t end = behind(at);
    if (change.before.type == FileType::kFolder && !goes_whole(at, end, step))
      throw Error("cannot replace the folder " + base::in_quotes(change.path) + ": it holds files that are to stay",
                  "name it without what is in it to `caisson discard`, or take its files, too");
    make(at, std::to_string(step.number), change.before.exists() ? change.before : parent(change.path));
    if (change.after == FileType::kFolder) {
      for (size_t below = at + 1; below < end; ++below) {
        const std::string rest = changes_[below].path.substr(change.path.size());
        make(below, std::to_string(step.number) + rest, change.before.exists() ? change.before : parent(change.path));
      }
      close_later(at, end);
    }
    plan_.steps.push_back(std::move(step));
    return end;
  }

  size_t removal(size_t at) {
    const Change& change = changes_[at];
    Step step = begin(change);
    step.kind = Step::Kind::kTake;
    const size_t end = behind(at);
    if (change.before.type == FileType::kFolder && !goes_whole(at, end, step)) {
      plan_.kept.push_back(change.path);
      return at + 1;
    }
    plan_.steps.push_back(std::move(step));
    return end;
  }

  // All that the folder holds is removed with it. Each of these must be as it was when the changes were looked at,
  // since then the user may have thought about them for long; what is taken out is compared with this state once more.
  bool goes_whole(size_t at, size_t end, Step& step) const {
    std::unordered_map<std::string_view, const HostFile*> removals;
    for (size_t i = at + 1; i < end; ++i) {
      if (changes_[i].is_removal()) removals.emplace(changes_[i].path, &changes_[i].before);
    }
    bool whole = true;
    step.tree = tree_state(root_, changes_[at].path, [&](const std::string& path, const HostFile& now) {
                  const auto removal = removals.find(path);
                  if (removal == removals.end()) {
                    whole = false;
                  } else if (!is_same_state(now, *removal->second)) {
                    throw changed_meanwhile(path);
                  } else {
                    removals.erase(removal);
                  }
                }).digest;
    if (!removals.empty()) throw changed_meanwhile(std::string(removals.begin()->first));
    return whole;
  }
  static Error changed_meanwhile(const std::string& path) {
    return Error("cannot remove " + base::in_quotes(path) + ": it was changed on the host meanwhile",
                 "nothing was changed; look at the changes again");
  }

  size_t mode(size_t at) {
    const Change& change = changes_[at];
    Step step = begin(change);
    step.kind = Step::Kind::kMode;
    step.mode = change.mode & 0777U;
    // A folder that is closed to its owner is so when what is in it has been changed.
    const bool opens = change.after != FileType::kFolder || (change.mode & 0200U) != 0;
    (opens ? plan_.steps : last_).push_back(std::move(step));
    return at + 1;
  }

  // New folders that their owner may not write to: once they are in their place.
  void close_later(size_t at, size_t end) {
    for (size_t i = at; i < end; ++i) {
      const Change& change = changes_[i];
      if (change.after != FileType::kFolder || (change.mode & 0200U) != 0) continue;
      Step step;
      step.kind = Step::Kind::kMode;
      step.path = change.path;
      step.mode = change.mode & 0777U;
      step.number = ++number_;
      step.before.mode = step.mode | 0200U;
      step.before.type = FileType::kFolder;
      last_.push_back(std::move(step));
    }
  }

  void make(size_t at, std::string path, const HostFile& owner) {
    // What is below a new folder and was something below the old one is gone with that.
    if (changes_[at].is_removal()) return;
    plan_.made.push_back({at, std::move(path), owner});
    plan_.bytes += changes_[at].size;
  }

  Step begin(const Change& change) {
    Step step;
    step.path = change.path;
    step.number = ++number_;
    step.before = change.before;
    return step;
  }

  HostFile parent(const std::string& path) const { return root_.look(std::string(parent_of(path))); }

  // A folder that this user may not write to is found before anything is done.
  void check_parent(const std::string& path) {
    const std::string folder(parent_of(path));
    if (checked_ && *checked_ == folder) return;
    checked_ = folder;
    const std::string name = folder.empty() ? root_.path() : root_.path() + "/" + folder;
    const base::Fd opened = root_.folder(folder);
    if (!opened) {
      if (made_room(folder)) return;
      throw base::system_error("cannot apply " + base::in_quotes(path) + " in the folder", name, ENOENT,
                               "it was removed on the host; apply it as a whole, or make it again");
    }
    const HostFile info = root_.look(folder);
    const std::string through = "/proc/self/fd/" + std::to_string(opened.get());
    if (::faccessat(AT_FDCWD, through.c_str(), W_OK | X_OK, AT_EACCESS) != 0 && !opens(folder))
      throw base::system_error("cannot write to the folder", name, errno, "nothing was changed");
    if (info.device != root_.look("").device)
      throw Error("cannot apply " + base::in_quotes(path) + ": it is on another file system than " +
                      base::in_quotes(root_.path()),
                  "use `caisson cp`");
  }

  // Among the changes is one that makes the folder, or that opens it.
  bool made_room(const std::string& folder) const {
    return std::any_of(changes_.begin(), changes_.end(), [&](const Change& change) {
      return change.path == folder && change.after == FileType::kFolder;
    });
  }
  bool opens(const std::string& folder) const {
    return std::any_of(changes_.begin(), changes_.end(), [&](const Change& change) {
      return change.path == folder && change.after == FileType::kFolder && (change.mode & 0200U) != 0;
    });
  }

  const std::vector<Change>& changes_;
  const HostRoot& root_;
  Plan plan_;
  std::vector<Step> last_;
  uint64_t number_ = 0;
  std::optional<std::string> checked_;
};

class TreeWalk {
 public:
  TreeWalk(const HostRoot& root, const TreeVisitor& visit) : root_(root), visit_(visit) {}

  TreeState run(const std::string& path) {
    add(path);
    state_.digest = digest_.value();
    return state_;
  }

 private:
  void add(const std::string& path) {
    for (const std::string& name : root_.names(path, kMostChanges)) {
      std::string below = path + "/";
      below += name;
      const HostFile file = root_.look(below);
      if (visit_) visit_(below, file);
      digest_.add(name);
      digest_.add(static_cast<uint64_t>(file.type));
      digest_.add(file.inode);
      if (file.type != FileType::kFolder) {
        digest_.add(file.size);
        digest_.add(static_cast<uint64_t>(file.mtime_ns));
        digest_.add(static_cast<uint64_t>(file.ctime_ns));
      }
      if (++state_.entries > kMostChanges)
        throw Error("the folder " + base::in_quotes(path) + " holds more than " + std::to_string(kMostChanges) +
                    " entries");
      if (file.type == FileType::kFolder) add(below);
      digest_.add("/");
    }
  }

  const HostRoot& root_;
  const TreeVisitor& visit_;
  Digest digest_;
  TreeState state_;
};

}  // namespace

TreeState tree_state(const HostRoot& root, const std::string& path, const TreeVisitor& visit) {
  return TreeWalk(root, visit).run(path);
}

Plan plan_apply(const std::vector<Change>& changes, const HostRoot& root) {
  return Planner(changes, root).run();
}

}  // namespace caisson::changes
