// SPDX-License-Identifier: Apache-2.0

// One `caisson cp`: a tar stream passes between its client and the guest. What it holds is checked by whoever unpacks
// it.
#pragma once

#include <chrono>

#include "keeper/channel.h"
#include "link/session.h"

namespace caisson::keeper {

struct CopyEnds {
  link::StreamPtr stream;  // of the guest, which has agreed to the copy
  ChannelPtr channel;      // the client
};

// `patience`: how long the guest may take nothing, or give nothing, while the client is there for it. A client that
// takes its time costs the guest none.
//
// To the guest: until the client's end of file; then the guest's verdict goes back as one line of JSON.
asio::awaitable<void> serve_copy_in(CopyEnds ends, std::chrono::milliseconds patience);
// From the guest: until the archive's end. An archive that the guest broke off, or did not go on with, ends without its
// end-of-archive blocks.
asio::awaitable<void> serve_copy_out(CopyEnds ends, std::chrono::milliseconds patience);

}  // namespace caisson::keeper
