// SPDX-License-Identifier: Apache-2.0

// What the link's tests share: an event loop that fails a test which hangs, two sessions joined by a socket pair, and a
// raw other end that sends whatever frames it likes.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <exception>
#include <functional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "link/frame.h"
#include "link/session.h"

namespace caisson::link {

using Task = asio::awaitable<void>;

class Loop {
 public:
  asio::any_io_executor executor() { return context_.get_executor(); }
  asio::io_context& context() { return context_; }

  // Runs all the tasks until each has ended; what one throws fails the test.
  void run(std::vector<std::function<Task()>> tasks) {
    size_t left = tasks.size();
    for (auto& task : tasks) {
      // The task lives here, longer than its coroutine: lambdas may have captures.
      asio::co_spawn(context_, task(), [&left, this](std::exception_ptr failure) {
        if (failure) report(failure);
        if (--left == 0) context_.stop();
      });
    }
    context_.restart();
    context_.run_for(std::chrono::seconds(60));
    ASSERT_EQ(left, 0U) << "a task hangs";
  }

  void spawn(Task task) { asio::co_spawn(context_, std::move(task), asio::detached); }
  // Lets everything happen that is ready to.
  void settle() {
    context_.restart();
    context_.poll();
  }

 private:
  static void report(const std::exception_ptr& failure) {
    try {
      std::rethrow_exception(failure);
    } catch (const std::exception& error) {
      ADD_FAILURE() << "a task threw: " << error.what();
    }
  }
  asio::io_context context_;
};

// A session whose run() is under way and whose reason can be looked at.
struct RunningSession {
  RunningSession(Loop& loop, base::Fd fd, Role role, Limits limits = {})
      : session(loop.executor(), descriptor_transport(loop.executor(), std::move(fd)), role, limits) {
    loop.spawn(run(this));
  }
  static Task run(RunningSession* self) {
    self->reason = co_await self->session.run();
    self->returned = true;
  }

  Session session;
  std::string reason;
  bool returned = false;
};

struct SessionPair {
  explicit SessionPair(Loop& loop, Limits limits = {}, base::FdPair ends = base::make_socketpair())
      : a(loop, std::move(ends.first), Role::kClient, limits), b(loop, std::move(ends.second), Role::kServer, limits) {}

  RunningSession a;
  RunningSession b;
};

// The text of the base::Error that `call` throws, or "" where it does not.
inline asio::awaitable<std::string> error_of(std::function<Task()> call) {
  try {
    co_await call();
  } catch (const base::Error& error) {
    co_return error.problem();
  }
  co_return "";
}

inline std::vector<uint8_t> pattern(size_t size, uint32_t seed = 1) {
  std::vector<uint8_t> bytes(size);
  for (uint8_t& byte : bytes) {
    seed = seed * 1664525 + 1013904223;
    byte = static_cast<uint8_t>(seed >> 24);
  }
  return bytes;
}

}  // namespace caisson::link
