// SPDX-License-Identifier: Apache-2.0

// Carries the requests of one FUSE file system to its server on the host, and the answers back: one read(2) and one
// write(2) a message. One thread; the notices have their own.
#pragma once

#include <memory>

#include "base/fd.h"
#include "guest/waiting.h"
#include "guest/workspace_mounts.h"
#include "link/session.h"

namespace caisson::guest {

// Until the stream ends, the file system is unmounted, or the host breaks the protocol. Then the file system has no
// device any more, but for what its notices' thread holds: Mounted::disconnect(). Never throws.
asio::awaitable<void> relay_fuse(link::StreamPtr stream, base::Fd device, std::shared_ptr<Mounted> mounted);

}  // namespace caisson::guest
