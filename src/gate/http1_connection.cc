// SPDX-License-Identifier: Apache-2.0

// How a connection ends.

#include "gate/http1_connection.h"

#include "gate/http1_write.h"

namespace caisson::gate {

Http1Connection::Http1Connection(const asio::any_io_executor& executor, ByteStreamPtr client, ByteStreamPtr server,
                                 HttpOptions options)
    : client_(std::move(client)),
      server_(std::move(server)),
      options_(std::move(options)),
      from_client_(client_),
      from_server_(server_),
      client_head_(options_.held),
      server_head_(options_.held),
      client_dog_(executor),
      server_dog_(executor),
      changed_(executor),
      responses_ended_(server_ == nullptr) {}

// Not an orderly end, so that neither side takes what it got for the whole.
void Http1Connection::fail(const std::string& why) {
  if (!closing_) end_.failure = why;
  closing_ = true;
  failed_ = true;
  client_->abort();
  if (server_) server_->abort();
  changed_.notify_all();
}

// For calls from elsewhere than the connection's coroutines, which keep it alive.
void Http1Connection::bite_after(Watchdog& dog, std::chrono::milliseconds limit, std::string why) {
  dog.arm(limit, [this, reason = std::move(why)] { fail(reason); });
}

// It must not take a part of a request for the whole.
void Http1Connection::drop_server() {
  if (!server_) return;
  if (exchange_ && !(exchange_->sent && exchange_->answered)) {
    server_->abort();
  } else {
    server_->close();
  }
}

// The client sees its last answer whole and then the end. It may be sending still: what it sends is read by
// part_from_client(), or a reset would overtake the answer.
asio::awaitable<void> Http1Connection::end_client() {
  closing_ = true;
  drop_server();
  changed_.notify_all();
  if (std::exchange(client_told_, true)) co_return;
  bite_after(client_dog_, options_.limits.linger, "");
  try {
    co_await client_->shutdown_write();
  } catch (const base::Error&) {
    // It is gone.
  }
}

asio::awaitable<void> Http1Connection::answer_last(int status, std::string text, bool has_body) {
  closing_ = true;
  const std::string answer = write_own_answer({.status = status, .text = std::move(text), .has_body = has_body});
  bite_after(client_dog_, options_.limits.head, "");
  try {
    const std::span<const uint8_t> bytes = bytes_of(answer);
    co_await client_->write(bytes);
  } catch (const base::Error&) {
    // It does not want to know.
  }
  co_await end_client();
}

void Http1Connection::finish_exchange() {
  if (!exchange_) return;
  if (!exchange_->answered && exchange_->record.reason.empty()) exchange_->record.reason = end_.failure;
  options_.record(exchange_->record);
  exchange_.reset();
}

}  // namespace caisson::gate
