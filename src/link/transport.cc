// SPDX-License-Identifier: Apache-2.0

#include "link/transport.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstring>

#include "base/error.h"

namespace caisson::link {

size_t Transport::try_read(std::span<uint8_t>) {
  return 0;
}

size_t Transport::try_write(std::span<const iovec>) {
  return 0;
}

namespace {

enum class Kind { kSocket, kPipe, kDevice };

Kind kind_of(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) throw base::system_error("cannot use descriptor", std::to_string(fd));
  if (S_ISSOCK(status.st_mode)) return Kind::kSocket;
  return S_ISFIFO(status.st_mode) ? Kind::kPipe : Kind::kDevice;
}

// One descriptor that is written to without waiting.
//
// A device without write_iter (the virtio port is one) takes each part of a writev as a write of its own, and each
// write of a virtio port is a notification of the host: a 12-byte header would cost as much as its 32 KiB of payload.
// So for devices the parts are put together first, up to the 32 KiB that one write of a virtio port takes
// (virtio_console.c, port_fops_write).
class Sink {
 public:
  explicit Sink(int fd) : fd_(fd), kind_(kind_of(fd)) {
    if (kind_ == Kind::kDevice) together_ = std::make_unique<uint8_t[]>(kDeviceWriteBytes);
  }

  size_t try_write(std::span<const iovec> parts) {
    while (true) {
      const ssize_t put = write_once(parts);
      if (put >= 0) return static_cast<size_t>(put);
      if (errno == EAGAIN) return 0;
      if (errno != EINTR) throw base::system_error("cannot write to", "the link");
    }
  }

 private:
  static constexpr size_t kDeviceWriteBytes = 32U << 10;

  ssize_t write_once(std::span<const iovec> parts) {
    if (kind_ == Kind::kSocket) {
      msghdr message{};
      message.msg_iov = const_cast<iovec*>(parts.data());
      message.msg_iovlen = parts.size();
      return ::sendmsg(fd_, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    if (kind_ == Kind::kPipe || parts.size() == 1) return ::writev(fd_, parts.data(), static_cast<int>(parts.size()));
    size_t size = 0;
    for (const iovec& part : parts) {
      const size_t taken = std::min(part.iov_len, kDeviceWriteBytes - size);
      std::memcpy(together_.get() + size, part.iov_base, taken);
      size += taken;
    }
    return ::write(fd_, together_.get(), size);
  }

  int fd_;
  Kind kind_;
  std::unique_ptr<uint8_t[]> together_;
};

base::Error failure(const char* doing, const boost::system::error_code& error) {
  if (error == asio::error::operation_aborted) return base::Error("the link was closed here", {}, ECANCELED);
  return base::system_error(doing, "the link", error.value());
}

asio::awaitable<size_t> read_from(asio::posix::stream_descriptor& source, std::span<uint8_t> into) {
  boost::system::error_code error;
  const asio::mutable_buffer buffer(into.data(), into.size());
  auto token = asio::redirect_error(asio::use_awaitable, error);
  const size_t got = co_await source.async_read_some(buffer, token);
  if (error == asio::error::eof) co_return 0;
  if (error) throw failure("cannot read from", error);
  co_return got;
}

size_t read_now(asio::posix::stream_descriptor& source, std::span<uint8_t> into) {
  if (!source.is_open()) return 0;
  const ssize_t got = ::read(source.native_handle(), into.data(), into.size());
  return got > 0 ? static_cast<size_t>(got) : 0;
}

asio::awaitable<void> write_to(asio::posix::stream_descriptor& target, Sink& sink, std::span<const uint8_t> from) {
  while (!from.empty()) {
    const iovec part{const_cast<uint8_t*>(from.data()), from.size()};
    const size_t put = sink.try_write(std::span(&part, 1));
    from = from.subspan(put);
    if (from.empty()) break;
    boost::system::error_code error;
    auto token = asio::redirect_error(asio::use_awaitable, error);
    co_await target.async_wait(asio::posix::descriptor_base::wait_write, token);
    if (error) throw failure("cannot write to", error);
    if (!target.is_open()) throw base::Error("the link was closed here", {}, ECANCELED);
  }
}

asio::posix::stream_descriptor adopt(const asio::any_io_executor& executor, base::Fd fd) {
  base::set_nonblocking(fd.get(), true);
  asio::posix::stream_descriptor descriptor(executor, fd.get());
  (void)fd.release();  // only now: the constructor throws where the descriptor cannot be waited on, and does not own it
                       // then
  descriptor.non_blocking(true);
  return descriptor;
}

class DescriptorTransport final : public Transport {
 public:
  DescriptorTransport(const asio::any_io_executor& executor, base::Fd fd)
      : descriptor_(adopt(executor, std::move(fd))), sink_(descriptor_.native_handle()) {}

  asio::awaitable<size_t> read_some(std::span<uint8_t> into) override { return read_from(descriptor_, into); }
  size_t try_read(std::span<uint8_t> into) override { return read_now(descriptor_, into); }
  asio::awaitable<void> write_all(std::span<const uint8_t> from) override { return write_to(descriptor_, sink_, from); }
  size_t try_write(std::span<const iovec> parts) override { return descriptor_.is_open() ? sink_.try_write(parts) : 0; }
  void close() override {
    boost::system::error_code ignored;
    descriptor_.close(ignored);
  }

 private:
  asio::posix::stream_descriptor descriptor_;
  Sink sink_;
};

class PipeTransport final : public Transport {
 public:
  PipeTransport(const asio::any_io_executor& executor, base::Fd read_end, base::Fd write_end)
      : source_(adopt(executor, std::move(read_end))),
        target_(adopt(executor, std::move(write_end))),
        sink_(target_.native_handle()) {}

  asio::awaitable<size_t> read_some(std::span<uint8_t> into) override { return read_from(source_, into); }
  size_t try_read(std::span<uint8_t> into) override { return read_now(source_, into); }
  asio::awaitable<void> write_all(std::span<const uint8_t> from) override { return write_to(target_, sink_, from); }
  size_t try_write(std::span<const iovec> parts) override { return target_.is_open() ? sink_.try_write(parts) : 0; }
  void close() override {
    boost::system::error_code ignored;
    source_.close(ignored);
    target_.close(ignored);
  }

 private:
  asio::posix::stream_descriptor source_;
  asio::posix::stream_descriptor target_;
  Sink sink_;
};

}  // namespace

std::unique_ptr<Transport> descriptor_transport(asio::any_io_executor executor, base::Fd duplex) {
  return std::make_unique<DescriptorTransport>(executor, std::move(duplex));
}

std::unique_ptr<Transport> pipe_transport(asio::any_io_executor executor, base::Fd read_end, base::Fd write_end) {
  return std::make_unique<PipeTransport>(executor, std::move(read_end), std::move(write_end));
}

}  // namespace caisson::link
