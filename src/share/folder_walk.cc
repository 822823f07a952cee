// SPDX-License-Identifier: Apache-2.0

#include "share/folder_walk.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "base/text.h"
#include "share/node_table.h"

namespace caisson::share {
namespace {

constexpr size_t kMaxWalkedDepth = 256;
constexpr size_t kMaxWalkedEntries = 20'000'000;

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};

class Walk {
 public:
  Walk(const Masks& masks, const std::function<void(int, const std::string&)>& masked)
      : masks_(masks), masked_(masked) {}

  Walked over(int root) {
    const base::Fd top(::openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    // A share of one file has no other names.
    if (!top && errno == ENOTDIR) return {};
    if (!top) {
      leave_out("", errno);
    } else {
      enter(top.duplicate(), "", {.state = masks_.top()});
    }
    while (!levels_.empty() && !full_) step();
    count();
    return std::move(walked_);
  }

 private:
  struct Level {
    std::unique_ptr<DIR, CloseFolder> folder;
    std::string name;
    FileId file;
    Masks::State state;
    bool masked;  // it or one above it: so is all in it
  };

  void step() {
    const Level& level = levels_.back();
    errno = 0;
    const dirent* entry = ::readdir(level.folder.get());
    if (entry == nullptr) {
      if (errno != 0) leave_out("", errno);
      levels_.pop_back();
      return;
    }
    const std::string name = entry->d_name;
    if (name == "." || name == "..") return;
    Masks::Step step = masks_.step(level.state, name, levels_.size() == 1);
    // Whether a .npmrc that has links holds a token now does not matter: it may at any time.
    step.masked |= level.masked || step.token_holder;
    if (++entries_ > kMaxWalkedEntries) return give_up("too many names");
    const int folder = ::dirfd(level.folder.get());
    if (step.masked && entry->d_type != DT_DIR) masked_(folder, name);
    if (!step.masked && (entry->d_type == DT_REG || entry->d_type == DT_UNKNOWN))
      names_[level.file.device].emplace_back(entry->d_ino, std::hash<std::string>()(name) ^ FileIdHash()(level.file));
    if (entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN) open(folder, name, step, entry->d_type == DT_DIR);
  }

  void open(int parent, const std::string& name, const Masks::Step& step, bool is_folder) {
    if (levels_.size() >= kMaxWalkedDepth) return give_up("too many levels");
    int errnum = 0;
    base::Fd opened = open_beneath(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, errnum);
    if (opened) return enter(std::move(opened), name, step);
    if (!is_folder && (errnum == ENOTDIR || errnum == ELOOP)) return;
    if (errnum == ENOENT || errnum == ENOTDIR || errnum == ELOOP) {
      walked_.disturbed = true;
    } else if (errnum != EACCES || !is_another_users(parent, name)) {
      leave_out(name, errnum);
    }
  }

  void enter(base::Fd opened, const std::string& name, const Masks::Step& step) {
    struct stat status {};
    if (::fstat(opened.get(), &status) != 0) return leave_out(name, errno);
    // The guest does not get there (entries.cc).
    if (!levels_.empty() && status.st_dev != levels_.back().file.device && !has_content(opened.get())) return;
    // One that is met again, by another mount or as it was moved, is looked through again only if it is masked here.
    const auto [met, fresh] = met_.try_emplace(id_of(status), step.masked);
    if (!fresh && (met->second || !step.masked)) return;
    met->second = step.masked;
    DIR* folder = ::fdopendir(opened.get());
    if (folder == nullptr) return leave_out(name, errno);
    (void)opened.release();
    levels_.push_back({.folder = std::unique_ptr<DIR, CloseFolder>(folder),
                       .name = name,
                       .file = id_of(status),
                       .state = step.state,
                       .masked = step.masked});
  }

  // protected_hardlinks (proc_sys_fs(5)): nobody but who owns it makes a link to what is in there.
  static bool is_another_users(int parent, const std::string& name) {
    struct stat status {};
    return ::fstatat(parent, name.c_str(), &status, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) == 0 &&
           status.st_uid != ::geteuid();
  }

  void leave_out(const std::string& name, int errnum) {
    walked_.complete = false;
    if (!walked_.obstacle.empty()) return;
    std::string path;
    for (const Level& level : levels_) path += level.name.empty() ? "" : level.name + "/";
    path += name;
    walked_.obstacle = base::in_quotes(path.empty() ? "." : path) + " cannot be read: " + std::strerror(errnum);
  }

  void give_up(const char* why) {
    full_ = true;
    walked_.complete = false;
    walked_.obstacle = why;
  }

  // A name that a folder listed twice, as its entries changed, is one.
  void count() {
    for (auto& [device, names] : names_) {
      std::sort(names.begin(), names.end());
      names.erase(std::unique(names.begin(), names.end()), names.end());
      for (auto at = names.begin(); at != names.end();) {
        const auto next = std::find_if(at, names.end(), [at](const auto& one) { return one.first != at->first; });
        if (next - at > 1) walked_.names[{.device = device, .inode = at->first}] = static_cast<uint32_t>(next - at);
        at = next;
      }
    }
  }

  const Masks& masks_;
  const std::function<void(int, const std::string&)>& masked_;
  Walked walked_;
  std::vector<Level> levels_;
  size_t entries_ = 0;
  bool full_ = false;
  std::unordered_map<FileId, bool, FileIdHash> met_;  // folders, and whether by a masked name
  // By device, each name that is not masked: its file's number, and a hash of where it is. That costs no system call.
  std::unordered_map<uint64_t, std::vector<std::pair<uint64_t, uint64_t>>> names_;
};

}  // namespace

Walked walk_over(const Masks& masks, int root, const std::function<void(int, const std::string&)>& masked) {
  return Walk(masks, masked).over(root);
}

}  // namespace caisson::share
