// SPDX-License-Identifier: Apache-2.0

// A state folder of the test's own, and a keeper in a thread of the test's process over the fake engine. The test is
// the client, with the same blocking Client that the CLI has.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <future>
#include <thread>

#include "base/error.h"
#include "base/temp_folder_for_test.h"
#include "keeper/client.h"
#include "keeper/life.h"
#include "keeper/testing/fake_engine.h"
#include "link/message.h"

namespace caisson::keeper {

struct StateFolder {
  base::TempFolder folder;
  base::ScopedEnvironment data{"XDG_DATA_HOME", folder.path().c_str()};
  base::ScopedEnvironment cache{"XDG_CACHE_HOME", folder.path().c_str()};
  base::ScopedEnvironment runtime{"XDG_RUNTIME_DIR", folder.path().c_str()};
};

inline spec::SandboxSpec spec_of(const std::string& name, std::vector<std::string> argv) {
  spec::SandboxSpec spec;
  spec.name = name;
  spec.engine = "fake";
  spec.command.argv = std::move(argv);
  return spec;
}

inline Claim make_sandbox(const spec::SandboxSpec& spec) {
  FakeGuest unused;
  NewSandbox made(spec.name);
  return std::move(made).commit(FakeEngine(unused).plan(spec));
}

// What a test reads from an upgraded connection.
struct Frame {
  link::ExecFrame type{};
  std::string payload;
};

class FrameConnection {
 public:
  explicit FrameConnection(Upgraded upgraded)
      : connection_(std::move(upgraded.connection)), received_(std::move(upgraded.early_bytes)) {}

  // Nothing at the end of the connection.
  std::optional<Frame> next() {
    if (!fill(link::kExecHeaderBytes)) return std::nullopt;
    const auto* bytes = reinterpret_cast<const uint8_t*>(received_.data());
    const auto header =
        link::decode_exec_header(std::span<const uint8_t, link::kExecHeaderBytes>(bytes, link::kExecHeaderBytes));
    if (!fill(link::kExecHeaderBytes + header.length)) return std::nullopt;
    Frame frame{header.type, received_.substr(link::kExecHeaderBytes, header.length)};
    received_.erase(0, link::kExecHeaderBytes + header.length);
    return frame;
  }
  // The next frame must be of that type.
  std::string expect(link::ExecFrame type) {
    const std::optional<Frame> frame = next();
    EXPECT_TRUE(frame.has_value()) << "the connection ended";
    if (!frame) return {};
    EXPECT_EQ(static_cast<int>(frame->type), static_cast<int>(type)) << frame->payload;
    return frame->payload;
  }
  KeeperExit expect_exit() { return exit_from_json(base::parse_json_object(expect(link::ExecFrame::kExit), "exit")); }
  base::Json expect_error() { return base::parse_json_object(expect(link::ExecFrame::kError), "error"); }
  void send(link::ExecFrame type, const std::string& payload) {
    const std::vector<uint8_t> frame = make_frame(type, std::string_view(payload));
    base::write_all(connection_.get(), {reinterpret_cast<const char*>(frame.data()), frame.size()}, "keeper");
  }
  std::string read_to_end() {
    while (fill(received_.size() + 1)) {
    }
    return received_;
  }
  void send_raw(const std::string& text) { base::write_all(connection_.get(), {text.data(), text.size()}, "keeper"); }
  // All of it again and again, until the other end takes no more for good.
  void send_until_refused(const std::string& text) {
    while (::send(connection_.get(), text.data(), text.size(), MSG_NOSIGNAL) > 0) {
    }
  }
  // That came, or the connection's end.
  bool has_bytes() {
    char byte = 0;
    return !received_.empty() || ::recv(connection_.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0;
  }
  void shutdown_write() { ::shutdown(connection_.get(), SHUT_WR); }
  void close() { connection_.reset(); }

 private:
  bool fill(size_t size) {
    while (received_.size() < size) {
      char buffer[65536];
      const ssize_t count = ::read(connection_.get(), buffer, sizeof buffer);
      if (count <= 0) return false;
      received_.append(buffer, static_cast<size_t>(count));
    }
    return true;
  }
  base::Fd connection_;
  std::string received_;
};

struct KeeperOptions {
  bool wait_for_attach = true;
  bool end_with_client = false;
  bool stays = false;
  std::chrono::seconds start_limit{60};
  link::Patience patience = {};
  std::string share_program = {};
};

class RunningKeeper {
 public:
  explicit RunningKeeper(const spec::SandboxSpec& spec, KeeperOptions options = {}, FakeGuest played = {})
      : RunningKeeper(make_sandbox(spec), options, std::move(played)) {}
  RunningKeeper(Claim claim, KeeperOptions options, FakeGuest played) : guest(std::move(played)), engine_(guest) {
    name_ = claim.folder.substr(claim.folder.rfind('/') + 1);
    base::FdPair api = base::make_socketpair();
    first_ = std::move(api.first);
    LifeOptions life;
    life.folder = claim.folder;
    life.lock = base::Fd(::fcntl(claim.lock.fd(), F_DUPFD_CLOEXEC, 0));
    life.first_connection = std::move(api.second);
    life.wait_for_attach = options.wait_for_attach;
    life.end_with_client = options.end_with_client;
    life.stays = options.stays;
    life.start_limit = options.start_limit;
    life.patience = options.patience;
    life.share_program = options.share_program;
    life_ = std::make_shared<Life>(io_.get_executor(), engine_, std::move(life));
    asio::co_spawn(io_, life_->run(), [this](const std::exception_ptr&) { io_.stop(); });
  }
  // Ends what still runs, as a keeper's process would, so that the sanitizers see what a keeper leaves behind.
  ~RunningKeeper() {
    first_.reset();
    if (!ended_) {
      asio::post(io_, [this] { life_->request_stop(std::chrono::seconds(0), "the test is over"); });
      if (!thread_.joinable()) start();
      thread_.join();
    }
    io_.restart();
    settle();
  }

  // The loop runs in a thread from here on. Before that a test can drive it by hand.
  RunningKeeper& start() {
    thread_ = std::thread([this] { io_.run(); });
    return *this;
  }
  // Runs what is ready to run; returns when nothing is.
  void settle() {
    while (io_.poll() != 0) {
    }
  }
  // The keeper's process would have ended.
  void join() {
    thread_.join();
    ended_ = true;
  }
  // In the loop's thread.
  template <typename Function>
  auto in_loop(Function function) {
    std::packaged_task<decltype(function())()> task(std::move(function));
    auto result = task.get_future();
    asio::post(io_, [&task] { task(); });
    return result.get();
  }

  // So much of the loop's time: what it has set for less until now is due.
  void pass(std::chrono::milliseconds time) {
    std::promise<void> due;
    asio::steady_timer timer(io_, time);
    timer.async_wait([&due](boost::system::error_code) { due.set_value(); });
    due.get_future().get();
  }

  Client first() { return Client(std::move(first_)); }
  FrameConnection attach() { return FrameConnection(first().upgrade("POST", "/v1/attach")); }
  void drop_first() { first_.reset(); }
  int first_fd() const { return first_.get(); }
  base::Fd take_first() { return std::move(first_); }
  Client another() { return Client::connect(read_sandbox(name_)); }
  FrameConnection exec(std::vector<std::string> argv) {
    link::ExecRequest request;
    request.argv = std::move(argv);
    request.keep_stdin = true;
    return FrameConnection(another().upgrade("POST", "/v1/exec", to_json(request)));
  }
  Life& life() { return *life_; }

  FakeGuest guest;

 private:
  FakeEngine engine_;
  asio::io_context io_{1};
  std::string name_;
  base::Fd first_;
  std::shared_ptr<Life> life_;
  std::thread thread_;
  bool ended_ = false;
};

// The names in the sandboxes' folder, hidden ones too, but for the lock.
inline std::vector<std::string> names_in_state_folder() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(sandboxes_folder())) {
    const std::string name = entry.path().filename().string();
    if (name != ".lock") names.push_back(name);
  }
  return names;
}

}  // namespace caisson::keeper
