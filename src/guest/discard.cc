// SPDX-License-Identifier: Apache-2.0

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "guest/changes.h"
#include "guest/folder_listing.h"
#include "link/change_format.h"

namespace caisson::guest {
namespace {

base::Fd open_folder(int parent, const std::string& name) {
  return base::Fd(::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

void remove(int parent, const std::string& name);

void empty(base::Fd folder, const std::string& name) {
  const FolderListing listing(::fdopendir(folder.get()));
  if (listing == nullptr) throw base::system_error("cannot list", name);
  const int fd = folder.release();
  while (const dirent* item = ::readdir(listing.get())) {
    const std::string below = item->d_name;
    if (below != "." && below != "..") remove(fd, below);
  }
}

void remove(int parent, const std::string& name) {
  if (::unlinkat(parent, name.c_str(), 0) == 0 || errno == ENOENT) return;
  if (errno != EISDIR) throw base::system_error("cannot discard", name);
  base::Fd folder = open_folder(parent, name);
  if (folder) empty(std::move(folder), name);
  if (::unlinkat(parent, name.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT)
    throw base::system_error("cannot discard", name);
}

void discard(const base::Fd& upper, const std::string& path) {
  const std::string flaw = link::flaw_of_path(path);
  if (!flaw.empty()) throw base::Error("a path to discard " + flaw);
  base::Fd at = upper.duplicate();
  size_t begin = 0;
  while (true) {
    const size_t slash = path.find('/', begin);
    const std::string name = path.substr(begin, slash == std::string::npos ? slash : slash - begin);
    if (slash == std::string::npos) return remove(at.get(), name);
    at = open_folder(at.get(), name);
    if (!at) return;  // nothing is changed below it
    begin = slash + 1;
  }
}

}  // namespace

void discard_changes(const base::Fd& upper, const std::vector<std::string>& paths) {
  if (paths.empty()) return empty(open_folder(upper.get(), "."), "workspace");
  for (const std::string& path : paths) discard(upper, path);
}

}  // namespace caisson::guest
