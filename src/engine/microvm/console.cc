// SPDX-License-Identifier: Apache-2.0

#include "engine/microvm/console.h"

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <optional>

#include "base/error.h"
#include "base/rotated_file.h"

namespace caisson::engine::microvm {
namespace {

namespace asio = boost::asio;

asio::awaitable<void> pump(asio::any_io_executor executor, base::Fd console, std::string path) {
  asio::posix::stream_descriptor input(executor, console.release());
  std::optional<base::RotatedFile> file;
  try {
    file.emplace(path, kMaxConsoleBytes);
  } catch (const base::Error&) {
    // Read all the same: a guest whose console is full waits.
  }
  std::array<char, 4096> buffer;
  while (true) {
    boost::system::error_code error;
    const size_t got =
        co_await input.async_read_some(asio::buffer(buffer), asio::redirect_error(asio::use_awaitable, error));
    if (error) co_return;
    if (file) file->append({buffer.data(), got});
  }
}

}  // namespace

void keep_console(asio::any_io_executor executor, base::Fd console, std::string path) {
  base::set_nonblocking(console.get(), true);
  asio::co_spawn(executor, pump(executor, std::move(console), std::move(path)), asio::detached);
}

}  // namespace caisson::engine::microvm
