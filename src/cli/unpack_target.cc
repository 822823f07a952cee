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

// Links in the path that the user wrote are the user's own wish.
std::optional<std::string> real_path(const std::string& path) {
  const std::unique_ptr<char, void (*)(void*)> real(realpath(path.c_str(), nullptr), std::free);
  if (real) return std::string(real.get());
  if (errno == ENOENT) return std::nullopt;
  throw base::system_error("cannot copy to", path);
}

bool wants_folder(const std::string& target) {
  return target.ends_with('/') || target.ends_with("/.") || target == ".";
}

base::Fd open_user_folder(const std::string& path) {
  return base::open_file(path, O_PATH | O_DIRECTORY);
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
  const std::optional<std::string> real = real_path(target);
  if (!real) {
    Parts parts = split_path(target);
    struct stat status {};
    if (lstat(target.c_str(), &status) == 0) {
      throw base::Error("cannot copy to " + in_quotes(target) + ": it is a symbolic link to nothing",
                        "remove it first");
    }
    if (parts.name == "." || parts.name == "..") {
      throw base::Error("cannot copy to " + in_quotes(target) + ": there is no such folder", "make it first");
    }
    return {target, open_user_folder(parts.folder), std::move(parts.name), UserTarget::Kind::kNothing};
  }
  struct stat status {};
  if (stat(real->c_str(), &status) != 0) throw base::system_error("cannot copy to", target);
  if (S_ISDIR(status.st_mode)) return {target, open_user_folder(*real), "", UserTarget::Kind::kFolder};
  if (wants_folder(target)) throw base::Error("cannot copy to " + in_quotes(target) + ": it is not a folder");
  Parts parts = split_path(*real);
  return {target, open_user_folder(parts.folder), std::move(parts.name), UserTarget::Kind::kFile};
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
