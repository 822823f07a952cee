// SPDX-License-Identifier: Apache-2.0

// The sending half of a session: decides which frame goes next and keeps what the transport did not take.
//
// The fast path has no copy, no allocation and one system call: a stream's write() puts itself in line, pump() builds
// headers on the stack and hands them with the writers' own memory to the transport. What is left of a frame that was
// taken in part is copied to `rest_` (at most one frame), and a coroutine waits until it is gone; so a writer's memory
// is never looked at after its write() was cancelled. Streams take turns with frames of kDataBytes, so none starves
// another. Control frames go first and never wait for a window; their number is bounded by the session, which stops
// reading while too many stand here.
#pragma once

#include <array>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "link/frame.h"
#include "link/stream_state.h"
#include "link/transport.h"

namespace caisson::link {

class Writer {
 public:
  // A frame with its header is one write of a virtio port.
  static constexpr uint32_t kDataBytes = (32U << 10) - kFrameHeaderBytes;

  // `keep_alive` gives a reference to the owner for the time in which a coroutine or a posted call of the writer is
  // under way; `on_failure` is called once when the transport fails.
  Writer(asio::any_io_executor executor, Transport& transport, std::function<std::shared_ptr<void>()> keep_alive,
         std::function<void(std::string)> on_failure);

  // Queues a frame without payload; it leaves with the next pump, which is posted.
  void control(const Frame& frame);
  size_t control_bytes() const { return control_.size(); }
  // The stream has `outgoing` and a window: it gets in line.
  void enqueue(const std::shared_ptr<StreamState>& stream);
  // Sends now what the transport takes.
  void pump();
  // Nothing waits to be sent but streams in line, and the transport is not in use.
  bool drained() const { return !flushing_ && control_.empty(); }
  // Nothing is sent any more.
  void stop();
  // Notified whenever a waiting write went on.
  Event& progress() { return progress_; }

 private:
  static constexpr size_t kMostFrames = 8;

  struct Planned {
    std::shared_ptr<StreamState> stream;
    uint32_t length = 0;
    bool stayed_in_line = false;
  };
  struct Plan {
    std::array<Planned, kMostFrames> frames;
    std::array<FrameHeader, kMostFrames> headers;
    std::array<iovec, 1 + 2 * kMostFrames> parts;
    size_t frame_count = 0;
    size_t part_count = 0;
    size_t bytes = 0;

    void add(const uint8_t* data, size_t size);
  };

  void make_plan(Plan& plan);
  void settle(Plan& plan, size_t written);
  void take_back(Planned& planned);
  void post_pump();
  void send_what_is_taken();
  asio::awaitable<void> flush(std::shared_ptr<void> alive);
  void fail(std::string reason);

  asio::any_io_executor executor_;
  Transport& transport_;
  std::function<std::shared_ptr<void>()> keep_alive_;
  std::function<void(std::string)> on_failure_;
  std::vector<uint8_t> control_;
  std::vector<uint8_t> rest_;
  std::deque<std::shared_ptr<StreamState>> line_;
  bool flushing_ = false;
  bool pump_posted_ = false;
  bool failed_ = false;
  Event progress_;
};

}  // namespace caisson::link
