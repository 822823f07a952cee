// SPDX-License-Identifier: Apache-2.0

#include "sys/namespaces.h"

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "sys/child_step.h"

namespace caisson::sys {
namespace {

// `wanted` where the map (lines of "inside outside count") has it, else the highest id but 0 that it has.
std::optional<uint32_t> mapped_id(std::string_view map, uint32_t wanted) {
  std::optional<uint32_t> highest;
  for (const std::string& line : base::split(map, '\n')) {
    std::vector<uint64_t> numbers;
    for (const std::string& word : base::split(line, ' ')) {
      if (auto number = base::parse_number<uint64_t>(base::trimmed(word))) numbers.push_back(*number);
    }
    if (numbers.size() != 3 || numbers[2] == 0) continue;
    const uint64_t first = numbers[0];
    // 2^32 - 1 means "no id" in the kernel's interfaces.
    const uint64_t last = std::min<uint64_t>(first + numbers[2] - 1, UINT32_MAX - 1);
    if (first <= wanted && wanted <= last) return wanted;
    if (last > 0) highest = std::max(highest.value_or(0), static_cast<uint32_t>(last));
  }
  return highest;
}

void write_proc_file(pid_t child, const char* name, const std::string& text) {
  const std::string path = "/proc/" + std::to_string(child) + "/" + name;
  const base::Fd file = base::open_file(path, O_WRONLY);
  if (::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    throw base::system_error("cannot write", path);
}

}  // namespace

std::optional<OuterIds> choose_outer_ids(uid_t uid, gid_t gid, std::string_view uid_map, std::string_view gid_map) {
  if (uid != 0) return OuterIds{.uid = uid, .gid = gid};
  const auto outer_uid = mapped_id(uid_map, 65534);
  const auto outer_gid = mapped_id(gid_map, 65534);
  if (!outer_uid || !outer_gid) return std::nullopt;
  return OuterIds{.uid = *outer_uid, .gid = *outer_gid};
}

std::optional<OuterIds> choose_outer_ids() {
  return choose_outer_ids(::geteuid(), ::getegid(), base::read_file_if_exists("/proc/self/uid_map").value_or(""),
                          base::read_file_if_exists("/proc/self/gid_map").value_or(""));
}

void write_id_maps(pid_t child, OuterIds outer) {
  const std::string inner = std::to_string(kInnerId) + " ";
  write_proc_file(child, "uid_map", inner + std::to_string(outer.uid) + " 1\n");
  // Without privilege a group map may only be written once setgroups(2) is given up (user_namespaces(7)).
  if (::geteuid() != 0) write_proc_file(child, "setgroups", "deny");
  write_proc_file(child, "gid_map", inner + std::to_string(outer.gid) + " 1\n");
}

int become(uid_t uid, gid_t gid) {
  // By the raw calls: glibc's would make every thread follow, and the child has only this one. EPERM: setgroups is
  // denied in an ordinary user's namespace.
  if (int errnum = result_of(::syscall(SYS_setgroups, 0, nullptr)); errnum != 0 && errnum != EPERM) return errnum;
  if (int errnum = result_of(::syscall(SYS_setresgid, gid, gid, gid))) return errnum;
  return result_of(::syscall(SYS_setresuid, uid, uid, uid));
}

CloneResult clone_process(unsigned long namespace_flags) {
  CloneResult result;
  // clone(2), x86-64 and arm64 alike: flags, stack, where the pidfd goes (CLONE_PIDFD).
  const long pid =
      ::syscall(SYS_clone, namespace_flags | CLONE_PIDFD | SIGCHLD, nullptr, &result.pidfd, nullptr, nullptr);
  result.errnum = pid < 0 ? errno : 0;
  result.pid = static_cast<pid_t>(pid);
  return result;
}

}  // namespace caisson::sys
