// SPDX-License-Identifier: Apache-2.0

#include "guest/overlay_layers.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include <algorithm>

#include "base/error.h"
#include "base/folder_names.h"
#include "link/change_format.h"

namespace caisson::guest {
namespace {

// Not on the stack: whoever asks is as deep in its own calls as the tree is.
std::string attribute(const base::Fd& file, const std::string& name) {
  std::string value(4096, '\0');
  const ssize_t got = ::fgetxattr(file.get(), name.c_str(), value.data(), value.size());
  value.resize(got > 0 ? static_cast<size_t>(got) : 0);
  return value;
}

std::string redirected(const std::string& attribute, const Lower& parent) {
  if (attribute.empty()) return {};
  std::string path = attribute.substr(attribute.front() == '/' ? 1 : 0);
  if (attribute.front() != '/') {
    if (!parent) return {};
    if (!parent->empty()) path = *parent + "/" + path;
  }
  return link::flaw_of_path(path).empty() ? path : std::string();
}

}  // namespace

FolderBelow OverlayLayers::below(const base::Fd& folder, const std::string& name, const Lower& parent) const {
  FolderBelow found;
  found.opaque = attribute(folder, opaque_) == "y";
  if (found.opaque) return found;
  found.renamed_from = redirected(attribute(folder, redirect_), parent);
  if (!found.renamed_from.empty()) {
    found.lower = found.renamed_from;
  } else if (parent) {
    found.lower = parent->empty() ? name : *parent + "/" + name;
  }
  return found;
}

bool is_whiteout(const struct stat& info) {
  return S_ISCHR(info.st_mode) && info.st_rdev == makedev(0, 0);
}

std::vector<std::string> names_in(const base::Fd& folder, const std::string& path) {
  base::Fd own(::openat(folder.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!own && errno == ENOENT) return {};  // removed since it was opened
  if (!own) throw base::system_error("cannot list", path);
  return base::folder_names(std::move(own), path);
}

base::Fd open_folder(const base::Fd& parent, const std::string& name) {
  return base::Fd(::openat(parent.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

void allow_many_files() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 8192);
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace caisson::guest
