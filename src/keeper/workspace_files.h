// SPDX-License-Identifier: Apache-2.0

// What a sandbox's folder keeps of its workspaces, from each one's first start on:
//
//   workspaces/ID.json       {"started_ns":N,"inode":N}, never changed
//   workspaces/ID.baseline   JSON lines, appended to by caisson-share: states of files that the sandbox has seen since
//
// Together they say whether a file of this machine is still what the sandbox knows: it has not changed since
// `started_ns`, or it is in a state that the baseline names.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/fd.h"

namespace caisson::keeper {

struct WorkspaceRecord {
  int64_t started_ns = 0;  // of the clock that files' times are taken from (CLOCK_REALTIME_COARSE)
  uint64_t inode = 0;      // of the folder or file
};

// Nothing before its first start. Throws base::Error when it cannot be read.
std::optional<WorkspaceRecord> read_workspace_record(const std::string& sandbox_folder, uint32_t id);
// The one that there is, or one of now.
WorkspaceRecord keep_workspace_record(const std::string& sandbox_folder, uint32_t id, uint64_t inode);

std::string baseline_path(const std::string& sandbox_folder, uint32_t id);
// For appending; made when missing.
base::Fd open_baseline(const std::string& sandbox_folder, uint32_t id);

}  // namespace caisson::keeper
