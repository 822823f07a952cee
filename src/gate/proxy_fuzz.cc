// SPDX-License-Identifier: Apache-2.0

// What a proxy answers to CONNECT: of all its bytes only heads are taken, and a tunnel begins right behind one.

#include <sys/socket.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdlib>

#include "gate/proxy.h"

namespace caisson::gate {
namespace {

constexpr size_t kMostBytes = 100'000;  // a socket takes so much at once

void require(bool holds) {
  if (!holds) std::abort();
}

void check(std::string_view answer) {
  asio::io_context io;
  base::FdPair ends = base::make_socketpair();
  const auto socket = std::make_shared<link::Descriptor>(io.get_executor(), std::move(ends.first));
  base::write_all(ends.second.get(), answer, "the gate");
  ::shutdown(ends.second.get(), SHUT_WR);
  bool tunnel = false;
  asio::co_spawn(io, ask_proxy(socket, "CONNECT", std::chrono::minutes(1)), [&](const std::exception_ptr& failure) {
    tunnel = failure == nullptr;
    io.stop();
  });
  io.run();
  if (!tunnel) return;
  std::string left(answer.size() + 1, '\0');
  const ssize_t count = ::recv(socket->get(), left.data(), left.size(), MSG_DONTWAIT);
  require(count >= 0 && answer.ends_with(std::string_view(left).substr(0, static_cast<size_t>(count))));
  const std::string_view heads = answer.substr(0, answer.size() - static_cast<size_t>(count));
  require(heads.ends_with("\r\n\r\n") && heads.starts_with("HTTP/1."));
}

}  // namespace
}  // namespace caisson::gate

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace caisson::gate;
  check({reinterpret_cast<const char*>(data), std::min(size, kMostBytes)});
  return 0;
}
