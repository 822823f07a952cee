// SPDX-License-Identifier: Apache-2.0

// The file systems of a sandbox's first overlay, made in its template: an emulated processor translates what a mount
// runs of the kernel anew in every clone, which was a large part of a whole start.
//
// There is no server for them yet. Making them takes an answer to FUSE_INIT and looks at the root and at the file
// system's facts, which init gives in its place. The first is asked again of the real server, which has to say the
// same; the others are not kept by the kernel.
#pragma once

#include <cstdint>
#include <vector>

#include "base/fd.h"
#include "guest/anchors.h"
#include "guest/workspace_mounts.h"

namespace caisson::guest {

// FUSE_INIT and what it was answered in the server's place: the whole messages.
struct AnsweredInit {
  std::vector<uint8_t> request;
  std::vector<uint8_t> answer;
};

struct ReadyOverlay {
  static constexpr uint32_t kId = 1;  // of the workspace that it is for

  base::Fd device;  // as FuseFileSystem's
  OverlayMounts mounts;
  AnsweredInit init;
};

// For a thread (guest/workers.h). Throws base::Error.
ReadyOverlay make_ready_overlay(const Anchors& anchors);

}  // namespace caisson::guest
