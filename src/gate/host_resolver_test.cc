// SPDX-License-Identifier: Apache-2.0

#include "gate/host_resolver.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <thread>

#include "gate/dns.h"
#include "gate/loopback_for_test.h"

namespace caisson::gate {
namespace {

// A name server with one answer: over datagrams that it is too long, over TCP the whole.
class LongAnswerServer {
 public:
  explicit LongAnswerServer(size_t data_bytes) : data_bytes_(data_bytes) {
    sockaddr_in here = address();
    // Both have one number. Another program may have the one that the kernel chose for TCP.
    while (::bind(datagrams_.get(), reinterpret_cast<sockaddr*>(&here), sizeof here) != 0) {
      tcp_ = LoopbackSocket();
      here = address();
    }
    EXPECT_EQ(::listen(tcp_.fd.get(), 8), 0);
    thread_ = std::thread([this] { serve(); });
  }
  ~LongAnswerServer() {
    done_ = true;
    ::shutdown(tcp_.fd.get(), SHUT_RDWR);
    thread_.join();
  }

  sockaddr_in address() const {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    at.sin_port = htons(tcp_.port);
    return at;
  }
  // To this query, with one record of data behind the question.
  std::string answer(const std::string& query) const {
    std::string text = query;
    text[2] = static_cast<char>(0x81);
    text[3] = static_cast<char>(0x80);
    text[7] = 1;
    text += std::string("\xc0\x0c\0\x10\0\1\0\0\0\1", 10);
    text += {static_cast<char>(data_bytes_ >> 8), static_cast<char>(data_bytes_)};
    for (size_t i = 0; i < data_bytes_; ++i) text += static_cast<char>('a' + i % 23);
    return text;
  }

 private:
  void serve() {
    while (!done_) {
      std::array<pollfd, 2> ready{{{datagrams_.get(), POLLIN, 0}, {tcp_.fd.get(), POLLIN, 0}}};
      ::poll(ready.data(), ready.size(), -1);
      if (ready[0].revents != 0) answer_datagram();
      if (ready[1].revents != 0) answer_connection();
    }
  }
  void answer_datagram() const {
    std::array<char, 512> query{};
    sockaddr_in from{};
    socklen_t size = sizeof from;
    auto* peer = reinterpret_cast<sockaddr*>(&from);
    const ssize_t got = ::recvfrom(datagrams_.get(), query.data(), query.size(), 0, peer, &size);
    if (got < 12) return;
    query[2] = static_cast<char>(0x83);  // an answer that is cut off, of a server that asks others
    query[3] = static_cast<char>(0x80);
    ::sendto(datagrams_.get(), query.data(), static_cast<size_t>(got), 0, peer, size);
  }
  void answer_connection() const {
    const base::Fd connection(::accept4(tcp_.fd.get(), nullptr, nullptr, SOCK_CLOEXEC));
    std::array<char, 514> query{};
    const ssize_t got = connection ? ::recv(connection.get(), query.data(), query.size(), 0) : 0;
    if (got <= 2) return;
    const std::string text = answer(std::string(query.data() + 2, static_cast<size_t>(got) - 2));
    const std::string framed = std::string{static_cast<char>(text.size() >> 8), static_cast<char>(text.size())} + text;
    EXPECT_EQ(::send(connection.get(), framed.data(), framed.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(framed.size()));
  }

  size_t data_bytes_;
  LoopbackSocket tcp_;
  base::Fd datagrams_{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  std::atomic<bool> done_ = false;
  std::thread thread_;
};

TEST(HostResolverTest, AnswersOfAnySizeAreWhole) {
  const std::string query("\x12\x34\1\0\0\1\0\0\0\0\0\0\7example\3com\0\0\x10\0\1", 29);
  for (const size_t bytes : {size_t{100}, kMaxDnsBytes, size_t{20000}, kMaxTcpAnswerBytes - query.size() - 12}) {
    const LongAnswerServer server(bytes);
    const sockaddr_in address = server.address();
    const std::string answer = ask_name_server(query, &address);
    EXPECT_EQ(answer.size(), query.size() + 12 + bytes);
    EXPECT_TRUE(answer == server.answer(query)) << bytes;
  }
}

TEST(HostResolverTest, ManyWhoAskForOneNameShareALookUp) {
  asio::io_context io;
  HostResolver resolver(io.get_executor());
  constexpr size_t kAsking = 3 * HostResolver::kMostWaiting;
  size_t found = 0;
  for (size_t i = 0; i < kAsking; ++i) {
    auto ask = [&]() -> asio::awaitable<void> {
      const Resolved resolved = co_await resolver.resolve("localhost");
      if (!resolved.addresses.empty()) ++found;
    };
    asio::co_spawn(io, ask, asio::detached);
  }
  io.run();
  EXPECT_EQ(found, kAsking);
  // The next one is a look-up of its own.
  asio::co_spawn(
      io, [&]() -> asio::awaitable<void> { found = (co_await resolver.resolve("localhost")).addresses.size(); },
      asio::detached);
  io.restart();
  io.run();
  EXPECT_GE(found, 1U);
  EXPECT_LE(found, HostResolver::kMostAddresses);
}

}  // namespace
}  // namespace caisson::gate
