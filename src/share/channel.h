// SPDX-License-Identifier: Apache-2.0

// The stream of FUSE messages between a share and its guest. Two kinds of descriptor are taken: a stream socket, as the
// keeper's relay gives it, where each message begins with its own length; and /dev/fuse itself, of which each read(2)
// is one message (tests and the benchmark mount on this machine).
//
// Any number of threads receive and send: one waits for the next message at a time, the others wait for their turn.
#pragma once

#include <atomic>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "base/fd.h"
#include "share/message.h"

namespace caisson::share {

// One message as it came, in a buffer of the thread that handles it.
class MessageBuffer {
 public:
  MessageBuffer() : bytes_(std::make_unique_for_overwrite<char[]>(kMaxMessageBytes)) {}
  char* data() { return bytes_.get(); }

 private:
  std::unique_ptr<char[]> bytes_;
};

class Channel {
 public:
  // Borrows the descriptor; it is to outlive this. `changes` counts the changes that were seen (Output::settle).
  Channel(int descriptor, const std::atomic<uint64_t>& changes);

  // The next request, which points into `buffer`; nothing at the end of the stream. Throws base::Error where a message
  // has a length that no message has, or ends before its end: there is no next one then.
  std::optional<Request> receive(MessageBuffer& buffer);
  // Sends an answer. Throws base::Error where the other end is gone.
  void answer(Output& output, uint64_t unique, int errnum);
  // Sends a notification: a header, the code's fields, and a name with its NUL or nothing.
  void notify(fuse_notify_code code, std::span<const char> fields, std::string_view name);
  // Wakes up whoever receives, and ends the stream for all.
  void close();

 private:
  size_t receive_from_device(MessageBuffer& buffer);
  size_t receive_from_socket(MessageBuffer& buffer);
  bool fill(size_t bytes);
  void send(std::span<const char> message);

  int descriptor_;
  bool device_;
  const std::atomic<uint64_t>& changes_;
  std::mutex receiving_;
  std::mutex sending_;
  bool ended_ = false;        // guarded by receiving_
  std::vector<char> unread_;  // guarded by receiving_: what came with the last message
  size_t unread_begin_ = 0;
  size_t unread_end_ = 0;
};

}  // namespace caisson::share
