// SPDX-License-Identifier: Apache-2.0

#include "gate/http2_connection.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/this_coro.hpp>
#include <vector>

#include "gate/failure.h"

namespace caisson::gate {
namespace {

constexpr size_t kPieceBytes = 16U << 10;

}  // namespace

Http2Connection::Http2Connection(const asio::any_io_executor& executor, ByteStreamPtr client, ByteStreamPtr server,
                                 HttpOptions options)
    : limits_(options.limits),
      secrets_(options.secrets),
      client_head_held_(options.held),
      server_head_held_(options.held),
      client_(std::move(client)),
      server_(std::move(server)),
      streams_(std::move(options), server_ != nullptr),
      changed_(executor),
      client_head_(executor),
      server_head_(executor),
      idle_(executor),
      stall_(executor),
      linger_(executor) {}

asio::awaitable<HttpEnd> Http2Connection::serve(std::shared_ptr<Http2Connection> self) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  self->watch();
  self->tasks_ = self->server_ ? 3 : 1;
  asio::co_spawn(executor, write_client(self), asio::detached);
  if (self->server_) {
    self->watch_servers_head("the server did not begin to speak HTTP/2");
    asio::co_spawn(executor, read_server(self), asio::detached);
    asio::co_spawn(executor, write_server(self), asio::detached);
  }
  co_await self->read_client();
  while (self->tasks_ != 0) co_await self->changed_.wait();
  self->streams_.finish(self->end_.failure);
  for (Watchdog* dog : {&self->client_head_, &self->server_head_, &self->idle_, &self->stall_, &self->linger_})
    dog->disarm();
  co_return self->end_;
}

void Http2Connection::reconsider(const Http2Streams::Judge& judge) {
  streams_.reconsider(judge);
  changed_.notify_all();
}

asio::awaitable<void> Http2Connection::read_client() {
  std::string problem;
  try {
    co_await feed_client();
  } catch (const std::exception& error) {
    problem = failure_of(error);
  }
  client_head_.disarm();
  client_head_held_.release();
  if (!problem.empty()) fail(problem);
  part();
}

// What is under way has nobody who would hear of it.
void Http2Connection::part() {
  if (std::exchange(parting_, true)) return;
  streams_.client_ended();
  linger_.arm(limits_.linger, [this] { fail(""); });
  changed_.notify_all();
}

asio::awaitable<void> Http2Connection::feed_client() {
  std::vector<uint8_t> buffer(kPieceBytes);
  for (;;) {
    const size_t got = co_await client_->read_some(buffer);
    if (got == 0) co_return;
    // Behind its end what it sends is read, or a reset would overtake what it is told last.
    if (parting_) continue;
    if (secrets_) co_await secrets_->refresh();
    const bool in_head = streams_.client().in_head();
    try {
      const std::span<const uint8_t> bytes = std::span<const uint8_t>(buffer).first(got);
      streams_.client().feed(bytes);
    } catch (const base::Error& error) {
      end_.not_http = true;
      throw base::Error("the client's HTTP/2 is refused: " + error.problem());
    }
    client_head_held_.set(kCopiesOfHead * streams_.client().head_bytes());
    if (!streams_.client().in_head()) {
      client_head_.disarm();
    } else if (!in_head) {
      client_head_.arm(limits_.head, [this] { fail("a request's head took too long"); });
    }
    watch();
    changed_.notify_all();
    co_await wait_for_room(streams_.client(), streams_.server());
  }
}

asio::awaitable<void> Http2Connection::read_server(std::shared_ptr<Http2Connection> self) {
  std::string problem;
  try {
    co_await self->feed_server();
  } catch (const std::exception& error) {
    problem = failure_of(error);
  }
  self->server_head_.disarm();
  self->server_head_held_.release();
  self->server_ended(problem);
  self->task_ended();
}

asio::awaitable<void> Http2Connection::feed_server() {
  std::vector<uint8_t> buffer(kPieceBytes);
  for (;;) {
    const size_t got = co_await server_->read_some(buffer);
    if (got == 0) co_return;
    const bool in_head = streams_.server().in_head();
    const std::span<const uint8_t> bytes = std::span<const uint8_t>(buffer).first(got);
    streams_.server().feed(bytes);
    server_head_held_.set(kCopiesOfHead * streams_.server().head_bytes());
    if (!streams_.server().in_head()) {
      if (streams_.server().met()) server_head_.disarm();
    } else if (!in_head) {
      watch_servers_head("the head of an answer took too long");
    }
    watch();
    changed_.notify_all();
    co_await wait_for_room(streams_.server(), streams_.client());
  }
}

// Until server_head_ is disarmed.
void Http2Connection::watch_servers_head(const char* problem) {
  server_head_.arm(limits_.head, [this, problem] {
    server_ended(problem);
    server_->abort();
  });
}

asio::awaitable<void> Http2Connection::wait_for_room(Http2Session& own, Http2Session& other) {
  while (!failed_ && ((own.is_full() && !own.over()) || (other.is_full() && !other.over()))) co_await changed_.wait();
}

asio::awaitable<void> Http2Connection::send_all(ByteStreamPtr to, Http2Session& session) {
  for (;;) {
    const uint64_t changes = streams_.changes();
    const std::string bytes = session.output(kPieceBytes);
    // What was taken opens the windows of the other end.
    if (!bytes.empty() || streams_.changes() != changes) changed_.notify_all();
    if (!bytes.empty()) {
      const std::span<const uint8_t> span = bytes_of(bytes);
      co_await to->write(span);
      continue;
    }
    watch();
    if (session.over() || failed_) co_return;
    co_await changed_.wait();
  }
}

asio::awaitable<void> Http2Connection::write_client(std::shared_ptr<Http2Connection> self) {
  std::string problem;
  try {
    co_await self->send_all(self->client_, self->streams_.client());
    self->note_end();
    self->part();
    if (!self->failed_) co_await self->client_->shutdown_write();
  } catch (const std::exception& error) {
    problem = failure_of(error);
  }
  // One that has ended need not hear what it is told last.
  if (!problem.empty()) self->fail(self->parting_ ? "" : problem);
  self->part();
  self->task_ended();
}

// The session with the client is over. Why, where that was not orderly.
void Http2Connection::note_end() {
  if (!end_.failure.empty()) return;
  end_.failure = streams_.failure();
  const std::string& problem = streams_.client().problem();
  if (end_.failure.empty() && !problem.empty()) end_.failure = "the client's HTTP/2 is wrong: " + problem;
}

asio::awaitable<void> Http2Connection::write_server(std::shared_ptr<Http2Connection> self) {
  std::string problem;
  try {
    co_await self->send_all(self->server_, self->streams_.server());
    problem = self->streams_.server().problem();
    if (!problem.empty()) problem = "the server's HTTP/2 is wrong: " + problem;
  } catch (const std::exception& error) {
    problem = failure_of(error);
  }
  self->server_ended(problem);
  self->server_->close();
  self->task_ended();
}

void Http2Connection::server_ended(const std::string& problem) {
  streams_.server_ended(problem);
  watch();
  changed_.notify_all();
}

void Http2Connection::task_ended() {
  --tasks_;
  changed_.notify_all();
}

// Not an orderly end.
void Http2Connection::fail(const std::string& why) {
  if (end_.failure.empty()) end_.failure = why;
  failed_ = true;
  client_->abort();
  if (server_) server_->close();
  changed_.notify_all();
}

void Http2Connection::watch() {
  watch_idle();
  watch_stall();
}

// What else passes than requests (PING) does not count.
void Http2Connection::watch_idle() {
  if (streams_.requests() != 0) {
    if (std::exchange(idle_armed_, false)) idle_.disarm();
    return;
  }
  if (std::exchange(idle_armed_, true)) return;
  idle_.arm(limits_.idle, [this] {
    streams_.go_away();
    changed_.notify_all();
  });
}

// An end that opens no window, for none of the streams that have something for it (a "slow loris").
void Http2Connection::watch_stall() {
  if (streams_.waiting_bytes() == 0) {
    if (std::exchange(stall_armed_, false)) stall_.disarm();
    return;
  }
  if (std::exchange(stall_armed_, true)) return;
  progress_seen_ = streams_.progress();
  stall_.arm(limits_.stall, [this] { stalled(); });
}

void Http2Connection::stalled() {
  stall_armed_ = false;
  if (streams_.progress() == progress_seen_) {
    fail("nothing was taken of what the connection's streams have to say for too long");
  } else {
    watch_stall();
  }
}

}  // namespace caisson::gate
