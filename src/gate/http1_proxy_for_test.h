// SPDX-License-Identifier: Apache-2.0

// A client and a server with the proxy between them: connections to 'a.com' port 80, on which requests for /ok and what
// is below it are allowed.
#pragma once

#include <gtest/gtest.h>

#include "gate/byte_stream_for_test.h"
#include "gate/http1_proxy.h"
#include "link/link_for_test.h"

namespace caisson::gate {

enum class ServerEnds { kWithClient, kOrderly, kBroken };

class Http1Proxy : public testing::Test {
 protected:
  Http1Proxy() {
    policy.add(parse_rule("a.com:80 * /ok"), true, "test");
    policy.add(parse_rule("a.com:80 * /ok/**"), true, "test");
    policy.add(parse_rule("a.com:80 * /ok/secret"), false, "test");
  }

  // A new connection.
  void SetUp() override {
    std::tie(client, client_side_) = MemoryStream::pair(loop.executor());
    std::tie(server_side_, server) = MemoryStream::pair(loop.executor());
    records.clear();
    client_got.clear();
    server_got.clear();
    options.host = "a.com";
    options.port = 80;
    options.judge = [this](std::string_view method, const CanonicalPath& path) {
      return policy.judge_request("a.com", 80, method, path);
    };
    options.record = [this](const HttpRecord& record) { records.push_back(record); };
  }

  // The proxy with these.
  void run(std::vector<std::function<link::Task()>> tasks) {
    tasks.emplace_back([this]() -> link::Task {
      end = co_await serve_http1(client_side_, server_side_, options);
      // As dropping the connection would.
      client_side_->close();
    });
    loop.run(std::move(tasks));
  }

  // Everything at once, and then nothing more.
  link::Task client_says(std::string text) {
    co_await send(client, std::move(text));
    co_await client->shutdown_write();
    client_got = co_await receive_all(client);
  }
  link::Task server_says(std::string text, ServerEnds ends) {
    server_got = co_await receive_until(server, "\r\n\r\n");
    co_await send(server, std::move(text));
    if (ends == ServerEnds::kOrderly) co_await server->shutdown_write();
    if (ends == ServerEnds::kBroken) server->abort();
    if (ends != ServerEnds::kBroken) server_got += co_await receive_all(server);
  }
  // The client says this; the server answers when it has got a head.
  void talk(std::string request, std::string answer, ServerEnds ends = ServerEnds::kWithClient) {
    run({[=, this] { return client_says(request); }, [=, this] { return server_says(answer, ends); }});
  }
  // The client says what must not reach the server; returns what it was answered.
  std::string refused(std::string request) {
    run({[=, this] { return client_says(request); },
         [this]() -> link::Task { server_got = co_await receive_all(server); }});
    EXPECT_TRUE(server_got.empty() || server_got == "(broken)") << server_got;
    return client_got;
  }

  link::Loop loop;
  Policy policy;
  HttpOptions options;
  std::shared_ptr<MemoryStream> client;  // the test's ends
  std::shared_ptr<MemoryStream> server;
  std::string client_got;
  std::string server_got;
  std::vector<HttpRecord> records;
  HttpEnd end;
  std::shared_ptr<MemoryStream> client_side_;
  std::shared_ptr<MemoryStream> server_side_;
};

}  // namespace caisson::gate
