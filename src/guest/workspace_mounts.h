// SPDX-License-Identifier: Apache-2.0

// How a workspace gets into the sandbox's file system. Everything here waits for as long as a file system makes it: for
// threads (guest/workers.h), never for init's own.
//
//   a FUSE file system, whose server is on the host, behind the relay
//   ro, rw    is itself mounted at the target
//   overlay   is mounted where no path leads, on the sandbox's disk at workspaces/N/share, and is the lower layer of an
//             overlay at the target; workspaces/N/upper and work are that one's own, and stay when the sandbox stops
#pragma once

#include <mutex>

#include "base/fd.h"
#include "guest/anchors.h"
#include "link/workspace_messages.h"

namespace caisson::guest {

// A FUSE file system that is mounted nowhere yet.
struct FuseFileSystem {
  base::Fd device;   // /dev/fuse: requests are read from it and answers written to it
  base::Fd context;  // fsopen(2)'s; becomes the mount
};
FuseFileSystem make_fuse_file_system(bool file);

// An overlay whose lower layer is in its place, and which is itself mounted nowhere yet.
struct OverlayMounts {
  base::Fd share;  // the lower layer's mount
  base::Fd overlay;
  bool fresh = false;  // its upper layer is new
};
// For workspaces/N. Throws base::Error.
OverlayMounts make_overlay_mounts(const Anchors& anchors, const base::Fd& context, uint32_t id);

// The folder workspaces/N on the sandbox's disk, made when missing.
base::Fd open_workspace_folder(const Anchors& anchors, uint32_t id);

// What is mounted for a workspace: shared by threads.
class Mounted {
 public:
  // What the file systems remember of names is forgotten. Where the overlay has looked a name up, it takes neither a
  // file that has replaced another for it, nor a new one for what was missing, nor a missing one as that: its own cache
  // is above that of the FUSE file system, which is the only one the host can reach.
  void forget_names();
  // That of the FUSE file system, too: the host's notices were too many.
  void forget_all();
  // Whoever waits for an answer gets ENOTCONN: none will come.
  void disconnect();

 private:
  friend void mount_workspace(const Anchors& anchors, const base::Fd& context, const link::Mount& what, Mounted& into);
  friend void mount_overlay(const Anchors& anchors, OverlayMounts made, const link::Mount& what, Mounted& into);

  base::Fd share() const;
  base::Fd overlay() const;
  void set(base::Fd share, base::Fd overlay);

  mutable std::mutex mutex_;
  base::Fd share_;    // the mount itself
  base::Fd overlay_;  // likewise; empty in the other modes
};

// Mounts it at `what.target`, which is made with the folders above it when missing: they are the agent's then. Folders
// above it that were there become passable for all. Throws base::Error; nothing is mounted then.
void mount_workspace(const Anchors& anchors, const base::Fd& context, const link::Mount& what, Mounted& into);
// The same, of an overlay that was made before.
void mount_overlay(const Anchors& anchors, OverlayMounts made, const link::Mount& what, Mounted& into);

}  // namespace caisson::guest
