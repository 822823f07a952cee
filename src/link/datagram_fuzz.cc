// SPDX-License-Identifier: Apache-2.0

// Datagrams on a stream of the link: what is read of any bytes is these bytes, cut at the lengths that they say.

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdlib>
#include <string>

#include "base/error.h"
#include "link/datagram.h"

namespace caisson::link {
namespace {

constexpr size_t kMostBytes = 200'000;  // less than a window: nothing waits for the reader

asio::awaitable<void> write_all(StreamPtr stream, std::span<const uint8_t> bytes) {
  if (!bytes.empty()) co_await stream->write(bytes);
  co_await stream->close_write();
}

asio::awaitable<void> check(Session& from, Session& to, std::span<const uint8_t> bytes) {
  const StreamPtr out = co_await from.open();
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  asio::co_spawn(executor, write_all(out, bytes), asio::detached);
  const StreamPtr in = co_await to.accept();
  std::string read;
  bool whole = false;
  try {
    for (;;) {
      const auto datagram = co_await read_datagram(*in);
      whole = !datagram;
      if (whole) break;
      read += static_cast<char>(datagram->size() >> 8);
      read += static_cast<char>(datagram->size() & 0xff);
      read.append(datagram->begin(), datagram->end());
    }
  } catch (const base::Error&) {
    // It ended inside of one.
  }
  const std::string_view all(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (!all.starts_with(read) || (whole && read.size() != all.size())) std::abort();
}

}  // namespace
}  // namespace caisson::link

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace caisson::link;
  asio::io_context io;
  caisson::base::FdPair ends = caisson::base::make_socketpair();
  Session a(io.get_executor(), descriptor_transport(io.get_executor(), std::move(ends.first)), Role::kClient);
  Session b(io.get_executor(), descriptor_transport(io.get_executor(), std::move(ends.second)), Role::kServer);
  asio::co_spawn(io, a.run(), asio::detached);
  asio::co_spawn(io, b.run(), asio::detached);
  asio::co_spawn(io, check(a, b, {data, std::min(size, kMostBytes)}), [&](const std::exception_ptr& failure) {
    if (failure) std::abort();
    io.stop();
  });
  io.run();
  return 0;
}
