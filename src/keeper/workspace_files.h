// SPDX-License-Identifier: Apache-2.0

// What a sandbox's folder keeps of its workspaces, from each one's first start on:
//
//   workspaces/ID.json       {"started_ns":N,"inode":N,"device":N,"born_ns":N,"boot":"…"}, never changed; of older
//                            versions the first two alone
//   workspaces/ID.baseline   JSON lines, appended to by caisson-share: states of files that the sandbox has seen since
//
//   workspaces/ID.shown      what `caisson diff` has shown of its changes (cli/shown_changes.h)
//
// The first two say together whether a file of this machine is still what the sandbox knows: it has not changed since
// `started_ns`, or it is in a state that the baseline names.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/fd.h"

namespace caisson::keeper {

// What a folder or file is known by.
struct WorkspaceObject {
  uint64_t inode = 0;
  uint64_t device = 0;  // 0: not known
  int64_t born_ns = 0;  // 0: its file system does not say
  std::string boot;     // of the machine: until the next one its devices keep their numbers
};
// Of an open one (O_PATH suffices); `name` is for errors.
WorkspaceObject object_of(int opened, std::string_view name);
// The same number on another device is another object, unless it was born at the same time, or nothing can be told
// since the machine has been restarted.
bool is_same_object(const WorkspaceObject& one, const WorkspaceObject& other);

struct WorkspaceRecord {
  int64_t started_ns = 0;  // of the clock that files' times are taken from (CLOCK_REALTIME_COARSE)
  WorkspaceObject object;
};

// Nothing before its first start. Throws base::Error when it cannot be read.
std::optional<WorkspaceRecord> read_workspace_record(const std::string& sandbox_folder, uint32_t id);
// The one that there is, or one of now.
WorkspaceRecord keep_workspace_record(const std::string& sandbox_folder, uint32_t id, const WorkspaceObject& object);

std::string baseline_path(const std::string& sandbox_folder, uint32_t id);
// Which names the folder had at its first start (changes/known_names.h).
std::string known_names_path(const std::string& sandbox_folder, uint32_t id);
// For appending; made when missing.
base::Fd open_baseline(const std::string& sandbox_folder, uint32_t id);

}  // namespace caisson::keeper
