// SPDX-License-Identifier: Apache-2.0

// The state that the two directions of http1_proxy.h share. requests() runs in one coroutine and owns the order of
// things; responses() runs in another, so that an answer can come before a body's end, and notices a server that ends
// while nothing is asked.
//
// Who writes to the client: responses() while a request waits for its answer, requests() otherwise. `closing_` is set
// by whoever writes the last thing, and looked at after each wait.
#pragma once

#include <memory>

#include "gate/http1_body.h"
#include "gate/http1_input.h"
#include "gate/http1_proxy.h"
#include "gate/http1_write.h"
#include "gate/watchdog.h"
#include "link/event.h"

namespace caisson::gate {

class Http1Connection {
 public:
  Http1Connection(const asio::any_io_executor& executor, ByteStreamPtr client, ByteStreamPtr server,
                  HttpOptions options);

  bool has_server() const { return server_ != nullptr; }
  // Until both directions have ended.
  asio::awaitable<void> requests();
  static asio::awaitable<void> responses(std::shared_ptr<Http1Connection> self);
  const HttpEnd& ended() const { return end_; }

 private:
  // A request that was passed on.
  struct Exchange {
    HttpRecord record;
    int minor_version = 1;  // the client's
    bool last = false;      // the connection ends with it
    bool upgrades = false;
    bool sent = false;                        // completely
    bool begun = false;                       // a final answer was begun to be sent to the client
    bool answering = false;                   // an interim one is being sent to it
    bool answered = false;                    // completely
    bool tunnel = false;                      // the answer was 101
    std::vector<SecretUse::Put> put = {};     // into the head, until it is sent
    std::shared_ptr<AnswerScrub> scrub = {};  // of what the server says, where it got a secret
  };

  // http1_requests.cc
  asio::awaitable<bool> one_request();
  asio::awaitable<bool> handle(HttpHead head);
  bool admit(HttpHead& head);
  asio::awaitable<void> refuse_exchange();
  asio::awaitable<bool> pass_on(HttpHead head);
  asio::awaitable<void> pass_head(HttpHead head);
  asio::awaitable<std::string> pass_body(BodyFraming framing);
  void check_piece(StreamScan& scan, std::string_view data);
  void check_trailers(const HttpFields& trailers);
  asio::awaitable<void> spoilt(std::string problem);
  asio::awaitable<void> tunnel_to_server();
  asio::awaitable<void> to_server(std::string_view bytes);
  asio::awaitable<void> refuse(HttpRecord record, bool has_body);
  asio::awaitable<void> part_from_client();

  // http1_responses.cc
  asio::awaitable<bool> one_response();
  asio::awaitable<bool> final_response(HttpResponseHead head);
  asio::awaitable<void> pass_answers_head(HttpResponseHead head, ResponseForm form);
  void scrub_head(HttpResponseHead& head) const;
  std::string begin_scrub(HttpResponseHead& head, ResponseForm& form);
  asio::awaitable<bool> pass_answer(BodyFraming framing, bool chunked);
  asio::awaitable<void> scrub_piece(std::string_view data, bool chunked);
  asio::awaitable<void> pass_piece(std::string_view data, bool chunked);
  asio::awaitable<void> pass_frames();
  asio::awaitable<void> answer_failed(std::string problem);
  asio::awaitable<void> switch_protocols(HttpResponseHead head);
  asio::awaitable<void> server_failed(std::string problem);
  asio::awaitable<void> nothing_was_asked(bool server_ended);
  asio::awaitable<void> to_client(std::string_view bytes);

  // http1_connection.cc
  asio::awaitable<void> answer_last(int status, std::string text, bool has_body);
  asio::awaitable<void> end_client();
  void drop_server();
  void fail(const std::string& why);
  void finish_exchange();
  bool waits_for_answer() const { return exchange_ && !exchange_->answered; }
  void bite_after(Watchdog& dog, std::chrono::milliseconds limit, std::string why);

  ByteStreamPtr client_;
  ByteStreamPtr server_;
  HttpOptions options_;
  HttpInput from_client_;
  HttpInput from_server_;
  Held client_head_;  // until it was passed on
  Held server_head_;
  Watchdog client_dog_;
  Watchdog server_dog_;
  link::Event changed_;
  std::optional<Exchange> exchange_;
  HttpEnd end_;
  bool any_answered_ = false;
  bool closing_ = false;      // nothing more is passed on
  bool failed_ = false;       // both ends were aborted
  bool client_told_ = false;  // that nothing more comes
  bool server_gone_ = false;  // it takes no more
  bool responses_ended_;
};

}  // namespace caisson::gate
