// SPDX-License-Identifier: Apache-2.0

// The services "changes" and "discard": what is in a workspace's upper layer, and its going. Both are done by a process
// that can be killed; init itself only looks whether there is anything.
#pragma once

#include "guest/guest.h"
#include "link/change_messages.h"
#include "link/session.h"

namespace caisson::guest {

asio::awaitable<void> serve_changes(Guest& guest, link::StreamPtr stream, link::ChangesRequest request);
asio::awaitable<void> serve_discard(Guest& guest, link::StreamPtr stream, link::DiscardRequest request);

}  // namespace caisson::guest
