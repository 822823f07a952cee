// SPDX-License-Identifier: Apache-2.0

#include "cli/unpack_target.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <memory>
#include <optional>

#include "base/error.h"
#include "base/text.h"

namespace caisson::cli {
namespace {

using base::in_quotes;

struct Parts {
  std::string folder;
  std::string name;
};

Parts split_path(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return {".", path};
  return {slash == 0 ? "/" : path.substr(0, slash), path.substr(slash + 1)};
}

bool wants_folder(const std::string& target) {
  return target.ends_with('/') || target.ends_with("/.") || target == ".";
}

base::Error no_place(const std::string& target) {
  return base::Error(in_quotes(target) + " is no file or folder", "use - for a tar stream on stdout");
}

bool is_place(const struct stat& status) {
  return S_ISDIR(status.st_mode) || S_ISREG(status.st_mode);
}

base::Error leads_through_link(const std::string& target) {
  // Links of the system's to what can't be copied to: /dev/stdout.
  struct stat status {};
  if (stat(target.c_str(), &status) == 0 && !is_place(status)) return no_place(target);
  const std::unique_ptr<char, void (*)(void*)> real(realpath(target.c_str(), nullptr), std::free);
  const std::string where = real ? ": " + in_quotes(real.get()) : "";
  return base::Error("cannot copy to " + in_quotes(target) + ": there is a symbolic link in that path",
                     "an earlier copy may have made it; remove it, or name the place itself" + where, ELOOP);
}

// Of what the user named. No link in it is followed: the link may be one that the sandbox put there by an earlier copy.
std::optional<base::Fd> open_user_path(const std::string& target, const std::string& path, int flags) {
  open_how how{};
  how.flags = static_cast<uint64_t>(flags) | O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  const long fd = syscall(SYS_openat2, AT_FDCWD, path.c_str(), &how, sizeof how);
  if (fd >= 0) return base::Fd(static_cast<int>(fd));
  if (errno == ELOOP) throw leads_through_link(target);
  if (errno == ENOENT) return std::nullopt;
  throw base::system_error("cannot copy to", target);
}

base::Fd open_user_folder(const std::string& target, const std::string& path) {
  std::optional<base::Fd> folder = open_user_path(target, path, O_DIRECTORY);
  if (!folder) throw base::system_error("cannot open", path, ENOENT);
  return std::move(*folder);
}

base::Fd open_below(const base::Fd& folder, const std::string& path, int flags) {
  open_how how{};
  how.flags = static_cast<uint64_t>(flags) | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  const std::string place = path.empty() ? "." : path;
  const long fd = syscall(SYS_openat2, folder.get(), place.c_str(), &how, sizeof how);
  if (fd >= 0) return base::Fd(static_cast<int>(fd));
  if (errno == ELOOP) throw base::Error("refused to follow a symbolic link in " + in_quotes(path), {}, ELOOP);
  if (errno == EXDEV) throw base::Error("refused to leave the target folder by " + in_quotes(path), {}, EXDEV);
  throw base::system_error("cannot open", path);
}

}  // namespace

UserTarget open_target(const std::string& target) {
  Parts parts = split_path(target);
  std::optional<base::Fd> place = open_user_path(target, target, 0);
  if (!place) {
    if (parts.name == "." || parts.name == "..") {
      throw base::Error("cannot copy to " + in_quotes(target) + ": there is no such folder", "make it first");
    }
    return {target, open_user_folder(target, parts.folder), std::move(parts.name), UserTarget::Kind::kNothing};
  }
  struct stat status {};
  if (fstat(place->get(), &status) != 0) throw base::system_error("cannot copy to", target);
  if (!is_place(status)) throw no_place(target);
  if (S_ISDIR(status.st_mode)) {
    // What is opened in it later has names without the user's path.
    const base::Fd usable(openat(place->get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!usable) throw base::system_error("cannot copy to", target);
    return {target, std::move(*place), "", UserTarget::Kind::kFolder};
  }
  if (wants_folder(target)) throw base::Error("cannot copy to " + in_quotes(target) + ": it is not a folder");
  return {target, open_user_folder(target, parts.folder), std::move(parts.name), UserTarget::Kind::kFile};
}

UnpackTarget place_in(UserTarget target, const std::string& top, bool is_folder) {
  switch (target.kind) {
    case UserTarget::Kind::kFolder:
      return {std::move(target.folder), top};
    case UserTarget::Kind::kFile:
      if (!is_folder) break;
      throw base::Error("cannot copy a folder to " + in_quotes(target.given) + ": it is a file", "name another place");
    case UserTarget::Kind::kNothing:
      if (is_folder || !wants_folder(target.given)) break;
      throw base::Error("cannot copy to " + in_quotes(target.given) + ": there is no such folder", "make it first");
  }
  return {std::move(target.folder), std::move(target.name)};
}

base::Fd open_folder_below(const base::Fd& folder, const std::string& path) {
  return open_below(folder, path, O_RDONLY | O_DIRECTORY);
}

base::Fd open_path_below(const base::Fd& folder, const std::string& path) {
  return open_below(folder, path, O_PATH);
}

}  // namespace caisson::cli
