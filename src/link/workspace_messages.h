// SPDX-License-Identifier: Apache-2.0

// What host and guest say to each other about workspaces. First a stream of the service "fuse" for each:
//
//   {"service":"fuse","id":N,"file":bool,"overlay":bool}   the guest mounts a FUSE file system for it, out of sight,
//   and answers
//
// from then on raw FUSE messages, each of which begins with its own length, until the stream ends: then the file system
// is disconnected (ENOTCONN). And when the guest is configured, on a control stream:
//
//   {"op":"mount", …}                       puts it where the user's commands find it
#pragma once

#include <cstdint>
#include <string>

#include "base/json_reader.h"

namespace caisson::link {

template <typename Message>
Message from_json(const base::Json& json);

inline constexpr uint32_t kMostWorkspaces = 32;
// No FUSE message is longer: 1 MiB of data and what stands before it. So a server may offer a max_write of 1 MiB.
inline constexpr size_t kMostFuseBytes = (1U << 20) + 4096;

struct FuseRequest {
  uint32_t id = 0;       // 1 to kMostWorkspaces
  bool file = false;     // the file system's root is a regular file
  bool overlay = false;  // it will be the lower layer of an overlay; not with a file
};

struct Mount {
  enum class Mode { kOverlay, kReadOnly, kReadWrite };
  uint32_t id = 0;
  std::string target;  // absolute, without "//", "." and ".."
  Mode mode = Mode::kOverlay;
  bool file = false;  // not with kOverlay
};

base::Json to_json(const FuseRequest&);
base::Json to_json(const Mount&);
template <>
FuseRequest from_json(const base::Json& json);
template <>
Mount from_json(const base::Json& json);

}  // namespace caisson::link
