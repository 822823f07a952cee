// SPDX-License-Identifier: Apache-2.0

// The bytes of http2_streams.h, and its time limits: a reader and a writer for each end. A reader waits while too much
// waits to be sent, to its own end (which may be flooding it) or to the other one.
#pragma once

#include <memory>

#include "gate/byte_stream.h"
#include "gate/http2_streams.h"
#include "gate/watchdog.h"
#include "link/event.h"

namespace caisson::gate {

class Http2Connection {
 public:
  // `server` may be null with options.no_server.
  Http2Connection(const asio::any_io_executor& executor, ByteStreamPtr client, ByteStreamPtr server,
                  HttpOptions options);

  // Until the connection has ended. Never throws for what the ends do. Once.
  static asio::awaitable<HttpEnd> serve(std::shared_ptr<Http2Connection> self);
  // Ends those requests that a changed policy denies, and no others.
  void reconsider(const Http2Streams::Judge& judge);

 private:
  static asio::awaitable<void> read_server(std::shared_ptr<Http2Connection> self);
  static asio::awaitable<void> write_server(std::shared_ptr<Http2Connection> self);
  static asio::awaitable<void> write_client(std::shared_ptr<Http2Connection> self);
  asio::awaitable<void> read_client();
  asio::awaitable<void> feed_client();
  asio::awaitable<void> feed_server();
  asio::awaitable<void> send_all(ByteStreamPtr to, Http2Session& session);
  asio::awaitable<void> wait_for_room(Http2Session& own, Http2Session& other);
  void watch();
  void watch_servers_head(const char* problem);
  void watch_idle();
  void watch_stall();
  void stalled();
  void server_ended(const std::string& problem);
  void note_end();
  void part();
  void fail(const std::string& why);
  void task_ended();

  HttpLimits limits_;
  std::shared_ptr<const RequestSecrets> secrets_;
  Held client_head_held_;
  Held server_head_held_;
  ByteStreamPtr client_;
  ByteStreamPtr server_;
  Http2Streams streams_;
  link::Event changed_;
  Watchdog client_head_;
  Watchdog server_head_;
  Watchdog idle_;
  Watchdog stall_;
  Watchdog linger_;
  HttpEnd end_;
  size_t tasks_ = 0;
  bool idle_armed_ = false;
  bool stall_armed_ = false;
  uint64_t progress_seen_ = 0;
  bool parting_ = false;  // nothing more is passed on
  bool failed_ = false;
};

}  // namespace caisson::gate
