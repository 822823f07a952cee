// SPDX-License-Identifier: Apache-2.0

// One `caisson cp`: a tar stream passes between its client and the guest. What it holds is checked by whoever unpacks
// it.
#pragma once

#include "keeper/channel.h"
#include "link/session.h"

namespace caisson::keeper {

// To the guest: until the client's end of file; then the guest's verdict goes back as one line of JSON.
asio::awaitable<void> serve_copy_in(link::StreamPtr stream, ChannelPtr channel);
// From the guest: until the archive's end. An archive that the guest broke off ends without its end-of-archive blocks.
asio::awaitable<void> serve_copy_out(link::StreamPtr stream, ChannelPtr channel);

}  // namespace caisson::keeper
