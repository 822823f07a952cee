// SPDX-License-Identifier: Apache-2.0

// What a guest is told of a file: attributes, and for how long they are good.
#pragma once

#include "share/message.h"
#include "share/share.h"

namespace caisson::share {

// Everything belongs to the user that the guest's agent is.
inline constexpr uint32_t kGuestUser = 1000;

// The O_PATH descriptor of a node, and the node held meanwhile.
struct OpenNode {
  NodeRef node;
  int descriptor = -1;
  // As of before it was looked at whether the guest may see it (places.h).
  uint32_t era = 0;
  uint64_t doubts = 0;
  int64_t settled_ns = 0;
  int errnum = 0;  // where it can't be had: ESTALE, also for what is masked by now; ENFILE
};
OpenNode open_node(Share& share, uint64_t id);

// Opens the file itself, by its O_PATH descriptor: a regular file or a folder, else an errno.
base::Fd reopen(const OpenNode& file, int flags, int& errnum);

fuse_attr attributes_of(const Share& share, const struct stat& status);
void put_attributes(Share& share, const NodeRef& node, const struct stat& status, Output& output);
// What is told of a folder from here on is announced when it changes, if it can be. Before anything is looked at.
void watch(Share& share, const OpenNode& folder, Output& output);
// Says that there is no such name, which the guest may remember where the folder is watched.
int no_such_name(Share& share, const OpenNode& folder, Output& output);

// A name in an open folder, as the guest may see it.
struct Looked {
  struct stat status = {};
  base::Fd descriptor;  // O_PATH
  Masks::Step mask;
  uint32_t era = 0;  // as the folder's
};
// ENOENT also for what is masked. `in_top` as Masks::step.
int look(Share& share, const OpenNode& folder, const std::string& name, Looked& looked);

// Counts it as told, and describes it. ENFILE where the guest knows too many.
int tell(Share& share, uint64_t parent, std::string_view name, Looked looked, fuse_entry_out& entry);

// Why the file may not be shown any more, or 0: since it was looked up it may have got another name, or a second one,
// that is masked. `status` is the file's.
int check_shown(Share& share, const OpenNode& file, const struct stat& status);

// Whether it is a .npmrc that holds a token by now.
bool token_came(Share& share, const NodeRef& node, int descriptor);

// Whether the name must not be made, replaced or removed by the guest.
bool is_masked_name(Share& share, const OpenNode& folder, const std::string& name);

}  // namespace caisson::share
