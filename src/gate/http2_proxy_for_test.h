// SPDX-License-Identifier: Apache-2.0

// An HTTP/2 client and a server with the proxy between them: connections to 'a.com' port 443, on which requests for /ok
// and what is below it are allowed. The server answers each request with 200 and the body "hi", unless told otherwise.
#pragma once

#include <gtest/gtest.h>

#include "gate/byte_stream_for_test.h"
#include "gate/http2_connection.h"
#include "gate/http2_peer_for_test.h"
#include "link/link_for_test.h"

namespace caisson::gate {

class Http2Proxy : public testing::Test {
 protected:
  Http2Proxy() {
    policy.add(parse_rule("a.com:443 * /ok"), true, "test");
    policy.add(parse_rule("a.com:443 * /ok/**"), true, "test");
    policy.add(parse_rule("a.com:443 * /ok/secret"), false, "test");
    options.host = "a.com";
    options.port = 443;
    options.usual_port = 443;
    options.judge = [this](std::string_view method, const CanonicalPath& path) {
      return policy.judge_request("a.com", 443, method, path);
    };
    options.record = [this](const HttpRecord& record) { records.push_back(record); };
  }

  static PeerFields get(const std::string& path) { return request("GET", path); }
  static PeerFields request(const std::string& method, const std::string& path) {
    return {{":method", method}, {":scheme", "https"}, {":authority", "a.com"}, {":path", path}};
  }
  static PeerFields with(PeerFields fields, std::string name, std::string value) {
    fields.emplace_back(std::move(name), std::move(value));
    return fields;
  }
  // The first field of that name gets another value; "" takes it away.
  static PeerFields but(PeerFields fields, std::string_view name, const std::string& value) {
    const auto found = std::find_if(fields.begin(), fields.end(), [&](const auto& one) { return one.first == name; });
    found->second = value;
    if (value.empty()) fields.erase(found);
    return fields;
  }

  // A new connection.
  void connect() {
    std::shared_ptr<MemoryStream> proxy_client;
    std::shared_ptr<MemoryStream> proxy_server;
    std::tie(client_stream, proxy_client) = MemoryStream::pair(loop.executor());
    std::tie(proxy_server, server_stream) = MemoryStream::pair(loop.executor());
    if (!options.no_server.empty()) proxy_server = nullptr;
    client = std::make_shared<Http2Peer>(loop.executor(), client_stream, client_options);
    server_options.server = true;
    server = std::make_shared<Http2Peer>(loop.executor(), server_stream, server_options);
    server->on_request = [this](int32_t id) { on_request(id); };
    proxy_client_ = proxy_client;
    proxy = std::make_shared<Http2Connection>(loop.executor(), proxy_client, proxy_server, options);
  }
  // The proxy with what the client does; then the client goes.
  void run(std::function<link::Task()> talk) {
    if (!proxy) connect();
    client->start();
    if (options.no_server.empty() && !no_http2_server) server->start();
    loop.run({[this, &talk]() -> link::Task {
                co_await talk();
                client_stream->close();
              },
              [this]() -> link::Task {
                end = co_await Http2Connection::serve(proxy);
                // As dropping the connection would.
                proxy_client_->close();
              }});
    loop.settle();
  }
  // Until the stream is closed.
  link::Task closed(int32_t id) {
    co_await client->until([this, id] { return client->streams[id].closed.has_value() || client->gone; });
  }
  // The client asks this; what comes of it.
  Http2Peer::Stream ask(PeerFields fields) {
    int32_t id = 0;
    run([&, this]() -> link::Task {
      id = client->ask(fields);
      co_await closed(id);
    });
    return client->streams[id];
  }
  size_t asked() const { return server->streams.size(); }

  link::Loop loop;
  Policy policy;
  HttpOptions options;
  Http2Peer::Options client_options;
  Http2Peer::Options server_options;
  bool no_http2_server = false;
  std::shared_ptr<MemoryStream> client_stream;
  std::shared_ptr<MemoryStream> server_stream;
  std::shared_ptr<Http2Peer> client;
  std::shared_ptr<Http2Peer> server;
  std::shared_ptr<Http2Connection> proxy;
  std::function<void(int32_t id)> on_request = [this](int32_t id) {
    server->answer(id, {{":status", "200"}});
    server->say(id, "hi");
    server->end(id);
  };
  std::vector<HttpRecord> records;
  HttpEnd end;

 private:
  std::shared_ptr<MemoryStream> proxy_client_;
};

}  // namespace caisson::gate
