// SPDX-License-Identifier: Apache-2.0

#include "changes/stage.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>

#include "base/error.h"
#include "base/random.h"
#include "base/text.h"

namespace caisson::changes {
namespace {

using base::Error;

// A name that is moved up gets one that no entry has: those of a stage are numbers.
std::string moved_up_name() {
  return "up-" + base::random_hex(8);
}

// Zeros become a hole.
class SparseWriter {
 public:
  SparseWriter(int file, const std::string& name) : file_(file), name_(name) {}

  void write(std::span<const char> bytes) {
    constexpr size_t kBlock = 4096;
    while (!bytes.empty()) {
      const std::span<const char> block = bytes.first(std::min(bytes.size(), kBlock));
      const bool zeros = std::all_of(block.begin(), block.end(), [](char byte) { return byte == 0; });
      if (zeros) {
        if (::lseek(file_, static_cast<off_t>(block.size()), SEEK_CUR) < 0) fail();
      } else {
        base::write_all(file_, block, name_);
      }
      written_ += block.size();
      bytes = bytes.subspan(block.size());
    }
  }
  void finish() {
    if (::ftruncate(file_, static_cast<off_t>(written_)) != 0) fail();
  }

 private:
  [[noreturn]] void fail() const { throw base::system_error("cannot write", name_); }

  int file_;
  const std::string& name_;
  uint64_t written_ = 0;
};

// The guest says when it was changed; a time to come would keep builds from seeing later changes.
timespec time_of(int64_t mtime_ns) {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  const int64_t latest = now.tv_sec * 1'000'000'000LL + now.tv_nsec;
  const int64_t time_ns = std::clamp<int64_t>(mtime_ns, 0, latest);
  return {.tv_sec = time_ns / 1'000'000'000, .tv_nsec = time_ns % 1'000'000'000};
}

void set_times(int parent, const std::string& name, int64_t mtime_ns) {
  const timespec times[2] = {{.tv_sec = 0, .tv_nsec = UTIME_OMIT}, time_of(mtime_ns)};
  if (::utimensat(parent, name.c_str(), times, AT_SYMLINK_NOFOLLOW) != 0)
    throw base::system_error("cannot set the time of", name);
}

// What was just made by that name: opened, so that nobody puts another object in its place before it is given away.
base::Fd made_by(int parent, const std::string& name, mode_t type) {
  base::Fd made = base::open_file(name, O_PATH | O_NOFOLLOW, 0, parent);
  struct stat info {};
  if (::fstat(made.get(), &info) != 0 || (info.st_mode & S_IFMT) != type || info.st_uid != ::geteuid())
    throw Error("what was made as " + base::in_quotes(name) + " is another's already", "try again");
  return made;
}

// Only the superuser may give files away; the group is kept where the kernel lets this user have it. Takes an O_PATH
// descriptor, too.
void set_owner(int file, const std::string& name, const HostFile& owner) {
  if (::geteuid() == 0) {
    if (::fchownat(file, "", owner.uid, owner.gid, AT_EMPTY_PATH) != 0)
      throw base::system_error("cannot set the owner of", name);
  } else if (owner.gid != ::getegid()) {
    (void)!::fchownat(file, "", static_cast<uid_t>(-1), owner.gid, AT_EMPTY_PATH);
  }
}

// Whether the folder that was opened is one of ours that nobody else may write to. Where the superuser applies to
// another user's folder, that user may put another one in its place at any time.
bool is_own_stage(const HostRoot& root, const base::Fd& stage) {
  struct stat info {};
  struct stat above {};
  if (::fstat(stage.get(), &info) != 0 || ::fstat(root.fd(), &above) != 0) return false;
  if (info.st_uid != ::geteuid()) return false;
  return ::geteuid() != 0 || above.st_uid == 0 || (info.st_mode & 0077U) == 0;
}

}  // namespace

std::string new_stage_name() {
  return std::string(kStagePrefix) + base::random_hex(8);
}

HostRoot make_stage(const HostRoot& root, const std::string& name) {
  if (::mkdirat(root.fd(), name.c_str(), 0700) != 0)
    throw base::system_error("cannot prepare the changes in", root.path(), errno,
                             "the folder must be one that you can write to");
  std::optional<HostRoot> stage = open_stage(root, name);
  if (!stage) throw Error("cannot prepare the changes in " + base::in_quotes(root.path()));
  return std::move(*stage);
}

std::optional<HostRoot> open_stage(const HostRoot& root, const std::string& name) {
  base::Fd folder = root.folder(name);
  if (!folder) return std::nullopt;
  if (!is_own_stage(root, folder))
    throw Error("the folder " + base::in_quotes(root.path() + "/" + name) + " is not the one that was made there",
                "move it away");
  return HostRoot(root.path() + "/" + name, std::move(folder));
}

void StageMaker::make(const Change& change, const std::string& path, const HostFile& owner) {
  const std::string name(name_of(path));
  const base::Fd parent = stage_.folder(std::string(parent_of(path)));
  if (!parent) throw base::system_error("cannot prepare", change.path, ENOENT);
  if (change.after == FileType::kFolder) {
    if (::mkdirat(parent.get(), name.c_str(), 0700) != 0) throw base::system_error("cannot prepare", change.path);
    return set_owner(made_by(parent.get(), name, S_IFDIR).get(), name, owner);
  }
  if (change.after == FileType::kSymlink) {
    if (::symlinkat(change.target.c_str(), parent.get(), name.c_str()) != 0)
      throw base::system_error("cannot prepare", change.path);
    set_owner(made_by(parent.get(), name, S_IFLNK).get(), name, owner);
    return set_times(parent.get(), name, change.mtime_ns);
  }
  const base::Fd file = base::open_file(name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600, parent.get());
  make_file(change, file);
  set_owner(file.get(), name, owner);  // before the mode: a change of owner clears bits of it
  if (::fchmod(file.get(), change.mode & 0777U) != 0) throw base::system_error("cannot set the mode of", change.path);
  set_times(parent.get(), name, change.mtime_ns);
}

void StageMaker::make_file(const Change& change, const base::Fd& file) {
  SparseWriter writer(file.get(), change.path);
  if (change.record != kNoRecord) {
    received_.content(received_.records()[static_cast<size_t>(change.record)], [&](std::span<const char> part) {
      writer.write(part);
      return true;
    });
  } else {
    const base::Fd from = root_.open(change.source);
    struct stat info {};
    // Whether it may come along was decided by what it was then: another file, or a second name, may be a hidden one's.
    const bool is_it = from && ::fstat(from.get(), &info) == 0 && is_same_state(host_file(info), change.source_file);
    if (!is_it) throw Error(base::in_quotes(change.source) + " was changed on the host meanwhile", "try again");
    char buffer[64U << 10];
    while (true) {
      const ssize_t got = ::read(from.get(), buffer, sizeof buffer);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) throw base::system_error("cannot read", root_.path() + "/" + change.source);
      if (got == 0) break;
      writer.write({buffer, static_cast<size_t>(got)});
    }
  }
  writer.finish();
}

void StageMaker::finish_folder(const Change& change, const std::string& path) {
  // Its owner may write to it until it is in its place: moving a folder needs that (rename(2), EACCES).
  set_mode(stage_, path, change.mode | 0200U);
  const base::Fd parent = stage_.folder(std::string(parent_of(path)));
  set_times(parent.get(), std::string(name_of(path)), change.mtime_ns);
}

void set_mode(const HostRoot& root, const std::string& path, uint32_t mode) {
  set_mode_if(root, path, mode, [](const HostFile& /*now*/) { return true; });
}

bool set_mode_if(const HostRoot& root, const std::string& path, uint32_t mode,
                 const std::function<bool(const HostFile& now)>& is_expected) {
  const base::Fd parent = root.folder(std::string(parent_of(path)));
  const std::string name(name_of(path));
  if (!parent) throw base::system_error("cannot set the mode of", root.path() + "/" + path, ENOENT);
  // fchmod(2) does not take an O_PATH descriptor, and another one needs rights to the file's content.
  const base::Fd file = base::open_file(name, O_PATH | O_NOFOLLOW, 0, parent.get());
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) throw base::system_error("cannot look at", root.path() + "/" + path);
  if (!S_ISDIR(info.st_mode) && !S_ISREG(info.st_mode))
    throw Error("cannot set the mode of " + base::in_quotes(root.path() + "/" + path) + ": it is no file any more");
  if (!is_expected(host_file(info))) return false;
  const std::string through = "/proc/self/fd/" + std::to_string(file.get());
  if (::chmod(through.c_str(), (info.st_mode & 07000U) | mode) != 0)
    throw base::system_error("cannot set the mode of", root.path() + "/" + path);
  return true;
}

namespace {

// Empties `folder`, which is in `top`: files go, folders that are not empty move up into `top`.
void empty_into(const HostRoot& top, const std::string& folder) {
  const base::Fd opened = top.folder(folder);
  if (!opened) return;
  for (const std::string& name : names_in(opened, SIZE_MAX, top.path())) {
    if (::unlinkat(opened.get(), name.c_str(), 0) == 0) continue;
    if (errno != EISDIR) throw base::system_error("cannot remove", top.path() + "/" + folder + "/" + name);
    if (::unlinkat(opened.get(), name.c_str(), AT_REMOVEDIR) == 0) continue;
    const HostRoot here(top.path() + "/" + folder, opened.duplicate());
    set_mode(here, name, 0700);
    if (::renameat(opened.get(), name.c_str(), top.fd(), moved_up_name().c_str()) != 0)
      throw base::system_error("cannot remove", top.path() + "/" + folder + "/" + name);
  }
}

}  // namespace

void remove_stage(const HostRoot& root, const std::string& name) {
  base::Fd folder = root.folder(name);
  if (!folder || !is_own_stage(root, folder)) return;
  const HostRoot top(root.path() + "/" + name, std::move(folder));
  while (true) {
    const base::Fd again = top.folder("");
    const std::vector<std::string> names = names_in(again, SIZE_MAX, top.path());
    if (names.empty()) break;
    for (const std::string& entry : names) {
      if (::unlinkat(top.fd(), entry.c_str(), 0) == 0) continue;
      if (errno != EISDIR) throw base::system_error("cannot remove", top.path() + "/" + entry);
      set_mode(top, entry, 0700);
      empty_into(top, entry);
      if (::unlinkat(top.fd(), entry.c_str(), AT_REMOVEDIR) != 0)
        throw base::system_error("cannot remove", top.path() + "/" + entry);
    }
  }
  if (::unlinkat(root.fd(), name.c_str(), AT_REMOVEDIR) != 0) throw base::system_error("cannot remove", top.path());
}

}  // namespace caisson::changes
