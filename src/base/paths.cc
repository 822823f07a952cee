// SPDX-License-Identifier: Apache-2.0

#include "base/paths.h"

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

namespace caisson::base {
namespace {

std::string home_folder() {
  if (const char* home = std::getenv("HOME"); home != nullptr && home[0] == '/') return home;
  if (const passwd* entry = ::getpwuid(::getuid()); entry != nullptr && entry->pw_dir[0] == '/') return entry->pw_dir;
  throw Error("cannot find the home folder", "set HOME");
}

// Whoever can write to it decides what sandboxes are made of.
void check_own(const std::string& folder, const char* variable) {
  struct stat info {};
  if (::stat(folder.c_str(), &info) != 0) throw system_error("cannot look at", folder);
  if (info.st_uid != ::geteuid() || (info.st_mode & 022) != 0)
    throw Error("will not use " + in_quotes(folder) + ": another user owns it or may write to it",
                std::string("take it over, or set ") + variable + " to a folder of your own");
}

// An XDG path that is not absolute is ignored, as the specification asks.
std::string xdg_folder(const char* variable, const char* below_home) {
  const char* set = std::getenv(variable);
  const std::string base_folder = set != nullptr && set[0] == '/' ? set : home_folder() + below_home;
  std::string folder = base_folder + "/caisson";
  try {
    make_folders(folder);
  } catch (const Error& error) {
    throw Error(error.problem(), std::string("set ") + variable + " to a folder that can be written", error.errnum());
  }
  check_own(folder, variable);
  return folder;
}

// A folder in a place that others can write to is ours only if it is a real folder, owned by us, closed to others.
void check_private(const std::string& folder) {
  struct stat info {};
  if (::lstat(folder.c_str(), &info) != 0) throw system_error("cannot look at", folder);
  if (!S_ISDIR(info.st_mode) || info.st_uid != ::getuid() || (info.st_mode & 077) != 0)
    throw Error("will not use " + in_quotes(folder) + ": it is not a folder that only this user can enter",
                "remove it, or set XDG_RUNTIME_DIR");
}

bool is_own_folder(const std::string& folder) {
  struct stat info {};
  return ::stat(folder.c_str(), &info) == 0 && S_ISDIR(info.st_mode) && info.st_uid == ::getuid() &&
         ::access(folder.c_str(), W_OK) == 0;
}

}  // namespace

std::string data_folder() {
  return xdg_folder("XDG_DATA_HOME", "/.local/share");
}
std::string cache_folder() {
  return xdg_folder("XDG_CACHE_HOME", "/.cache");
}
std::string config_folder() {
  return xdg_folder("XDG_CONFIG_HOME", "/.config");
}

std::string runtime_folder() {
  const char* set = std::getenv("XDG_RUNTIME_DIR");
  const std::string user = std::to_string(::getuid());
  std::string folder;
  if (set != nullptr && set[0] == '/' && is_own_folder(set)) {
    folder = std::string(set) + "/caisson";
  } else if (is_own_folder("/run/user/" + user)) {
    folder = "/run/user/" + user + "/caisson";
  } else {
    const char* temporary = std::getenv("TMPDIR");
    folder = std::string(temporary != nullptr && temporary[0] == '/' ? temporary : "/tmp") + "/caisson-" + user;
  }
  make_folders(folder);
  check_private(folder);
  return folder;
}

}  // namespace caisson::base
