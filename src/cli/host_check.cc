// SPDX-License-Identifier: Apache-2.0

#include "cli/host_check.h"

#include <fmt/format.h>
#include <linux/landlock.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/bytes.h"
#include "base/error.h"
#include "base/file.h"
#include "base/paths.h"
#include "base/process.h"
#include "base/text.h"

namespace caisson::cli {
namespace {

struct Program {
  const char* name;
  const char* package;
  const char* purpose;
  Verdict without;  // what it is to lack it
};

constexpr Program kPrograms[] = {
    {"qemu-system-x86_64", "qemu-system-x86", "runs microVMs", Verdict::kFail},
    {"qemu-img", "qemu-utils", "makes a sandbox's disk", Verdict::kFail},
    {"mkfs.ext4", "e2fsprogs", "formats a sandbox's disk", Verdict::kFail},
    {"mkfs.erofs", "erofs-utils", "makes images", Verdict::kFail},
    {"mmdebstrap", "mmdebstrap", "makes the base image", Verdict::kFail},
    {"apt-get", "apt", "fetches the guest's kernel", Verdict::kFail},
    {"dpkg-deb", "dpkg", "unpacks the guest's kernel", Verdict::kFail},
    {"skopeo", "skopeo", "imports images from registries", Verdict::kWarn},
};

// The wall around the virtual machine needs at least these two; without them nothing is started.
HostCheck check_landlock() {
  const long version = syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (version > 0) return {"landlock", Verdict::kOk, fmt::format("version {}", version), ""};
  return {"landlock", Verdict::kFail, strerror(errno), "boot a kernel (5.13 or newer) with landlock in its lsm= list"};
}

HostCheck check_seccomp() {
  if (prctl(PR_GET_SECCOMP) >= 0) return {"seccomp", Verdict::kOk, "filters can be loaded", ""};
  return {"seccomp", Verdict::kFail, strerror(errno), "boot a kernel with CONFIG_SECCOMP_FILTER"};
}

// Tried by a child, because what a kernel and its security modules allow can only be found out so.
HostCheck check_user_namespaces() {
  const pid_t child = fork();
  if (child == 0) _exit(unshare(CLONE_NEWUSER) == 0 ? 0 : errno);
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status)) {
    return {"user namespaces", Verdict::kWarn, "could not be tried", ""};
  }
  if (WEXITSTATUS(status) == 0) return {"user namespaces", Verdict::kOk, "can be made", ""};
  return {"user namespaces", Verdict::kWarn, strerror(WEXITSTATUS(status)),
          "the virtual machine is then not in namespaces of its own; see sysctl user.max_user_namespaces and "
          "kernel.apparmor_restrict_unprivileged_userns"};
}

HostCheck check_cgroups() {
  if (const auto controllers = base::read_file_if_exists("/sys/fs/cgroup/cgroup.controllers")) {
    return {"cgroups", Verdict::kOk, "version 2: " + base::escaped(base::trimmed(*controllers)), ""};
  }
  if (access("/sys/fs/cgroup/memory", F_OK) == 0 && access("/sys/fs/cgroup/pids", F_OK) == 0) {
    return {"cgroups", Verdict::kOk, "version 1", ""};
  }
  return {"cgroups", Verdict::kWarn, "not mounted",
          "limits on the virtual machine's own process are then not enforced"};
}

HostCheck space_of(const std::string& what, std::string (*folder)(), base::Bytes wanted, base::Bytes needed) {
  try {
    const std::string path = folder();
    struct statvfs status {};
    if (statvfs(path.c_str(), &status) != 0) throw base::system_error("cannot look at", path);
    const base::Bytes free{static_cast<uint64_t>(status.f_bavail) * status.f_frsize};
    HostCheck check{what, Verdict::kOk, fmt::format("{} free in {}", base::to_string(free), base::in_quotes(path)), ""};
    if (free < wanted) {
      check.verdict = free < needed ? Verdict::kFail : Verdict::kWarn;
      check.remedy = fmt::format("make room: {} are good to have", base::to_string(wanted));
    }
    return check;
  } catch (const base::Error& error) {
    return {what, Verdict::kFail, error.problem(), error.hint()};
  }
}

}  // namespace

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::kOk:
      return "ok";
    case Verdict::kWarn:
      return "warn";
    case Verdict::kFail:
      return "fail";
  }
  return "fail";
}

base::Json to_json(const HostCheck& check) {
  return base::Json{
      {"name", check.name}, {"verdict", to_string(check.verdict)}, {"detail", check.detail}, {"remedy", check.remedy}};
}

std::vector<HostCheck> check_programs() {
  std::vector<HostCheck> checks;
  for (const Program& program : kPrograms) {
    const std::string path = base::find_program(program.name);
    if (!path.empty()) {
      checks.push_back({program.name, Verdict::kOk, path, ""});
    } else {
      checks.push_back({program.name, program.without, fmt::format("missing ({})", program.purpose),
                        fmt::format("apt-get install {}", program.package)});
    }
  }
  return checks;
}

std::vector<HostCheck> check_kernel() {
  return {check_seccomp(), check_landlock(), check_user_namespaces(), check_cgroups()};
}

std::vector<HostCheck> check_space() {
  return {space_of("space for images", base::cache_folder, base::gibibytes(8), base::gibibytes(4)),
          space_of("space for sandboxes", base::data_folder, base::gibibytes(8), base::gibibytes(1))};
}

}  // namespace caisson::cli
