// SPDX-License-Identifier: Apache-2.0

#include "sys/landlock.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "sys/child_step.h"

namespace caisson::sys {
namespace {

// The rights of each ABI, by number: the build machine's headers may be older than the kernel that this runs on.
constexpr uint64_t kFsRightsOfAbi1 = (1ULL << 13) - 1;   // EXECUTE … MAKE_SYM
constexpr uint64_t kFsRefer = 1ULL << 13;                // ABI 2
constexpr uint64_t kFsTruncate = 1ULL << 14;             // ABI 3
constexpr uint64_t kFsIoctlDevice = 1ULL << 15;          // ABI 5
constexpr uint64_t kNetBindConnectTcp = 3;               // ABI 4
constexpr uint64_t kScopeAbstractSocketsAndSignals = 3;  // ABI 6

struct RulesetAttributes {
  uint64_t handled_access_fs;
  uint64_t handled_access_net;
  uint64_t scoped;
};

RulesetAttributes attributes_of(int abi) {
  RulesetAttributes attributes{.handled_access_fs = kFsRightsOfAbi1, .handled_access_net = 0, .scoped = 0};
  if (abi >= 2) attributes.handled_access_fs |= kFsRefer;
  if (abi >= 3) attributes.handled_access_fs |= kFsTruncate;
  if (abi >= 4) attributes.handled_access_net = kNetBindConnectTcp;
  if (abi >= 5) attributes.handled_access_fs |= kFsIoctlDevice;
  if (abi >= 6) attributes.scoped = kScopeAbstractSocketsAndSignals;
  return attributes;
}

// An older kernel takes the longer struct as long as what it does not know is 0 (extensible argument).
constexpr size_t size_for(int abi) {
  return abi >= 6 ? sizeof(RulesetAttributes) : abi >= 4 ? 2 * sizeof(uint64_t) : sizeof(uint64_t);
}

void allow_reading(int ruleset, const std::string& path) {
  const base::Fd file = base::open_if_exists(path, O_PATH);
  if (!file) return;
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) throw base::system_error("cannot look at", path);
  landlock_path_beneath_attr rule{};
  rule.parent_fd = file.get();
  rule.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_EXECUTE;
  if (S_ISDIR(status.st_mode)) rule.allowed_access |= LANDLOCK_ACCESS_FS_READ_DIR;
  if (::syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0)
    throw base::system_error("cannot make a Landlock rule for", path);
}

}  // namespace

int landlock_abi() {
  const long abi = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  return abi < 0 ? 0 : static_cast<int>(abi);
}

LandlockRules make_landlock_rules(const std::vector<std::string>& readable) {
  const int abi = landlock_abi();
  if (abi == 0)
    throw base::Error("this kernel has no Landlock, which the jail needs",
                      "a kernel from 5.13 on with CONFIG_SECURITY_LANDLOCK, and 'landlock' in its boot parameter lsm=");
  const RulesetAttributes attributes = attributes_of(abi);
  LandlockRules rules{
      .ruleset = base::Fd(static_cast<int>(::syscall(SYS_landlock_create_ruleset, &attributes, size_for(abi), 0))),
      .abi = abi};
  if (!rules.ruleset) throw base::system_error("cannot make a", "Landlock ruleset");
  for (const std::string& path : readable) allow_reading(rules.ruleset.get(), path);
  return rules;
}

int allow_reading_file(int ruleset, const char* path) {
  const int file = ::open(path, O_PATH | O_CLOEXEC);
  if (file < 0) return errno;
  landlock_path_beneath_attr rule{};
  rule.parent_fd = file;
  rule.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE;
  const int errnum = result_of(::syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0));
  ::close(file);
  return errnum;
}

int restrict_by_landlock(int ruleset) {
  return result_of(::syscall(SYS_landlock_restrict_self, ruleset, 0));
}

}  // namespace caisson::sys
