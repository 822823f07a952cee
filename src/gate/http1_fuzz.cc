// SPDX-License-Identifier: Apache-2.0

// Whole connections through the HTTP proxy: any bytes from the client, any bytes from the server, in any pieces. What
// reaches the server is read by code that is not the proxy's, and is exactly the requests that were judged and allowed,
// in their order; the last one may be cut off. And the connection ends.
//
// Input: the size of the pieces (1 byte), the length of the client's bytes (2 bytes), the client's bytes, and the
// server's, where "\xFF" separates what it says to one request from what it says to the next.

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdlib>
#include <string>
#include <vector>

#include "gate/http1_body.h"
#include "gate/http1_proxy.h"
#include "link/event.h"

namespace caisson::gate {
namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

// Says everything in pieces, and then ends.
class Client final : public ByteStream {
 public:
  Client(std::string_view bytes, size_t piece) : bytes_(bytes), piece_(piece) {}

  asio::awaitable<size_t> read_some(std::span<uint8_t> into) override {
    if (closed_) throw base::Error("closed");
    const size_t size = std::min({into.size(), bytes_.size(), piece_});
    std::copy_n(bytes_.begin(), size, into.begin());
    bytes_.remove_prefix(size);
    co_return size;
  }
  asio::awaitable<void> write(std::span<const uint8_t> /*from*/) override {
    // Nothing may come behind the end.
    require(!ended_);
    if (closed_) throw base::Error("closed");
    co_return;
  }
  asio::awaitable<void> shutdown_write() override {
    ended_ = true;
    co_return;
  }
  void abort() override { close(); }
  void close() override { closed_ = true; }

 private:
  std::string_view bytes_;
  size_t piece_;
  bool closed_ = false;
  bool ended_ = false;
};

// What the server got, read again.
struct Request {
  std::string method;
  std::string path;

  bool operator==(const Request&) const = default;
};

struct Received {
  std::vector<Request> requests;
  bool other = false;  // behind them is something else
};

Received read_requests(std::string_view bytes, size_t most) {
  Received received;
  while (!bytes.empty() && received.requests.size() < most) {
    HttpHeadReader reader;
    reader.feed(bytes);
    if (reader.state() == HttpHeadReader::State::kNeedMore) break;
    received.other = reader.state() != HttpHeadReader::State::kHead;
    if (received.other) break;
    const HttpHead& head = reader.head();
    const auto path = canonical_path(head.target);
    require(head.host == "a.com" && !head.port && path);
    received.requests.push_back({.method = head.method, .path = path->text()});
    bytes.remove_prefix(head.size);
    BodyReader body(request_framing(head));
    while (!body.done() && !bytes.empty()) bytes.remove_prefix(body.read(bytes).used);
  }
  return received;
}

// A server that says its next part when one more request has begun to arrive, and ends behind its last one.
class Server final : public ByteStream {
 public:
  Server(const asio::any_io_executor& executor, std::string_view script, size_t piece)
      : changed_(executor), script_(script), piece_(piece) {}

  asio::awaitable<size_t> read_some(std::span<uint8_t> into) override {
    while (!closed_ && !may_speak()) co_await changed_.wait();
    if (closed_) throw base::Error("closed");
    const size_t size = std::min({into.size(), now_.size(), piece_});
    std::copy_n(now_.begin(), size, into.begin());
    now_.remove_prefix(size);
    co_return size;
  }
  asio::awaitable<void> write(std::span<const uint8_t> from) override {
    if (closed_) throw base::Error("closed");
    written.append(from.begin(), from.end());
    changed_.notify_all();
    co_return;
  }
  asio::awaitable<void> shutdown_write() override { co_return; }
  void abort() override { close(); }
  void close() override {
    closed_ = true;
    changed_.notify_all();
  }

  // What it has not said until now it never says.
  void end() {
    over_ = true;
    changed_.notify_all();
  }

  std::string written;

 private:
  bool may_speak() {
    if (!now_.empty() || over_) return true;
    if (read_requests(written, SIZE_MAX).requests.size() <= answers_) return false;
    ++answers_;
    const size_t end = script_.find('\xFF');
    now_ = script_.substr(0, end);
    over_ = end == std::string_view::npos || now_.empty();
    script_.remove_prefix(over_ ? script_.size() : end + 1);
    return true;
  }

  link::Event changed_;
  std::string_view script_;
  std::string_view now_;
  size_t piece_;
  size_t answers_ = 0;
  bool over_ = false;
  bool closed_ = false;
};

Policy fixed_policy() {
  Policy policy;
  policy.add(parse_rule("a.com:80 GET,POST,HEAD /ok/**"), true, "fuzz");
  policy.add(parse_rule("a.com:80 * /ok/no/**"), false, "fuzz");
  return policy;
}

void check(size_t piece, std::string_view from_client, std::string_view from_server) {
  static const Policy kPolicy = fixed_policy();
  asio::io_context context;
  const auto client = std::make_shared<Client>(from_client, piece);
  const auto server = std::make_shared<Server>(context.get_executor(), from_server, piece);
  std::vector<Request> allowed;
  size_t recorded = 0;
  size_t judged = 0;
  bool tunnel = false;
  HttpOptions options;
  options.host = "a.com";
  options.port = 80;
  options.judge = [&](std::string_view method, const CanonicalPath& path) {
    Verdict verdict = kPolicy.judge_request("a.com", 80, method, path);
    ++judged;
    if (verdict.allowed) {
      require(path.text().starts_with("/ok/") && !path.text().starts_with("/ok/no/"));
      allowed.push_back({.method = std::string(method), .path = path.text()});
    }
    return verdict;
  };
  options.record = [&](const HttpRecord& record) {
    ++recorded;
    tunnel = record.status == 101;
    require(record.allowed || !record.reason.empty());
  };
  bool ended = false;
  asio::co_spawn(context, serve_http1(client, server, options), [&](const std::exception_ptr& failure, const HttpEnd&) {
    require(!failure);
    ended = true;
  });
  context.poll();
  // The proxy may be waiting for the rest of an answer.
  server->end();
  context.restart();
  context.poll();
  require(ended);
  require(recorded >= judged);
  // Behind the upgrade to a WebSocket come no requests.
  const Received received = read_requests(server->written, tunnel ? allowed.size() : SIZE_MAX);
  require(!received.other);
  // Of the last one not even the head may have arrived.
  require(received.requests == allowed ||
          (received.requests.size() + 1 == allowed.size() &&
           std::equal(received.requests.begin(), received.requests.end(), allowed.begin())));
}

}  // namespace
}  // namespace caisson::gate

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 3) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 3, size - 3);
  const size_t client_bytes = std::min<size_t>(data[1] << 8 | data[2], bytes.size());
  const size_t piece = data[0] == 0 ? 16384 : data[0];
  caisson::gate::check(piece, bytes.substr(0, client_bytes), bytes.substr(client_bytes));
  return 0;
}
