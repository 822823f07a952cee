// SPDX-License-Identifier: Apache-2.0

#include "clones/host_repository.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "base/beneath.h"
#include "base/disk_space.h"
#include "base/error.h"
#include "base/file.h"
#include "base/random.h"
#include "base/scope.h"
#include "base/text.h"
#include "clones/references.h"

namespace caisson::clones {
namespace {

namespace fs = std::filesystem;
using base::Error;

constexpr size_t kMostConfigBytes = 1U << 20;
constexpr size_t kMostShallowBytes = 16U << 20;
constexpr size_t kMostAlternatesBytes = 64U << 10;
constexpr size_t kCopyBytes = 1U << 20;

base::Fd open_repository(const std::string& folder) {
  base::Fd opened = base::open_without_links(folder, O_PATH | O_DIRECTORY);
  if (!opened) throw base::system_error("cannot open the repository", folder);
  return opened;
}

RepositoryId id_of(const std::string& folder, const base::Fd& opened) {
  struct stat info {};
  if (::fstat(opened.get(), &info) != 0) throw base::system_error("cannot look at", folder);
  // As git: what another has written is not for this user's programs.
  if (info.st_uid != ::geteuid())
    throw Error("the repository " + base::in_quotes(folder) + " belongs to another user",
                "its owner can clone it, or share it as it is: leave out :clone");
  return {.folder = folder, .device = info.st_dev, .inode = info.st_ino};
}

bool is_true(const std::string& value) {
  return value.empty() || value == "true" || value == "yes" || value == "on" || value == "1";
}

void copy_file(const std::string& from, int to, const std::string& name) {
  const base::Fd file = base::open_file(from, O_RDONLY);
  std::string buffer(kCopyBytes, '\0');
  while (true) {
    const ssize_t got = ::read(file.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw base::system_error("cannot read", from);
    if (got == 0) break;
    base::write_all(to, {buffer.data(), static_cast<size_t>(got)}, name);
  }
  if (::fchmod(to, 0444) != 0 || ::fsync(to) != 0) throw base::system_error("cannot write", name);
}

// As git does it: under a name that its next tidying removes, until it is whole.
void add_file(const std::string& from, int folder, const std::string& name) {
  const std::string temporary = "tmp_pack_" + base::random_hex(8);
  const base::Fd file(::openat(folder, temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) throw base::system_error("cannot write to the repository's objects", name);
  base::Scope remove([&] { ::unlinkat(folder, temporary.c_str(), 0); });
  copy_file(from, file.get(), name);
  // A pack is called after what is in it: one that is there is the same.
  if (::renameat2(folder, temporary.c_str(), folder, name.c_str(), RENAME_NOREPLACE) != 0 && errno != EEXIST)
    throw base::system_error("cannot write to the repository's objects", name);
}

}  // namespace

HostRepository::HostRepository(const std::string& folder, const std::string& scratch)
    : fd_(open_repository(folder)), scratch_(scratch) {
  id_ = id_of(folder, fd_);
  open_objects();
  read_settings();
  make_place();
}

HostRepository::HostRepository(const RepositoryId& id, const std::string& scratch)
    : HostRepository(id.folder, scratch) {
  if (id_ != id)
    throw Error("the repository " + base::in_quotes(id.folder) + " is another one than when the sandbox was made",
                "put that one back; what the sandbox has made is in the sandbox");
}

void HostRepository::open_objects() {
  objects_ = base::open_beneath(fd_.get(), "objects", O_PATH | O_DIRECTORY);
  if (!objects_)
    throw base::system_error("cannot open the objects of the repository", id_.folder, errno,
                             "a clone needs them in it, and not behind a link");
  const auto alternates = base::read_beneath(objects_.get(), "info/alternates", kMostAlternatesBytes);
  if (alternates && !base::trimmed(*alternates).empty())
    throw Error("the repository " + base::in_quotes(id_.folder) + " borrows objects of another one",
                "make it whole (`git repack -a -d`, and remove its objects/info/alternates), or share it as it is: "
                "leave out :clone");
}

// By git itself, as a file's syntax: what is included is not read, and nothing is obeyed.
void HostRepository::read_settings() {
  const auto text = base::read_beneath(fd_.get(), "config", kMostConfigBytes);
  if (!text) throw Error(base::in_quotes(id_.folder) + " has no configuration: it is no git repository");
  if (base::open_beneath(fd_.get(), "reftable", O_PATH))
    throw Error("the repository " + base::in_quotes(id_.folder) + " keeps its references in a reftable",
                "`git refs migrate --ref-format=files` makes them files, or share it as it is: leave out :clone");
  GitCall call{.repository = scratch_.path(),
               .arguments = {"config", "--file", "-", "--no-includes", "-z", "--list"},
               .input = *text,
               .bounds = kForGuests};
  const std::string doing = "cannot read the configuration of " + base::in_quotes(id_.folder);
  for (const std::string& entry : base::split(text->empty() ? "" : git_output(call, doing), '\0')) {
    const size_t end = entry.find('\n');
    const std::string key = entry.substr(0, end);
    const std::string value = end == std::string::npos ? "" : entry.substr(end + 1);
    if (key == "core.bare") bare_ = is_true(value);
    if (key == "core.worktree") work_tree_ = value;
    if (key.starts_with("remote.") && key.ends_with(".promisor")) partial_ = partial_ || is_true(value);
    if (key == "extensions.partialclone") partial_ = true;
    if (key == "extensions.objectformat") format_ = value;
  }
  if (format_ != "sha1" && format_ != "sha256")
    throw Error("the repository " + base::in_quotes(id_.folder) + " has objects of the format " +
                base::in_quotes(format_) + ", which is not known");
}

void HostRepository::make_place() {
  make_bare(scratch_.path(), format_);
  shallow_ = base::read_beneath(fd_.get(), "shallow", kMostShallowBytes);
  if (shallow_) write_text(place() + "/shallow", *shallow_);
  std::string lines;
  for (const auto& [name, object] : resolved(read_references(fd_.get()))) lines += object + " " + name + "\n";
  write_text(place() + "/packed-refs", lines);
  const std::string out = git_output(call({"for-each-ref", "--format=%(objectname) %(refname)"}),
                                     "cannot read the references of " + base::in_quotes(id_.folder));
  for (const std::string& line : lines_of(out)) {
    const size_t space = line.find(' ');
    if (space != std::string::npos && is_object_name(line.substr(0, space)))
      references_.push_back({.name = line.substr(space + 1), .object = line.substr(0, space)});
  }
}

GitCall HostRepository::call(std::vector<std::string> arguments) const {
  return {.repository = place(), .arguments = std::move(arguments), .objects = {objects()}};
}

std::string HostRepository::answer(std::vector<std::string> arguments) const {
  const GitResult result = run_git(call(std::move(arguments)));
  return result.status.ok() ? std::string(base::trimmed(result.out)) : std::string();
}

bool HostRepository::is_ok(std::vector<std::string> arguments) const {
  return run_git(call(std::move(arguments))).status.ok();
}

void HostRepository::add_pack(const std::string& pack) const {
  const std::string name = fs::path(pack).filename().string();
  const uint64_t needed = fs::file_size(pack + ".pack") + fs::file_size(pack + ".idx");
  if (base::free_space(id_.folder).count < needed + base::kSpareSpace.count)
    throw Error(
        "there is no room for " + std::to_string(needed >> 20) + " MiB of objects in " + base::in_quotes(id_.folder),
        "make some, and take the commits over by `caisson apply`");
  ::mkdirat(objects_.get(), "pack", 0777);
  const base::Fd folder = base::open_beneath(objects_.get(), "pack", O_RDONLY | O_DIRECTORY);
  if (!folder) throw base::system_error("cannot open the packs of the repository", id_.folder);
  // A pack counts when its index is there.
  add_file(pack + ".pack", folder.get(), name + ".pack");
  add_file(pack + ".idx", folder.get(), name + ".idx");
  if (::fsync(folder.get()) != 0) throw base::system_error("cannot write to", id_.folder + "/objects/pack");
}

}  // namespace caisson::clones
