// SPDX-License-Identifier: Apache-2.0

#include "cli/ending.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <thread>

#include "base/fd.h"
#include "base/temp_folder_for_test.h"
#include "keeper/client.h"

namespace caisson::cli {
namespace {

// A keeper that reads one request and answers it.
class AnsweringKeeper {
 public:
  AnsweringKeeper(const std::string& path, std::string answer) : answer_(std::move(answer)) {
    listener_ = base::Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(listener_.get(), 1), 0);
    serving_ = std::thread([this] { serve(); });
  }
  ~AnsweringKeeper() { serving_.join(); }
  AnsweringKeeper(const AnsweringKeeper&) = delete;

 private:
  void serve() {
    const base::Fd client(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    std::array<char, 4096> request;
    EXPECT_GT(::recv(client.get(), request.data(), request.size(), 0), 0);
    EXPECT_EQ(::send(client.get(), answer_.data(), answer_.size(), MSG_NOSIGNAL), static_cast<ssize_t>(answer_.size()));
  }

  std::string answer_;
  base::Fd listener_;
  std::thread serving_;
};

class StopSandbox : public testing::Test {
 protected:
  StopSandbox() {
    sandbox_.name = "web";
    sandbox_.folder = folder_.path();  // nobody holds its lock: killing its keeper has nothing to do
    sandbox_.socket = folder_ / "api.sock";
    sandbox_.state.status = keeper::Status::kRunning;
  }
  static std::string refusal() {
    const std::string body = R"({"error":"it is busy","hint":"","exit_code":125})";
    return "HTTP/1.1 400 Bad Request\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  }

  base::TempFolder folder_;
  keeper::Sandbox sandbox_;
};

TEST_F(StopSandbox, AKeeperThatRefusesIsHeardAndLives) {
  const AnsweringKeeper keeper(sandbox_.socket, refusal());
  try {
    stop_sandbox(sandbox_, std::chrono::seconds(1));
    FAIL() << "it was killed";
  } catch (const keeper::ApiError& error) {
    EXPECT_EQ(error.problem(), "it is busy");
  }
}

TEST_F(StopSandbox, AtOnceItIsKilledWhateverItsKeeperSays) {
  const AnsweringKeeper keeper(sandbox_.socket, refusal());
  EXPECT_NO_THROW(stop_sandbox(sandbox_, std::chrono::seconds(0)));
}

// A keeper that takes no connection from its queue, which is full.
TEST_F(StopSandbox, AKeeperThatHangsIsKilledAndSaidToHang) {
  const base::Fd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  sandbox_.socket.copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(listener.get(), 0), 0);
  keeper::Client waits = keeper::Client::connect(sandbox_);
  try {
    keeper::Client::connect(sandbox_);
    FAIL() << "there was room for another";
  } catch (const keeper::ApiError& error) {
    EXPECT_STREQ(error.what(), "the keeper of 'web' does not answer (`caisson rm --force web` ends and removes it)");
  }
  try {
    waits.request("GET", "/v1/sandbox", {}, std::chrono::milliseconds(1));
    FAIL() << "it answered";
  } catch (const keeper::ApiError& error) {
    EXPECT_EQ(error.hint(), "`caisson rm --force NAME` ends and removes it");
  }
  EXPECT_NO_THROW(stop_sandbox(sandbox_, std::chrono::seconds(0)));
}

TEST_F(StopSandbox, AKeeperThatHasGoneIsNoError) {
  EXPECT_NO_THROW(stop_sandbox(sandbox_, std::chrono::seconds(1)));
}

TEST_F(StopSandbox, AKeeperThatEndsWithoutAnAnswerIsNoError) {
  const AnsweringKeeper keeper(sandbox_.socket, "");
  EXPECT_NO_THROW(stop_sandbox(sandbox_, std::chrono::seconds(1)));
}

}  // namespace
}  // namespace caisson::cli
