// SPDX-License-Identifier: Apache-2.0

// A socket on 127.0.0.1 with a port of its own. For tests alone.
#pragma once

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>

#include "base/fd.h"

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

}  // namespace caisson::gate
