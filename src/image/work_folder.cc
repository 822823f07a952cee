// SPDX-License-Identifier: Apache-2.0

#include "image/work_folder.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <mutex>

#include "base/error.h"
#include "base/process.h"
#include "base/text.h"

namespace caisson::image {
namespace {

std::string tmp_of(const std::string& cache) {
  return cache + "/tmp";
}

// Guards the moment between a folder's mkdir and the lock on it against a sweep.
base::FileLock gate_of(const std::string& cache) {
  base::make_folders(tmp_of(cache));
  return base::FileLock::acquire(tmp_of(cache) + "/.lock");
}

bool is_abandoned(const std::filesystem::directory_entry& entry) {
  std::error_code ignored;
  return entry.is_directory(ignored) && !entry.is_symlink(ignored) &&
         !base::FileLock::is_held(entry.path().string() + "/lock");
}

void sweep(const std::string& cache) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(tmp_of(cache), ignored)) {
    if (is_abandoned(entry)) remove_tree(entry.path());
  }
}

std::mutex own_mutex;
std::vector<std::string>& own() {
  static std::vector<std::string> folders;
  return folders;
}

}  // namespace

bool remove_tree(const std::string& path) {
  // The program, because a tree made from somebody's archive may be deeper than paths and descriptors go.
  if (base::run_program({.argv = {"rm", "-rf", "--one-file-system", "--", path}}).status.ok()) return true;
  base::run_program(
      {.argv = {"unshare", "--user", "--map-root-user", "--map-auto", "rm", "-rf", "--one-file-system", "--", path}});
  struct stat info {};
  return ::lstat(path.c_str(), &info) != 0;
}

WorkFolder::WorkFolder(const std::string& cache, const std::string& what) {
  const base::FileLock gate = gate_of(cache);
  sweep(cache);
  std::string path = tmp_of(cache) + "/" + what + "-XXXXXX";
  if (::mkdtemp(path.data()) == nullptr) throw base::system_error("cannot make a temporary folder in", tmp_of(cache));
  path_ = path;
  lock_ = base::FileLock::try_acquire(path_ + "/lock");
  if (!lock_) throw base::Error("cannot lock the new folder " + base::in_quotes(path_));
  note_own(path_);
}

WorkFolder::~WorkFolder() {
  try {
    remove_tree(path_);
  } catch (const base::Error&) {  // it is swept next time
  }
  forget_own(path_);
}

void sweep_work_folders(const std::string& cache) {
  // A folder that is being made looks abandoned for a moment: with the gate it is looked at again.
  std::error_code none;
  const std::filesystem::directory_iterator all(tmp_of(cache), none);
  if (none || std::none_of(begin(all), end(all), is_abandoned)) return;
  const base::FileLock gate = gate_of(cache);
  sweep(cache);
}

std::vector<std::string> own_work_folders() {
  const std::lock_guard guard(own_mutex);
  return own();
}

void note_own(const std::string& path) {
  const std::lock_guard guard(own_mutex);
  own().push_back(path);
}

void forget_own(const std::string& path) {
  const std::lock_guard guard(own_mutex);
  std::erase(own(), path);
}

void remove_abandoned(const std::string& cache, const std::string& folder) {
  if (std::filesystem::path(folder).parent_path() != std::filesystem::path(tmp_of(cache))) return;
  try {
    const base::FileLock last = base::FileLock::acquire(folder + "/lock");
    remove_tree(folder);
  } catch (const base::Error&) {  // it is gone
  }
}

}  // namespace caisson::image
