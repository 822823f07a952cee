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

// Child side. Returns 0 or an errno.
int add_rule(int ruleset, int descriptor, uint64_t rights) {
  landlock_path_beneath_attr rule{};
  rule.parent_fd = descriptor;
  rule.allowed_access = rights;
  return result_of(::syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0));
}

bool is_folder(int descriptor, const std::string& name) {
  struct stat status {};
  if (::fstat(descriptor, &status) != 0) throw base::system_error("cannot look at", name);
  return S_ISDIR(status.st_mode);
}

// `rights` are a file's; a folder's files are listed as well.
void allow_reading(const LandlockRules& rules, int descriptor, uint64_t rights, const std::string& name) {
  if (is_folder(descriptor, name)) rights |= LANDLOCK_ACCESS_FS_READ_DIR;
  if (const int errnum = add_rule(rules.ruleset.get(), descriptor, rights))
    throw base::system_error("cannot make a Landlock rule for", name, errnum);
}

}  // namespace

int landlock_abi() {
  const long abi = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  return abi < 0 ? 0 : static_cast<int>(abi);
}

LandlockRules make_landlock_rules(const std::vector<std::string>& readable) {
  const int abi = landlock_abi();
  if (abi == 0)
    throw base::Error("this kernel has no Landlock, without which Caisson works with nothing of strangers",
                      "a kernel from 5.13 on with CONFIG_SECURITY_LANDLOCK, and 'landlock' in its boot parameter lsm=");
  const RulesetAttributes attributes = attributes_of(abi);
  LandlockRules rules{
      .ruleset = base::Fd(static_cast<int>(::syscall(SYS_landlock_create_ruleset, &attributes, size_for(abi), 0))),
      .abi = abi};
  if (!rules.ruleset) throw base::system_error("cannot make a", "Landlock ruleset");
  for (const std::string& path : readable) {
    const base::Fd file = base::open_if_exists(path, O_PATH);
    if (file) allow_reading(rules, file.get(), LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_EXECUTE, path);
  }
  return rules;
}

void allow_reading_beneath(const LandlockRules& rules, int descriptor) {
  allow_reading(rules, descriptor, LANDLOCK_ACCESS_FS_READ_FILE, "what is to be read");
}

void allow_changing_beneath(const LandlockRules& rules, int descriptor) {
  const std::string name = "what is to be changed";
  uint64_t rights = LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_FILE |
                    LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_DIR |
                    LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_SOCK;
  rights |= attributes_of(rules.abi).handled_access_fs & (kFsRefer | kFsTruncate);
  if (!is_folder(descriptor, name)) rights &= LANDLOCK_ACCESS_FS_WRITE_FILE | kFsTruncate;
  if (const int errnum = add_rule(rules.ruleset.get(), descriptor, rights))
    throw base::system_error("cannot make a Landlock rule for", name, errnum);
}

int allow_reading_file(int ruleset, const char* path) {
  const int file = ::open(path, O_PATH | O_CLOEXEC);
  if (file < 0) return errno;
  const int errnum = add_rule(ruleset, file, LANDLOCK_ACCESS_FS_READ_FILE);
  ::close(file);
  return errnum;
}

int restrict_by_landlock(int ruleset) {
  return result_of(::syscall(SYS_landlock_restrict_self, ruleset, 0));
}

}  // namespace caisson::sys
