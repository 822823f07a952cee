// SPDX-License-Identifier: Apache-2.0

// The workspaces of this session: FUSE file systems whose servers are on the host, and where they are mounted.
// Everything that touches one runs on a thread of Workers; init's own only moves bytes.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>

#include "guest/ready_overlay.h"
#include "guest/waiting.h"
#include "guest/workspace_mounts.h"
#include "link/session.h"
#include "link/workspace_messages.h"

namespace caisson::guest {

struct Guest;

class Workspaces {
 public:
  explicit Workspaces(Guest& guest) : guest_(guest) {}

  // The stream's whole life.
  asio::awaitable<void> serve(link::StreamPtr stream, link::FuseRequest request);
  // Throws base::Error.
  asio::awaitable<void> mount(link::Mount what);
  // Makes the file systems that the first overlay will be, for a template. Throws base::Error.
  asio::awaitable<void> make_ready();
  // What is remembered of the names in a workspace that an overlay is over: its upper layer was changed beneath it.
  asio::awaitable<void> forget_names(uint32_t id);
  bool empty() const { return all_.empty(); }

 private:
  struct Workspace {
    bool file = false;
    base::Fd context;
    std::optional<OverlayMounts> overlay;  // made already
    std::optional<AnsweredInit> answered;  // in its server's place
    std::shared_ptr<Mounted> mounted = std::make_shared<Mounted>();
    bool in_place = false;
  };
  using WorkspacePtr = std::shared_ptr<Workspace>;

  asio::awaitable<base::Fd> make(link::FuseRequest request, WorkspacePtr workspace);
  asio::awaitable<void> disconnect(WorkspacePtr workspace);

  Guest& guest_;
  std::map<uint32_t, WorkspacePtr> all_;
  std::optional<ReadyOverlay> ready_;
};

}  // namespace caisson::guest
