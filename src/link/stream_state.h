// SPDX-License-Identifier: Apache-2.0

// What a session knows about one stream. Shared by the session's table, the Stream that its user holds, and whoever is
// in the middle of something with it.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "link/byte_queue.h"
#include "link/event.h"
#include "link/frame.h"

namespace caisson::link {

struct StreamState {
  StreamState(uint32_t stream_id, const asio::any_io_executor& executor, std::shared_ptr<QueuePool> pool)
      : id(stream_id), incoming(std::move(pool)), readable(executor), writable(executor) {}

  // Both ends said FIN, or one said RST: the session has forgotten it.
  bool finished() const { return broken() || (fin_sent && fin_received); }
  bool broken() const { return !broken_because.empty(); }

  const uint32_t id;

  ByteQueue incoming;
  uint32_t receive_window = kInitialWindowBytes;  // what the other end may still send
  uint32_t consumed = 0;                          // read since the last window update
  bool fin_received = false;

  std::span<const uint8_t> outgoing;  // what a waiting write() still has to send; the writer shortens it
  uint32_t send_window = kInitialWindowBytes;
  bool in_line = false;  // stands in the writer's line of streams that have something to send
  bool fin_sent = false;
  bool acknowledged = true;  // false: opened here, the other end has not answered yet

  std::string broken_because;  // reset, or the session's end; calls throw this
  std::function<void()> on_broken;

  Event readable;
  Event writable;
};

}  // namespace caisson::link
