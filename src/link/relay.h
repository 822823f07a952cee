// SPDX-License-Identifier: Apache-2.0

// Moves bytes both ways between a stream of the link and a socket, as if the two ends were joined by one TCP
// connection: an end of one direction is a half-close (FIN, shutdown(2)), a reset of one side becomes a reset of the
// other (SO_LINGER of 0 makes close(2) send RST), and a side that does not read stops the other's writer.
//
// A connection that waits for its ends' words holds no buffer: thousands of them cost their descriptors and coroutines
// only. What the stream's end says is sent from where the link has received it, and its window opens as the socket
// takes it; so one whose socket does not take it holds no more than that window. One whose stream's end does not read
// holds 64 KiB of what the socket's said. One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "link/descriptor.h"
#include "link/session.h"

namespace caisson::link {

enum class Way { kToStream, kFromStream };

// What happens to a relay's bytes on their way: measured, held back, looked at.
class RelayFilter {
 public:
  virtual ~RelayFilter() = default;
  // Whether so many bytes go on at once and as they are; they are measured then, and pass() is not asked about them.
  virtual bool lets_by(Way /*way*/, size_t /*bytes*/) { return false; }
  // What goes on in place of `bytes`; valid until went_on() or the next call for the same way. May wait. Throws
  // base::Error to end the connection. What it has kept back at the end of a direction is lost.
  virtual asio::awaitable<std::span<const uint8_t>> pass(Way way, std::span<const uint8_t> bytes) = 0;
  // What pass() has given last for this way went on, and is not looked at any more.
  virtual void went_on(Way /*way*/) {}
};

struct RelayEnd {
  uint64_t to_stream_bytes = 0;  // passed on
  uint64_t from_stream_bytes = 0;
  std::string failure;  // "" when both directions ended orderly
};

// Until both directions have ended; an error of one ends both. Never throws. `socket` must be a connected stream
// socket.
asio::awaitable<RelayEnd> relay(StreamPtr stream, std::shared_ptr<Descriptor> socket,
                                std::shared_ptr<RelayFilter> filter);
asio::awaitable<RelayEnd> relay(StreamPtr stream, std::shared_ptr<Descriptor> socket);

// Its number. Throws base::Error where it was closed.
int open_socket(Descriptor& socket);
// Sends all of it. Throws base::Error where the connection breaks, or is closed meanwhile.
asio::awaitable<void> send_all(Descriptor& socket, std::span<const uint8_t> bytes);

// Closes a TCP socket so that its other end sees a reset. Idempotent.
void abort_socket(Descriptor& socket);

}  // namespace caisson::link
