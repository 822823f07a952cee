// SPDX-License-Identifier: Apache-2.0

#include "changes/view_folder.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <vector>

#include "base/error.h"
#include "base/text.h"

namespace caisson::changes {
namespace {

namespace fs = std::filesystem;

std::string views_in(const std::string& folder) {
  return folder + "/views";
}

std::vector<std::string> abandoned_views(const std::string& folder) {
  std::vector<std::string> found;
  std::error_code failed;
  for (const fs::directory_entry& entry : fs::directory_iterator(views_in(folder), failed)) {
    std::error_code ignored;
    const std::string path = entry.path().string();
    if (entry.is_directory(ignored) && !base::FileLock::is_held(path + "/lock")) found.push_back(path);
  }
  return found;
}

// Between its mkdir and its lock a new folder looks abandoned: both are done, and looked for, under this.
base::FileLock gate_of_views(const std::string& folder) {
  return base::FileLock::acquire(views_in(folder) + "/.lock");
}

void remove_view(const std::string& path) {
  std::error_code ignored;
  fs::remove_all(path, ignored);
}

}  // namespace

ViewFolder::ViewFolder(const std::string& folder) {
  // Not with its parents: the sandbox may be gone.
  const std::string views = views_in(folder);
  if (::mkdir(views.c_str(), 0700) != 0 && errno != EEXIST) throw base::system_error("cannot make the folder", views);
  const base::FileLock gate = gate_of_views(folder);
  for (const std::string& path : abandoned_views(folder)) remove_view(path);
  path_ = views + "/XXXXXX";
  if (::mkdtemp(path_.data()) == nullptr) throw base::system_error("cannot make a folder in", views);
  lock_ = base::FileLock::try_acquire(path_ + "/lock");
  if (!lock_) throw base::Error("cannot lock the new folder " + base::in_quotes(path_));
}

ViewFolder::~ViewFolder() {
  remove_view(path_);
}

void sweep_views(const std::string& folder) {
  try {
    // Mostly there is none, and nobody to wait for.
    if (abandoned_views(folder).empty()) return;
    const base::FileLock gate = gate_of_views(folder);
    for (const std::string& path : abandoned_views(folder)) remove_view(path);
  } catch (const base::Error&) {
    // The next command tries again.
  }
}

}  // namespace caisson::changes
