// SPDX-License-Identifier: Apache-2.0

// The API: what each request becomes, what is refused, and how its transport treats clients that misbehave.

#include "keeper/api.h"

#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <thread>

#include "base/error.h"
#include "base/file.h"
#include "base/temp_folder_for_test.h"
#include "keeper/client.h"
#include "keeper/server.h"
#include "keeper/testing/fake_control.h"

namespace caisson::keeper {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

asio::awaitable<void> ask_into(Control* control, ApiRequest request, ApiAnswer* into) {
  *into = co_await answer(*control, std::move(request));
}

struct Asked {
  ApiAnswer answer;
  std::string of_control;
};

Asked ask(const std::string& method, const std::string& target, const std::string& body = "", bool upgrade = false) {
  FakeControl control;
  ApiRequest request{.method = method, .target = target, .body = body, .upgrade = upgrade, .first = false};
  ApiAnswer answered;
  asio::io_context io;
  asio::co_spawn(io, ask_into(&control, std::move(request), &answered), [](const std::exception_ptr&) {});
  io.run();
  return {std::move(answered), control.asked};
}

TEST(Api, RequestsBecomeCalls) {
  EXPECT_EQ(ask("GET", "/v1/sandbox").answer.body["name"], "fake");
  EXPECT_EQ(ask("GET", "/v1/ready").of_control, "ready");
  EXPECT_EQ(ask("GET", "/v1/configured").of_control, "configured");
  EXPECT_EQ(ask("POST", "/v1/attach", "", true).of_control, "attach");
  EXPECT_EQ(ask("POST", "/v1/detach").of_control, "detach");
  EXPECT_EQ(ask("POST", "/v1/exec", R"({"argv":["ls"]})", true).of_control, "exec ls");
  EXPECT_EQ(ask("POST", "/v1/exec/main/signal", R"({"signal":15})").of_control, "signal main 15");
  EXPECT_EQ(ask("POST", "/v1/exec/7/detach").of_control, "let go 7");
  EXPECT_EQ(ask("POST", "/v1/exec/7/resize", R"({"rows":2,"columns":3})").of_control, "resize 7 2x3");
  EXPECT_EQ(ask("POST", "/v1/copy", R"({"put":true,"path":"/a"})", true).of_control, "copy /a");
  EXPECT_EQ(ask("POST", "/v1/changes", R"({"id":1,"content":true})", true).of_control, "changes 1 content");
  EXPECT_EQ(ask("POST", "/v1/commits", R"({"id":2})").of_control, "commits 2");
  EXPECT_EQ(ask("POST", "/v1/commits", R"({"id":2,"head":"x"})").answer.status, 400U);
  EXPECT_EQ(ask("POST", "/v1/discard", R"({"id":2,"paths":["61"]})").of_control, "discard 2 1");
  EXPECT_EQ(ask("POST", "/v1/discard", R"({"id":2,"paths":["2e2e"]})").answer.status, 400U);
  EXPECT_EQ(ask("GET", "/v1/policy/questions", "", true).of_control, "questions");
  EXPECT_EQ(ask("POST", "/v1/policy/answers", R"({"id":7,"answer":"sandbox"})").of_control, "answer 7 sandbox");
  EXPECT_EQ(ask("POST", "/v1/stop").of_control, "stop 10");
  EXPECT_EQ(ask("POST", "/v1/stop", R"({"timeout_seconds":0})").of_control, "stop 0");
}

struct Refused {
  const char* method;
  const char* target;
  const char* body;
  bool upgrade;
  unsigned status;
};

class ApiRefuses : public testing::TestWithParam<Refused> {};

TEST_P(ApiRefuses, WithAStatusAndWithoutACall) {
  const Refused& refused = GetParam();
  const Asked asked = ask(refused.method, refused.target, refused.body, refused.upgrade);
  EXPECT_EQ(asked.answer.status, refused.status);
  EXPECT_EQ(asked.of_control, "");
  EXPECT_FALSE(asked.answer.stream);
  EXPECT_NE(asked.answer.body["error"], "");
  EXPECT_EQ(asked.answer.body["exit_code"], 125);
}

INSTANTIATE_TEST_SUITE_P(
    All, ApiRefuses,
    testing::Values(Refused{"GET", "/", "", false, 404}, Refused{"GET", "", "", false, 404},
                    Refused{"GET", "/v1/sandbox/", "", false, 404}, Refused{"GET", "/v1/sandbox?a=b", "", false, 404},
                    Refused{"GET", "/v1/sandbox/\x1b[31m", "", false, 404},
                    Refused{"POST", "/v1/sandbox", "", false, 405}, Refused{"GET", "/v1/stop", "", false, 405},
                    Refused{"POST", "/v1/attach", "", false, 426}, Refused{"POST", "/v1/stop", "", true, 400},
                    Refused{"POST", "/v1/attach", "{\"a\":1}", true, 400}, Refused{"POST", "/v1/exec", "{", true, 400},
                    Refused{"POST", "/v1/exec", "[]", true, 400}, Refused{"POST", "/v1/exec", "", true, 400},
                    Refused{"POST", "/v1/exec", R"({"argv":[]})", true, 400},
                    Refused{"POST", "/v1/exec", R"({"argv":["a"],"b":1})", true, 400},
                    Refused{"POST", "/v1/exec/x/signal", R"({"signal":15})", false, 404},
                    Refused{"POST", "/v1/exec//signal", R"({"signal":15})", false, 404},
                    Refused{"POST", "/v1/exec/-1/signal", R"({"signal":15})", false, 404},
                    Refused{"POST", "/v1/exec/main/detach", "", false, 404},
                    Refused{"POST", "/v1/exec/main/signal", R"({"signal":0})", false, 400},
                    Refused{"POST", "/v1/exec/main/signal", R"({"signal":65})", false, 400},
                    Refused{"POST", "/v1/exec/main/signal", R"({"signal":"15"})", false, 400},
                    Refused{"POST", "/v1/exec/main/resize", R"({"rows":65536,"columns":1})", false, 400},
                    Refused{"GET", "/v1/policy/questions", "", false, 426},
                    Refused{"POST", "/v1/policy/answers", "", false, 400},
                    Refused{"POST", "/v1/policy/answers", R"({"id":7,"answer":"yes"})", false, 400},
                    Refused{"POST", "/v1/policy/answers", R"({"id":-7,"answer":"once"})", false, 400},
                    Refused{"POST", "/v1/policy/answers", R"({"id":7,"answer":"once","rule":"*"})", false, 400},
                    Refused{"POST", "/v1/stop", R"({"timeout_seconds":-1})", false, 400},
                    Refused{"POST", "/v1/stop", R"({"timeout_seconds":1,"timeout_seconds":2})", false, 400}));

TEST(Api, A405NamesWhatIsAllowed) {
  EXPECT_EQ(ask("DELETE", "/v1/stop").answer.allow, "POST");
}

// The paths and methods below "paths:" of the document, by its indentation.
std::vector<std::string> documented_routes(const std::string& yaml) {
  std::vector<std::string> routes;
  std::string path;
  bool in_paths = false;
  for (const std::string& line : base::split(yaml, '\n')) {
    if (!line.empty() && line[0] != ' ') in_paths = line == "paths:";
    if (!in_paths) continue;
    if (line.starts_with("  /")) path = line.substr(2, line.size() - 3);
    for (const auto& [word, method] :
         {std::pair("    get:", "GET"), std::pair("    post:", "POST"), std::pair("    put:", "PUT"),
          std::pair("    delete:", "DELETE"), std::pair("    patch:", "PATCH")}) {
      if (line == word) routes.push_back(std::string(method) + " " + path);
    }
  }
  return routes;
}

TEST(Api, TheDocumentHasItsRoutesAndNoOthers) {
  const std::string yaml = base::read_file(CAISSON_OPENAPI);
  std::vector<std::string> routes;
  for (const Route& route : api_routes()) routes.push_back(std::string(route.method) + " " + route.path);
  EXPECT_THAT(documented_routes(yaml), testing::UnorderedElementsAreArray(routes));
}

// --- the transport

class ServerTest : public testing::Test {
 protected:
  ServerTest() : server_(io_.get_executor(), control_), work_(io_.get_executor()) {
    path_ = folder_ / ("a" + std::string(120, 'x') + "/api.sock");
    server_.listen(path_);
    thread_ = std::thread([this] { io_.run(); });
  }
  ~ServerTest() override {
    asio::post(io_, [this] { server_.close(); });
    work_.reset();
    io_.stop();
    thread_.join();
  }

  Client connect() {
    Sandbox sandbox;
    sandbox.name = "fake";
    sandbox.socket = path_;
    sandbox.state.status = Status::kRunning;
    return Client::connect(sandbox);
  }
  // A connection that a test writes to by hand.
  base::Fd raw() {
    base::FdPair ends = base::make_socketpair();
    auto other = std::make_shared<base::Fd>(std::move(ends.second));
    asio::post(io_, [this, other] { server_.serve_first(std::move(*other), [this] { gone_ = true; }); });
    return std::move(ends.first);
  }
  static std::string answer_to(const base::Fd& connection, const std::string& text) {
    base::write_all(connection.get(), {text.data(), text.size()}, "server");
    ::shutdown(connection.get(), SHUT_WR);
    std::string answered;
    char buffer[4096];
    // Bytes that the server did not want to read make the end a reset.
    for (ssize_t count = 0; (count = ::read(connection.get(), buffer, sizeof buffer)) > 0;)
      answered.append(buffer, static_cast<size_t>(count));
    return answered;
  }

  base::TempFolder folder_;
  FakeControl control_;
  asio::io_context io_{1};
  Server server_;
  asio::executor_work_guard<asio::any_io_executor> work_;
  std::string path_;
  std::atomic<bool> gone_ = false;
  std::thread thread_;
};

TEST_F(ServerTest, AConnectionTakesOneRequestAfterTheOther) {
  Client client = connect();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(client.request("GET", "/v1/sandbox")["name"], "fake");
  EXPECT_THROW(client.request("GET", "/nowhere"), ApiError);
  EXPECT_EQ(client.request("GET", "/v1/sandbox")["name"], "fake");
}

TEST_F(ServerTest, AnUpgradeKeepsWhatCameTooEarly) {
  const std::string text =
      "POST /v1/attach HTTP/1.1\r\nHost: k\r\nConnection: Upgrade\r\nUpgrade: caisson-stream\r\n\r\nearly";
  const std::string answered = answer_to(raw(), text);
  EXPECT_THAT(answered, StartsWith("HTTP/1.1 101 Switching Protocols\r\n"));
  EXPECT_TRUE(answered.ends_with("\r\n\r\nearly")) << answered;
}

TEST_F(ServerTest, PipelinedRequestsAreAnswered) {
  const std::string one = "GET /v1/ready HTTP/1.1\r\nHost: k\r\n\r\n";
  const std::string answered = answer_to(raw(), one + one);
  EXPECT_EQ(answered.find("HTTP/1.1 200"), 0U);
  EXPECT_NE(answered.find("HTTP/1.1 200", 10), std::string::npos);
}

TEST_F(ServerTest, WhatIsTooLargeOrNoHttpIsRefused) {
  EXPECT_THAT(answer_to(raw(), "GET / HTTP/1.1\r\nA: " + std::string(17000, 'a') + "\r\n\r\n"),
              StartsWith("HTTP/1.1 431 "));
  EXPECT_THAT(answer_to(raw(), "POST /v1/exec HTTP/1.1\r\nHost: k\r\nContent-Length: 1048577\r\n\r\n"),
              StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(answer_to(raw(), "nonsense\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(answer_to(raw(), "GET / HTTP/9.9\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
  // Cut off in the middle: nothing to answer, and the next one is served.
  EXPECT_EQ(answer_to(raw(), "GET /v1/rea"), "");
  EXPECT_EQ(connect().request("GET", "/v1/sandbox")["name"], "fake");
}

TEST_F(ServerTest, TheFirstConnectionsEndIsNoticed) {
  { const base::Fd connection = raw(); }
  while (!gone_) connect().request("GET", "/v1/sandbox");
}

TEST_F(ServerTest, OnlyThisUserCanEnterTheFolder) {
  struct stat info {};
  ASSERT_EQ(::stat(path_.substr(0, path_.rfind('/')).c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700U);
}

TEST_F(ServerTest, MoreThan64ConnectionsWait) {
  std::vector<Client> clients;
  for (int i = 0; i < 64; ++i) {
    clients.push_back(connect());
    clients.back().request("GET", "/v1/sandbox");
  }
  Client waiting = connect();
  EXPECT_THROW(waiting.request("GET", "/v1/sandbox", {}, std::chrono::milliseconds(100)), ApiError);
  clients.clear();
  EXPECT_EQ(connect().request("GET", "/v1/sandbox")["name"], "fake");
}

}  // namespace
}  // namespace caisson::keeper
