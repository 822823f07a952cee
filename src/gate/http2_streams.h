// SPDX-License-Identifier: Apache-2.0

// HTTP/2 between a client that is not trusted and the server that its connection was allowed to: two sessions, and the
// requests that pass between them. Each stream of the client's is one request, read, judged, and sent on as a stream of
// the gate's own with a head written anew. Here is what happens to it; http2_connection.h moves the bytes.
//
//   http2_requests.cc   what the client says        http2_answers.cc   what the server says
//   http2_streams.cc    how a request ends, and the gate's own answers
//
// What waits to be passed on is bounded by the windows that each end was given, and they open only as it is taken. So a
// reader that does not read stops its sender, for its stream alone until the connection's window is full.
#pragma once

#include <map>
#include <memory>

#include "gate/http2_calm.h"
#include "gate/http2_session.h"

namespace caisson::gate {

class Http2Streams {
 public:
  // `has_server`: else options.no_server says why there is none.
  Http2Streams(HttpOptions options, bool has_server);

  Http2Session& client() { return client_; }
  Http2Session& server() { return server_; }

  // No more comes from there. Idempotent.
  void client_ended();
  void server_ended(const std::string& problem);
  // The client is told to ask on another connection; what is under way goes on.
  void go_away() { client_.go_away(0); }
  // Differs when something was said to one of the sessions since.
  uint64_t changes() const { return client_.changes() + server_.changes(); }
  // Ends what a policy that has changed denies.
  using Judge = std::function<Verdict(std::string_view method, const CanonicalPath& path)>;
  void reconsider(const Judge& judge);
  // Records what is not recorded yet. The last call.
  void finish(const std::string& failure);

  size_t requests() const { return by_client_.size(); }  // under way
  size_t waiting_bytes() const { return waiting_bytes_; }
  uint64_t progress() const { return progress_; }  // changes when something was passed on
  const std::string& failure() const { return failure_; }

 private:
  // One direction's body.
  struct Body {
    std::string bytes;  // that wait
    bool ended = false;
    Http2Fields trailers;
  };
  struct Exchange {
    HttpRecord record;
    std::string path;  // where paths are judged, of one that is allowed: whole, at most kMaxPathBytes
    int32_t client_stream = 0;
    int32_t server_stream = 0;  // 0: it was not passed on
    bool client_open = true;
    bool server_open = false;
    Body up;
    Body down;
    bool grpc = false;
    bool own = false;            // the gate answers it
    bool request_whole = false;  // it has come
    bool cut_off = false;        // what waits for the server never goes there
    bool answer_begun = false;   // its head was sent to the client
    bool answer_whole = false;   // it has come
    bool answer_sent = false;    // completely
    std::string server_problem;
    // Where it got a secret: of the answer, what has come and was not looked through.
    std::shared_ptr<AnswerScrub> scrub;
    std::string unread;
    bool more_decoded = false;
    StreamScan scan = StreamScan({});  // of the request's body
  };
  using ExchangePtr = std::shared_ptr<Exchange>;
  using ByStream = std::map<int32_t, ExchangePtr>;

  class FromClient final : public Http2Events {
   public:
    explicit FromClient(Http2Streams& all) : all_(all) {}
    void on_head(int32_t stream, Http2Head head) override;
    void on_data(int32_t stream, std::string_view bytes) override;
    void on_end(int32_t stream) override;
    void on_malformed(int32_t stream, const std::string& problem) override;
    void on_reset(int32_t stream, uint32_t code) override;
    void on_closed(int32_t stream, uint32_t code) override;
    void on_goaway(uint32_t /*code*/) override {}
    void on_last_sent(int32_t stream) override;
    Http2Piece next_piece(int32_t stream, std::span<uint8_t> into) override;

   private:
    void request(int32_t stream, Http2Head head);
    SecretUse use_secrets(Exchange& exchange, HttpHead& head, Http2Head& read);
    void pass_on(const ExchangePtr& exchange, const HttpHead& head, const Http2Head& read, const SecretUse& use);
    void trailers(Exchange& exchange, const Http2Head& head);
    Http2Streams& all_;
  };

  class FromServer final : public Http2Events {
   public:
    explicit FromServer(Http2Streams& all) : all_(all) {}
    void on_head(int32_t stream, Http2Head head) override;
    void on_data(int32_t stream, std::string_view bytes) override;
    void on_end(int32_t stream) override;
    void on_malformed(int32_t stream, const std::string& problem) override;
    void on_reset(int32_t /*stream*/, uint32_t /*code*/) override {}
    void on_closed(int32_t stream, uint32_t code) override;
    void on_goaway(uint32_t code) override { all_.client_.go_away(code); }
    void on_last_sent(int32_t /*stream*/) override {}
    Http2Piece next_piece(int32_t stream, std::span<uint8_t> into) override;

   private:
    void pass_head(Exchange& exchange, Http2Head head);
    Http2Streams& all_;
  };

  // Where a stream ended without an error, and too early.
  static uint32_t error_or(uint32_t code, uint32_t otherwise) { return code == 0 ? otherwise : code; }
  static ExchangePtr find(const ByStream& streams, int32_t stream);
  void answer(Exchange& exchange, int status, const std::string& text);
  void spoil(Exchange& exchange, const std::string& problem);
  bool read_down(Exchange& exchange);
  void server_failed(Exchange& exchange, const std::string& problem);
  void part_from_client(Exchange& exchange);
  void count_wasted();
  void drop_up(Exchange& exchange);
  void drop_down(Exchange& exchange);
  Http2Piece take(Body& body, std::span<uint8_t> into);
  void record(const HttpRecord& record) const { options_.record(record); }

  HttpOptions options_;
  std::string scheme_;
  FromClient from_client_{*this};
  FromServer from_server_{*this};
  Http2Session client_;
  Http2Session server_;
  ByStream by_client_;
  ByStream by_server_;
  Http2Calm calm_;
  bool server_gone_;
  bool client_gone_ = false;
  size_t waiting_bytes_ = 0;
  uint64_t progress_ = 0;
  std::string failure_;
};

}  // namespace caisson::gate
