// SPDX-License-Identifier: Apache-2.0

// Sockets in 127.0.0.0/8: one with a port of its own, and one that does not answer. For tests alone.
#pragma once

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdint>
#include <vector>

#include "base/fd.h"
#include "gate/address.h"

namespace caisson::gate {

// Over TCP nobody is taken before listen(2).
struct LoopbackSocket {
  explicit LoopbackSocket(int type = SOCK_STREAM) : fd(::socket(AF_INET, type | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(::bind(fd.get(), generic, size), 0);
    EXPECT_EQ(::getsockname(fd.get(), generic, &size), 0);
    port = ntohs(address.sin_port);
  }

  base::Fd fd;
  uint16_t port = 0;
};

inline sockaddr_in place_of(const IpAddress& address, uint16_t port) {
  sockaddr_in place{};
  place.sin_family = AF_INET;
  place.sin_addr.s_addr = htonl(address.v4_host_order());
  place.sin_port = htons(port);
  return place;
}

// An address whose queue of connections is full: what is asked of it is dropped, as by a host that is not there.
struct BlackHole {
  BlackHole(const IpAddress& at, uint16_t port)
      : address(at), listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const sockaddr_in place = place_of(at, port);
    const auto* generic = reinterpret_cast<const sockaddr*>(&place);
    EXPECT_EQ(::bind(listener.get(), generic, sizeof place), 0);
    EXPECT_EQ(::listen(listener.get(), 0), 0);
    // The queue holds one.
    for (int i = 0; i < 4; ++i) {
      waiting.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
      EXPECT_TRUE(::connect(waiting.back().get(), generic, sizeof place) == 0 || errno == EINPROGRESS);
    }
  }

  IpAddress address;
  base::Fd listener;
  std::vector<base::Fd> waiting;
};

}  // namespace caisson::gate
