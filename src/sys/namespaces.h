// SPDX-License-Identifier: Apache-2.0

// Namespaces (namespaces(7)) and the id maps of a user namespace (user_namespaces(7)).
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

#include "base/fd.h"

namespace caisson::sys {

// Which user and group a jailed process is outside of its user namespace.
struct OuterIds {
  uid_t uid = 0;
  gid_t gid = 0;
};

// An ordinary user can only be itself. Root becomes nobody (65534), or the highest id there is where that one is not
// mapped (a container); nothing where only root exists. `uid_map` and `gid_map` are the texts of /proc/self/uid_map and
// gid_map. Pure.
std::optional<OuterIds> choose_outer_ids(uid_t uid, gid_t gid, std::string_view uid_map, std::string_view gid_map);
// The same for this process.
std::optional<OuterIds> choose_outer_ids();

// The one id that is mapped inside; not 0, so that nothing inside is taken for root.
inline constexpr uid_t kInnerId = 65534;

// Parent side: maps kInnerId of the child's new user namespace to `outer`. Throws base::Error.
void write_id_maps(pid_t child, OuterIds outer);

// Child side: becomes `uid` and `gid` in all of real, effective and saved, without supplementary groups where that is
// allowed (an ordinary user's namespace must keep them). Returns 0 or an errno.
int become(uid_t uid, gid_t gid);

struct CloneResult {
  pid_t pid = -1;  // 0 in the child; -1 on failure
  int pidfd = -1;  // parent: close-on-exec
  int errnum = 0;
};
// clone(2) with fork's meaning, in new namespaces (CLONE_NEW* flags). No atfork handlers run: the child may only do
// what is async-signal-safe, and must exec or _exit.
CloneResult clone_process(unsigned long namespace_flags);

}  // namespace caisson::sys
