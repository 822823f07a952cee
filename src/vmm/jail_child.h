// SPDX-License-Identifier: Apache-2.0

// The jail's child, between clone and exec: nothing here allocates or throws; a step that fails is reported through the
// socket.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <utility>
#include <vector>

#include "sys/mounts.h"
#include "sys/seccomp.h"

namespace caisson::vmm {

enum class JailStep : uint8_t {
  kNone,
  kParent,      // the parent has ended
  kNamespaces,  // from here …
  kIdMaps,
  kRootSources,
  kIds,
  kRoot,
  kHostName,  // … to here: only with namespaces
  kDescriptors,
  kLimits,
  kCapabilities,
  kNoNewPrivileges,
  kParentDeath,
  kLandlock,
  kFilter,
  kExecute,
};
// "enter the new root", for messages.
const char* text_of(JailStep step);

constexpr bool is_namespace_step(JailStep step) {
  return step >= JailStep::kNamespaces && step <= JailStep::kHostName;
}
// Whether that step of the namespaces failed because the host does not let this user have them, by a security module or
// a sysctl: the reason for an ordinary user's program to start without. Pure.
bool host_forbids(JailStep step, int errnum);

// Sets of steps.
using JailSteps = uint32_t;
constexpr JailSteps set_of(JailStep step) {
  return JailSteps{1} << static_cast<unsigned>(step);
}

// What the child sends: a failure; or, with step kNone and the filter's listener as ancillary data, that it is about to
// execute.
struct JailReport {
  JailStep step;
  int errnum;
  JailSteps taken;  // those whose call has said that it is done
};

// Everything the child needs, made before the clone.
struct JailChild {
  bool namespaces = false;  // it is born in them
  const sys::RootPlan* root = nullptr;
  int landlock_ruleset = -1;
  std::vector<const char*> reopened;  // names to be allowed for reading
  sys::FilterProgram filter;
  std::vector<std::pair<int, int>> descriptors;
  uint64_t largest_file_bytes = 0;  // 0: no limit
  int highest_number = 2;           // of any descriptor inside
  int null_fd = -1;
  int socket = -1;         // SOCK_SEQPACKET to the parent
  int parent_socket = -1;  // the parent's end of it: to be closed first, or its end would not be seen
  const char* program = nullptr;
  std::vector<char*> arguments;
  std::vector<char*> environment;
  JailSteps taken = 0;  // by the child itself
};

[[noreturn]] void run_jail_child(JailChild& child);

}  // namespace caisson::vmm
