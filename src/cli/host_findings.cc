// SPDX-License-Identifier: Apache-2.0

#include "cli/host_findings.h"

#include <linux/landlock.h>
#include <pwd.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/bytes.h"
#include "base/file.h"
#include "base/process.h"
#include "base/random.h"
#include "sys/cgroup.h"

namespace caisson::cli {
namespace {

// Tried by a child, because what a kernel and its security modules allow can only be found out so.
std::optional<std::string> try_user_namespace() {
  const pid_t child = fork();
  if (child == 0) _exit(unshare(CLONE_NEWUSER) == 0 ? 0 : errno);
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status)) return std::nullopt;
  return WEXITSTATUS(status) == 0 ? "" : strerror(WEXITSTATUS(status));
}

// By making one: whether a group can be made is the host's word, not its mount table's.
sys::Wall try_cgroup() {
  const sys::Cgroup group = sys::Cgroup::create("doctor-" + base::random_hex(6),
                                                {.memory = base::gibibytes(1), .pids = 64, .cpu_percent = 100});
  return group.wall();
}

}  // namespace

HostFindings look_at_host() {
  HostFindings host;
  host.root = geteuid() == 0;
  const passwd* entry = getpwuid(geteuid());
  host.uid = std::to_string(geteuid());
  host.user = entry != nullptr ? entry->pw_name : host.uid;
  host.find_program = base::find_program;
  if (prctl(PR_GET_SECCOMP) < 0) host.no_seccomp = strerror(errno);
  const long version = syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (version < 0) host.no_landlock = strerror(errno);
  host.landlock_version = static_cast<int>(version);
  host.no_namespaces = try_user_namespace();
  for (const char* path : {"/etc/subuid", "/etc/subgid"})
    host.subordinate_ids.push_back({.path = path, .text = base::read_file_if_exists(path).value_or("")});
  host.cgroup_wall = try_cgroup();
  return host;
}

}  // namespace caisson::cli
