// SPDX-License-Identifier: Apache-2.0

#include "sys/cgroup.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <map>
#include <mutex>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"

namespace caisson::sys {
namespace {

constexpr const char* kControllers[] = {"memory", "pids", "cpu"};
constexpr std::chrono::seconds kEndLimit{2};
constexpr int kEndPollMs = 2;
constexpr unsigned kCpuPeriodUs = 100'000;

bool contains(const std::vector<std::string>& list, const std::string& item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

// 0, or the errno.
int try_write(const std::string& path, const std::string& text) {
  const base::Fd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file) return errno;
  return ::write(file.get(), text.data(), text.size()) < 0 ? errno : 0;
}

std::vector<std::string> words_of(const std::string& path) {
  const std::string text = base::read_file_if_exists(path).value_or("");
  return base::split(base::trimmed(text), ' ');
}

std::vector<CgroupPlace> places_here() {
  return parse_cgroup_places(base::read_file_if_exists("/proc/self/mountinfo").value_or(""),
                             base::read_file_if_exists("/proc/self/cgroup").value_or(""));
}

std::string parent_of(const std::string& path) {
  return path.substr(0, path.rfind('/'));
}

// The groups of the unified hierarchy in which a new group could be made, nearest first: this process's own and those
// above, as far as they may be written to. (A process can be moved to a group only by who may write to the groups'
// common ancestor.)
std::vector<std::string> unified_parents(const CgroupPlace& place) {
  std::vector<std::string> result;
  for (std::string folder = place.folder;; folder = parent_of(folder)) {
    if (::access((folder + "/cgroup.procs").c_str(), W_OK) == 0 && ::access(folder.c_str(), W_OK) == 0)
      result.push_back(folder);
    if (folder.size() <= place.mount.size()) return result;
  }
}

// Where the groups that create() made may be.
std::vector<std::string> possible_parents(const CgroupPlace& place) {
  return place.controller.empty() ? unified_parents(place) : std::vector<std::string>{place.folder};
}

// Nothing when another has it, or the folder is gone.
base::Fd try_lock(const std::string& folder) {
  base::Fd lock(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (lock && ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) lock.reset();
  return lock;
}

void kill_all(const std::string& folder) {
  if (try_write(folder + "/cgroup.kill", "1") == 0) return;
  for (const std::string& line : base::split(base::read_file_if_exists(folder + "/cgroup.procs").value_or(""), '\n')) {
    if (auto pid = base::parse_number<pid_t>(line); pid && *pid > 0) ::kill(*pid, SIGKILL);
  }
}

// A process that was killed is in its group until it has ended. There is no event for that in cgroup v1.
void kill_and_remove(const std::string& folder) {
  const auto end = std::chrono::steady_clock::now() + kEndLimit;
  kill_all(folder);
  while (::rmdir(folder.c_str()) != 0 && errno == EBUSY && std::chrono::steady_clock::now() < end)
    ::poll(nullptr, 0, kEndPollMs);
}

// The limits as each hierarchy's files want them: file name, text.
std::vector<std::pair<std::string, std::string>> settings(const std::string& controller, const CgroupLimits& limits,
                                                          bool v2) {
  const std::string memory = std::to_string(limits.memory.count);
  const std::string quota = std::to_string(uint64_t{limits.cpu_percent} * kCpuPeriodUs / 100);
  if (controller == "memory") return {{v2 ? "memory.max" : "memory.limit_in_bytes", memory}};
  if (controller == "pids") return {{"pids.max", std::to_string(limits.pids)}};
  if (v2) return {{"cpu.max", quota + " " + std::to_string(kCpuPeriodUs)}};
  return {{"cpu.cfs_period_us", std::to_string(kCpuPeriodUs)}, {"cpu.cfs_quota_us", quota}};
}

std::string describe(const std::string& controller, const CgroupLimits& limits) {
  if (controller == "memory") return "at most " + base::to_string(limits.memory);
  if (controller == "pids") return "at most " + std::to_string(limits.pids) + " threads";
  return "at most " + std::to_string(limits.cpu_percent) + " % of a processor";
}

std::mutex own_mutex;
std::vector<std::string>& own_names() {
  static std::vector<std::string> names;
  return names;
}

}  // namespace

std::vector<CgroupPlace> parse_cgroup_places(std::string_view mountinfo, std::string_view own_groups) {
  // cgroups(7), "/proc/[pid]/cgroup": hierarchy:controllers:path; v2 is "0::path".
  std::map<std::string, std::string> path_of;
  for (const std::string& line : base::split(own_groups, '\n')) {
    const size_t first = line.find(':');
    const size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    for (const std::string& controller : base::split(line.substr(first + 1, second - first - 1), ','))
      path_of[controller] = line.substr(second + 1);
  }
  std::vector<CgroupPlace> places;
  for (const std::string& line : base::split(mountinfo, '\n')) {
    // proc(5): id parent major:minor root mountpoint options … - type source super-options
    const std::vector<std::string> fields = base::split(line, ' ');
    const auto dash = std::find(fields.begin(), fields.end(), "-");
    if (fields.size() < 6 || fields.end() - dash < 4) continue;
    const std::string &root = fields[3], &mount = fields[4], &type = dash[1];
    const std::vector<std::string> options = base::split(dash[3], ',');
    auto add = [&](const std::string& controller) {
      const auto own = path_of.find(controller);
      if (own == path_of.end()) return;
      std::string below = own->second;
      if (root != "/" && below.starts_with(root)) below = below.substr(root.size());
      while (below.ends_with('/')) below.pop_back();
      places.push_back({.controller = controller, .folder = mount + below, .mount = mount});
    };
    if (type == "cgroup2") add("");
    if (type != "cgroup") continue;
    for (const char* controller : kControllers) {
      if (contains(options, controller)) add(controller);
    }
  }
  return places;
}

void Cgroup::part(const std::string& controller, bool stands, const std::string& detail) {
  const std::string name = "cgroup " + controller;
  for (WallPart& existing : wall_) {
    if (existing.name == name) {
      existing = {.name = name, .stands = stands, .detail = detail};
      return;
    }
  }
  wall_.push_back({.name = name, .stands = stands, .detail = detail});
}

void Cgroup::make(const std::string& path, std::vector<std::string> controllers, const CgroupLimits& limits, bool v2) {
  if (::mkdir(path.c_str(), 0755) != 0) {
    if (errno != EEXIST) {
      for (const std::string& controller : controllers)
        part(controller, false, "cannot make " + base::in_quotes(path) + ": " + std::strerror(errno));
      return;
    }
    kill_all(path);
  }
  // Without it, which takes a sweep in just this moment, the group may be swept: its part of the wall then says so.
  Folder folder{.path = path, .controllers = {}, .lock = try_lock(path)};
  for (const std::string& controller : controllers) {
    int errnum = 0;
    for (const auto& [file, text] : settings(controller, limits, v2)) {
      if (errnum == 0) errnum = try_write(path + "/" + file, text);
    }
    part(controller, errnum == 0, errnum == 0 ? describe(controller, limits) : std::strerror(errnum));
    if (errnum == 0) folder.controllers.push_back(controller);
  }
  folders_.push_back(std::move(folder));
}

Cgroup Cgroup::create(const std::string& name, const CgroupLimits& limits) {
  Cgroup group(name);
  for (const char* controller : kControllers)
    group.part(controller, false, "no cgroup here may be written to by this user");
  for (const CgroupPlace& place : places_here()) {
    if (!place.controller.empty()) {
      group.make(place.folder + "/caisson-" + name, {place.controller}, limits, false);
      continue;
    }
    for (const std::string& parent : unified_parents(place)) {
      // No process may be in a group that gives controllers to those below (cgroup-v2, "No Internal Process
      // Constraint"), so this changes nothing and fails in the group that we are in, and one further up is taken.
      try_write(parent + "/cgroup.subtree_control", "+memory +pids +cpu");
      std::vector<std::string> controllers = words_of(parent + "/cgroup.subtree_control");
      std::erase_if(controllers, [](const std::string& controller) {
        return std::find(std::begin(kControllers), std::end(kControllers), controller) == std::end(kControllers);
      });
      if (controllers.empty()) continue;
      group.make(parent + "/caisson-" + name, controllers, limits, true);
      break;
    }
  }
  return group;
}

void Cgroup::remove(const std::string& name) {
  try {
    for (const CgroupPlace& place : places_here()) {
      for (const std::string& parent : possible_parents(place)) {
        const std::string path = parent + "/caisson-" + name;
        if (::access(path.c_str(), F_OK) != 0) continue;
        kill_and_remove(path);
      }
    }
  } catch (const base::Error&) {
    // What can't be looked at can't be removed; an empty group costs nothing.
  }
}

bool Cgroup::sweep(const std::string& prefix) {
  bool all = true;
  try {
    for (const CgroupPlace& place : places_here()) {
      for (const std::string& parent : possible_parents(place)) {
        std::error_code ignored;
        for (const auto& entry : std::filesystem::directory_iterator(parent, ignored)) {
          if (!entry.path().filename().string().starts_with("caisson-" + prefix)) continue;
          if (try_lock(entry.path()) && ::rmdir(entry.path().c_str()) != 0 && errno == EBUSY) all = false;
        }
      }
    }
  } catch (const std::exception&) {
    // As in remove().
  }
  return all;
}

std::vector<std::string> Cgroup::own() {
  const std::lock_guard guard(own_mutex);
  return own_names();
}

Cgroup::Cgroup(std::string name) : name_(std::move(name)) {
  const std::lock_guard guard(own_mutex);
  own_names().push_back(name_);
}

void Cgroup::disown() {
  const std::lock_guard guard(own_mutex);
  std::erase(own_names(), name_);
}

Cgroup::Cgroup(Cgroup&& other) noexcept
    : name_(std::exchange(other.name_, {})),
      folders_(std::exchange(other.folders_, {})),
      wall_(std::exchange(other.wall_, {})) {}

Cgroup& Cgroup::operator=(Cgroup&& other) noexcept {
  std::swap(name_, other.name_);
  std::swap(folders_, other.folders_);
  std::swap(wall_, other.wall_);
  return *this;
}

Cgroup::~Cgroup() {
  for (const Folder& folder : folders_) {
    if (::rmdir(folder.path.c_str()) == 0) continue;
    kill_and_remove(folder.path);
  }
  disown();
}

void Cgroup::add(pid_t pid) {
  for (const Folder& folder : folders_) {
    const int errnum = try_write(folder.path + "/cgroup.procs", std::to_string(pid));
    if (errnum == 0) continue;
    for (const std::string& controller : folder.controllers)
      part(controller, false, "cannot move the process in: " + std::string(std::strerror(errnum)));
  }
}

void Cgroup::kill() const {
  for (const Folder& folder : folders_) kill_all(folder.path);
}

}  // namespace caisson::sys
