// SPDX-License-Identifier: Apache-2.0

#include "guest/accepting.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <chrono>

#include "base/error.h"

namespace caisson::guest {
namespace {

using namespace std::chrono_literals;

TEST(AcceptForEver, EachConnectionIsTaken) {
  base::Fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  ASSERT_EQ(::bind(listener.get(), any, size), 0);
  ASSERT_EQ(::listen(listener.get(), 8), 0);
  ASSERT_EQ(::getsockname(listener.get(), any, &size), 0);
  asio::io_context context(1);
  int taken = 0;
  asio::co_spawn(context, accept_for_ever(context.get_executor(), std::move(listener), [&](base::Fd) { ++taken; }),
                 asio::detached);
  context.poll();
  const base::Fd first(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const base::Fd second(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::connect(first.get(), any, size), 0);
  ASSERT_EQ(::connect(second.get(), any, size), 0);
  while (taken < 2 && context.run_one_for(10s) > 0) {
  }
  EXPECT_EQ(taken, 2);
}

// This would never return from accept_for_ever().
TEST(AcceptForEver, AnErrorThatStaysDoesNotKeepTheLoopFromTheRest) {
  base::FdPair no_socket = base::make_pipe();  // ENOTSOCK
  asio::io_context context(1);
  asio::co_spawn(context, accept_for_ever(context.get_executor(), std::move(no_socket.first), [](base::Fd) {}),
                 asio::detached);
  bool reached = false;
  asio::post(context, [&] { reached = true; });
  context.poll();
  EXPECT_TRUE(reached);
}

}  // namespace
}  // namespace caisson::guest
