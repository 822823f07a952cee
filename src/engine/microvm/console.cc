// SPDX-License-Identifier: Apache-2.0

#include "engine/microvm/console.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdio>

#include "base/error.h"

namespace caisson::engine::microvm {
namespace {

namespace asio = boost::asio;

// Appends and rotates; gives up quietly, since a lost console must not hurt the sandbox.
class ConsoleFile {
 public:
  explicit ConsoleFile(std::string path) : path_(std::move(path)) { open(); }

  void append(std::span<const char> bytes) {
    if (!file_) return;
    try {
      base::write_all(file_.get(), bytes, path_);
    } catch (const base::Error&) {
      file_.reset();
      return;
    }
    size_ += bytes.size();
    if (size_ < kMaxConsoleBytes) return;
    file_.reset();
    if (::rename(path_.c_str(), (path_ + ".1").c_str()) == 0) open();
  }

 private:
  void open() {
    file_.reset(::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
    const off_t end = file_ ? ::lseek(file_.get(), 0, SEEK_END) : 0;
    size_ = end > 0 ? static_cast<size_t>(end) : 0;
  }

  std::string path_;
  base::Fd file_;
  size_t size_ = 0;
};

asio::awaitable<void> pump(asio::any_io_executor executor, base::Fd console, std::string path) {
  asio::posix::stream_descriptor input(executor, console.release());
  ConsoleFile file(std::move(path));
  std::array<char, 4096> buffer;
  while (true) {
    boost::system::error_code error;
    const size_t got =
        co_await input.async_read_some(asio::buffer(buffer), asio::redirect_error(asio::use_awaitable, error));
    if (error) co_return;
    file.append({buffer.data(), got});
  }
}

}  // namespace

void keep_console(asio::any_io_executor executor, base::Fd console, std::string path) {
  base::set_nonblocking(console.get(), true);
  asio::co_spawn(executor, pump(executor, std::move(console), std::move(path)), asio::detached);
}

}  // namespace caisson::engine::microvm
