// SPDX-License-Identifier: Apache-2.0

#include "changes/git_view.h"

#include <fmt/format.h>
#include <strings.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "base/error.h"
#include "base/fd.h"
#include "base/process.h"
#include "base/read_parts.h"
#include "base/text.h"
#include "changes/view_folder.h"

namespace caisson::changes {
namespace {

using base::Error;

constexpr size_t kGitPartBytes = 64U << 10;
constexpr int kLockFd = 3;  // of a child

class Repository {
 public:
  explicit Repository(const std::string& sandbox_folder) : view_(sandbox_folder) {}

  base::SpawnOptions git(std::vector<std::string> arguments) const {
    // What Windows and macOS may not have in a repository is nothing to this one.
    std::vector<std::string> argv = {
        "git", "-c", "core.protectNTFS=false", "-c", "core.protectHFS=false", "-c", "core.quotePath=true"};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    base::SpawnOptions options;
    options.argv = std::move(argv);
    const char* path = std::getenv("PATH");
    options.environment = {std::string("PATH=") + (path == nullptr ? "/usr/bin:/bin" : path),
                           "HOME=" + view_.path(),
                           "GIT_DIR=" + view_.path() + "/git",
                           "GIT_CONFIG_NOSYSTEM=1",
                           "GIT_CONFIG_GLOBAL=/dev/null",
                           "GIT_ATTR_NOSYSTEM=1",
                           "LC_ALL=C.UTF-8"};
    options.folder = view_.path();
    options.descriptors = {{view_.lock_fd(), kLockFd}};
    return options;
  }

 private:
  ViewFolder view_;
};

void check(const base::ExitStatus& status, const std::string& what, const std::string& said) {
  if (!status.ok()) throw Error("git " + what + " " + status.text() + ": " + base::escaped(base::trimmed(said)));
}

// As fast-import(1) reads paths.
std::string quoted(const std::string& path) {
  std::string out = "\"";
  for (const char byte : path) {
    const auto code = static_cast<unsigned char>(byte);
    if (byte == '"' || byte == '\\') {
      out += '\\';
      out += byte;
    } else if (code < 0x20 || code >= 0x7f) {
      out += fmt::format("\\{:03o}", code);
    } else {
      out += byte;
    }
  }
  return out + "\"";
}

bool is_in_git_folder(const std::string& path) {
  for (const std::string& name : base::split(path, '/')) {
    if (::strcasecmp(name.c_str(), ".git") == 0) return true;
  }
  return false;
}

// What `git fast-import` reads.
class Import {
 public:
  Import(int out, const HostRoot& root, const Received& received) : out_(out), root_(root), received_(received) {}

  void commit(const char* name) {
    text(fmt::format("commit refs/heads/{}\ncommitter caisson <caisson> 0 +0000\ndata 0\n\n", name));
  }
  void before(const Change& change) {
    if (change.before.type == FileType::kSymlink)
      return symlink(change.path, root_.link_target(change.path).value_or(""));
    if (change.before.type == FileType::kFile)
      host_file({change.path, change.path, change.before.mode, change.before.size});
  }
  void after(const Change& change) {
    if (change.after == FileType::kSymlink) return symlink(change.path, change.target);
    if (change.after != FileType::kFile) return;
    if (change.record == kNoRecord) return host_file({change.path, change.source, change.mode, change.size});
    const ReceivedRecord& record = received_.records()[static_cast<size_t>(change.record)];
    header(change.path, change.mode, record.record.size);
    received_.content(record, [&](std::span<const char> part) {
      base::write_all(out_, part, "git");
      return true;
    });
    text("\n");
  }
  void finish() { text("done\n"); }

 private:
  void text(std::string_view words) { base::write_all(out_, {words.data(), words.size()}, "git"); }
  void header(const std::string& path, uint32_t mode, uint64_t size) {
    text(fmt::format("M {} inline {}\ndata {}\n", (mode & 0100U) != 0 ? "100755" : "100644", quoted(path), size));
  }
  void symlink(const std::string& path, const std::string& target) {
    text(fmt::format("M 120000 inline {}\ndata {}\n", quoted(path), target.size()));
    text(target);
    text("\n");
  }
  struct HostContent {
    const std::string& path;
    const std::string& source;
    uint32_t mode;
    uint64_t size;  // when it was compared
  };
  // A file that grows meanwhile is cut, one that shrinks is filled up: its size has been said, and counted.
  void host_file(const HostContent& what) {
    const base::Fd file = root_.open(what.source);
    struct stat info {};
    if (!file || ::fstat(file.get(), &info) != 0) return;
    uint64_t left = std::min(what.size, static_cast<uint64_t>(info.st_size));
    header(what.path, what.mode, left);
    std::string part(kGitPartBytes, '\0');
    while (left > 0) {
      const size_t want = std::min<uint64_t>(left, part.size());
      const ssize_t got = ::read(file.get(), part.data(), want);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) throw base::system_error("cannot read", root_.path() + "/" + what.source);
      if (got == 0) std::fill(part.begin(), part.end(), '\0');
      const size_t count = got == 0 ? want : static_cast<size_t>(got);
      base::write_all(out_, {part.data(), count}, "git");
      left -= count;
    }
    text("\n");
  }

  int out_;
  const HostRoot& root_;
  const Received& received_;
};

base::Fd temporary_file() {
  base::Fd file(::memfd_create("git", MFD_CLOEXEC));
  if (!file) throw base::system_error("cannot make", "memory file");
  return file;
}

std::string content_of(const base::Fd& file) {
  ::lseek(file.get(), 0, SEEK_SET);
  return base::read_all(file.get(), 1U << 20, "what git says");
}

// By itself.
bool can_be_shown(const Change& change, const GitView& view) {
  if (is_in_git_folder(change.path)) return false;
  const bool was_shown = change.before.type == FileType::kFile || change.before.type == FileType::kSymlink;
  const bool is_shown = change.after == FileType::kFile || change.after == FileType::kSymlink;
  if (!was_shown && !is_shown) return false;
  return view.binary || (change.before.size <= kMostShownBytes && change.size <= kMostShownBytes);
}

// What the repository takes of a change: its content before and after.
struct ViewBytes {
  uint64_t before = 0;
  uint64_t after = 0;
};
ViewBytes view_bytes(const Change& change) {
  return {.before = change.before.size, .after = change.size + change.target.size()};
}

// git's own files, and its compression of what cannot be compressed, come to less.
constexpr uint64_t kRepositoryBytes = 1U << 20;

void require_room(const std::vector<Change>& changes, const std::vector<bool>& shown, const std::string& folder,
                  const GitView& view) {
  uint64_t needed = kRepositoryBytes;
  for (size_t i = 0; i < changes.size(); ++i) {
    const ViewBytes bytes = view_bytes(changes[i]);
    if (shown[i]) needed += bytes.before + bytes.after;
  }
  const base::Bytes free = base::free_space(folder);
  if (free.count >= needed && free.count - needed >= view.spare.count) return;
  throw Error("no space left to show changes in " + base::in_quotes(folder) + ": " + base::to_string({needed}) +
                  " are needed beside the " + base::to_string(view.spare) + " that are left alone, " +
                  base::to_string(free) + " are free",
              "free some disk space, or name a part of the folder; --name-only needs none", ENOSPC);
}

}  // namespace

std::vector<bool> in_view(const std::vector<Change>& changes, const GitView& view) {
  std::vector<bool> shown;
  shown.reserve(changes.size());
  ViewBytes all;
  for (const Change& change : changes) {
    const ViewBytes bytes = view_bytes(change);
    const uint64_t most = view.most_of_a_side.count;
    // Neither is more than kMostShownBytes and a path, or it does not count.
    const bool fits = view.binary || (all.before + bytes.before <= most && all.after + bytes.after <= most);
    shown.push_back(can_be_shown(change, view) && fits);
    if (!shown.back()) continue;
    all.before += bytes.before;
    all.after += bytes.after;
  }
  return shown;
}

std::vector<std::string> stat_options(int width) {
  if (width > 0) return {fmt::format("--stat={}", width)};
  // What is read by a program, or later, has no names that are cut.
  return {"--stat=100000,99000", "--stat-graph-width=40"};
}

void view_by_git(const std::vector<Change>& changes, const HostRoot& root, const Received& received,
                 const GitView& view, const std::function<bool(std::string_view part)>& part) {
  const std::vector<bool> shown = in_view(changes, view);
  if (std::find(shown.begin(), shown.end(), true) == shown.end()) return;
  if (base::find_program("git").empty())
    throw Error("cannot show changes: the program 'git' is not installed", "install the package 'git'");
  require_room(changes, shown, received.folder(), view);
  const Repository repository(received.folder());
  const base::Fd said = temporary_file();
  base::SpawnOptions init = repository.git({"init", "--quiet", "--bare", "--template=", "git"});
  std::erase_if(init.environment, [](const std::string& entry) { return entry.starts_with("GIT_DIR="); });
  init.descriptors.emplace_back(said.get(), 2);
  check(base::spawn(init).wait(), "init", content_of(said));

  base::FdPair pipe = base::make_pipe();
  base::SpawnOptions import = repository.git({"fast-import", "--quiet", "--done"});
  import.descriptors.insert(import.descriptors.end(), {{pipe.first.get(), 0}, {said.get(), 2}});
  base::Child importer = base::spawn(import);
  pipe.first.reset();
  try {
    Import to(pipe.second.get(), root, received);
    to.commit("before");
    for (size_t i = 0; i < changes.size(); ++i) {
      if (shown[i]) to.before(changes[i]);
    }
    to.commit("after");
    for (size_t i = 0; i < changes.size(); ++i) {
      if (shown[i]) to.after(changes[i]);
    }
    to.finish();
  } catch (const Error& error) {
    if (error.errnum() != EPIPE) throw;  // it has ended, and said why
  }
  pipe.second.reset();
  check(importer.wait(), "fast-import", content_of(said));

  std::vector<std::string> arguments = {"--no-pager", "diff", "--no-color", "--no-ext-diff", "--no-textconv", "-M"};
  if (view.format == GitView::Format::kStat) {
    for (std::string& option : stat_options(view.width)) arguments.push_back(std::move(option));
  }
  if (view.binary) arguments.insert(arguments.end(), {"--binary", "--full-index"});
  arguments.insert(arguments.end(), {"refs/heads/before", "refs/heads/after", "--"});
  base::FdPair output = base::make_pipe();
  base::SpawnOptions diff = repository.git(arguments);
  diff.descriptors.insert(diff.descriptors.end(), {{output.second.get(), 1}, {said.get(), 2}});
  base::Child differ = base::spawn(diff);
  output.second.reset();
  if (!base::read_parts(output.first.get(), kGitPartBytes, "what git shows", part)) return;
  check(differ.wait(), "diff", content_of(said));
}

}  // namespace caisson::changes
