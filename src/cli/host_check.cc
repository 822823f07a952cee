// SPDX-License-Identifier: Apache-2.0

#include "cli/host_check.h"

#include <fmt/format.h>
#include <sys/statvfs.h>

#include <charconv>

#include "base/bytes.h"
#include "base/error.h"
#include "base/paths.h"
#include "base/text.h"
#include "gate/proxy.h"

namespace caisson::cli {
namespace {

struct Program {
  const char* name;
  const char* package;
  const char* purpose;
  Verdict without;  // what it is to lack it
};

// All that scripts/packages.txt has under [run], each by a program of it (tests/layering_test.py compares the two), and
// what Debian always has.
constexpr Program kPrograms[] = {
    {"qemu-system-x86_64", "qemu-system-x86", "runs microVMs", Verdict::kFail},
    {"qemu-img", "qemu-utils", "makes a sandbox's disk", Verdict::kFail},
    {"mkfs.ext4", "e2fsprogs", "formats a sandbox's disk", Verdict::kFail},
    {"mkfs.erofs", "erofs-utils", "makes images", Verdict::kFail},
    {"fakeroot", "fakeroot", "makes and imports images", Verdict::kFail},
    {"mmdebstrap", "mmdebstrap", "makes the base image", Verdict::kFail},
    {"newuidmap", "uidmap", "makes the base image for ordinary users", Verdict::kFail},
    {"apt-get", "apt", "fetches the guest's kernel", Verdict::kFail},
    {"dpkg-deb", "dpkg", "unpacks the guest's kernel", Verdict::kFail},
    {"git", "git", "shows what a sandbox has changed", Verdict::kWarn},
    {"skopeo", "skopeo", "imports images from registries", Verdict::kWarn},
    {"update-ca-certificates", "ca-certificates", "lets registries and mirrors be trusted", Verdict::kWarn},
};

// subuid(5): "USER or UID:FIRST:COUNT" a line. A Debian system has users up to 65534 (nobody).
constexpr uint64_t kSubordinateIds = 65536;

// The wall around the virtual machine needs at least these two; without them nothing is started.
HostCheck check_landlock(const HostFindings& host) {
  const int version = host.landlock_version;
  // Since version 2 it can allow links between folders, which what unpacks archives needs.
  if (version > 1) return {"landlock", Verdict::kOk, fmt::format("version {}", version), ""};
  return {"landlock", Verdict::kFail, version == 1 ? "version 1" : host.no_landlock,
          "boot a kernel (5.19 or newer) with landlock in its lsm= list"};
}

HostCheck check_seccomp(const HostFindings& host) {
  if (host.no_seccomp.empty()) return {"seccomp", Verdict::kOk, "filters can be loaded", ""};
  return {"seccomp", Verdict::kFail, host.no_seccomp, "boot a kernel with CONFIG_SECCOMP_FILTER"};
}

HostCheck check_user_namespaces(const HostFindings& host) {
  if (!host.no_namespaces) return {"user namespaces", Verdict::kWarn, "could not be tried", ""};
  if (host.no_namespaces->empty()) return {"user namespaces", Verdict::kOk, "can be made", ""};
  // An ordinary user's virtual machine does without; root's is not started (vmm/jail.h).
  return {"user namespaces", host.root ? Verdict::kFail : Verdict::kWarn, *host.no_namespaces,
          "the virtual machine is then not in namespaces of its own, and root's is not started; see sysctl "
          "user.max_user_namespaces and kernel.apparmor_restrict_unprivileged_userns"};
}

bool has_subordinate_ids(const SubordinateIds& ids, std::string_view user, std::string_view uid) {
  for (const std::string& line : base::split(ids.text, '\n')) {
    const std::vector<std::string> words = base::split(line, ':');
    if (words.size() != 3 || (words[0] != user && words[0] != uid)) continue;
    uint64_t count = 0;
    const auto [end, problem] = std::from_chars(words[2].data(), words[2].data() + words[2].size(), count);
    if (problem == std::errc() && count >= kSubordinateIds) return true;
  }
  return false;
}

// Only the base image needs them, so whoever has it, or imports images, does without.
HostCheck check_subordinate_ids(const HostFindings& host) {
  const std::string what = "subordinate ids";
  if (host.root) return {what, Verdict::kOk, "not needed by root", ""};
  if (!host.find_program("fakechroot").empty()) return {what, Verdict::kOk, "not needed beside fakechroot", ""};
  const std::string& user = host.user;
  for (const SubordinateIds& ids : host.subordinate_ids) {
    if (has_subordinate_ids(ids, user, host.uid)) continue;
    return {what, Verdict::kWarn,
            fmt::format("{} has no {} for {}: the base image cannot be made, imported ones can be used", ids.path,
                        kSubordinateIds, base::in_quotes(user)),
            fmt::format("usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {}", user)};
  }
  return {what, Verdict::kOk, fmt::format("{} for {}", kSubordinateIds, base::in_quotes(user)), ""};
}

HostCheck check_cgroups(const HostFindings& host) {
  std::vector<std::string> missing;
  for (const sys::WallPart& part : host.cgroup_wall) {
    if (!part.stands) missing.push_back(part.name + ": " + part.detail);
  }
  if (!missing.empty())
    return {"cgroups", Verdict::kWarn, base::join(missing, "; "),
            "sandboxes run without; their own limits hold, but not those on the virtual machine's process. As root, or "
            "with a "
            "delegated group (systemd-run --user --scope -p Delegate=yes), there are some"};
  return {"cgroups", Verdict::kOk, "memory, processes and processor time can be limited", ""};
}

HostCheck space_of(const std::string& what, std::string (*folder)(), Room room) {
  try {
    const std::string path = folder();
    struct statvfs status {};
    if (statvfs(path.c_str(), &status) != 0) throw base::system_error("cannot look at", path);
    const base::Bytes free{static_cast<uint64_t>(status.f_bavail) * status.f_frsize};
    return space_check(what, path, free, room);
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

std::vector<HostCheck> check_programs(const HostFindings& host) {
  std::vector<HostCheck> checks;
  for (const Program& program : kPrograms) {
    const std::string path = host.find_program(program.name);
    // The only one whose lack depends on who asks: see bootstrap.cc.
    const bool ids = std::string_view(program.name) == "newuidmap";
    if (!path.empty()) {
      checks.push_back({program.name, Verdict::kOk, path, ""});
    } else if (ids && (host.root || !host.find_program("fakechroot").empty())) {
      checks.push_back({program.name, Verdict::kOk, "missing, and not needed here", ""});
    } else {
      checks.push_back({program.name, program.without, fmt::format("missing ({})", program.purpose),
                        fmt::format("apt-get install {}", program.package)});
    }
  }
  return checks;
}

std::vector<HostCheck> check_kernel(const HostFindings& host) {
  return {check_seccomp(host), check_landlock(host), check_user_namespaces(host), check_subordinate_ids(host),
          check_cgroups(host)};
}

std::vector<HostCheck> check_proxy() {
  HostCheck check{.name = "proxy", .verdict = Verdict::kOk, .detail = {}, .remedy = {}};
  try {
    const gate::Proxies proxies = gate::Proxies::of_process();
    if (proxies.empty()) return {};
    check.detail = proxies.summary();
  } catch (const base::Error& error) {
    check.verdict = Verdict::kWarn;
    check.detail = error.problem();
    check.remedy = error.hint();
  }
  return {check};
}

HostCheck space_check(const std::string& what, const std::string& folder, base::Bytes free, Room room) {
  HostCheck check{what, Verdict::kOk, fmt::format("{} free in {}", base::to_string(free), base::in_quotes(folder)), ""};
  if (free < room.wanted) {
    check.verdict = free < room.needed ? Verdict::kFail : Verdict::kWarn;
    check.remedy = fmt::format("make room: {} are good to have", base::to_string(room.wanted));
  }
  return check;
}

std::vector<HostCheck> check_space() {
  return {
      space_of("space for images", base::cache_folder, {.wanted = base::gibibytes(8), .needed = base::gibibytes(4)}),
      space_of("space for sandboxes", base::data_folder, {.wanted = base::gibibytes(8), .needed = base::gibibytes(1)})};
}

}  // namespace caisson::cli
