// SPDX-License-Identifier: Apache-2.0

#include "share/channel.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "base/error.h"

namespace caisson::share {
namespace {

// Small requests come several at a time with one read.
constexpr size_t kUnreadBytes = 64U << 10;

bool is_device(int descriptor) {
  struct stat status {};
  if (::fstat(descriptor, &status) != 0) throw base::system_error("cannot look at", "the channel");
  return S_ISCHR(status.st_mode);
}

base::Error broken(const std::string& how) {
  return base::Error("the guest's file system client breaks the protocol: " + how);
}

uint32_t checked_length(uint32_t length) {
  if (length < sizeof(fuse_in_header) || length > kMaxMessageBytes)
    throw broken("a message of " + std::to_string(length) + " bytes");
  return length;
}

}  // namespace

Channel::Channel(int descriptor, const std::atomic<uint64_t>& changes)
    : descriptor_(descriptor), device_(is_device(descriptor)), changes_(changes), unread_(kUnreadBytes) {}

std::optional<Request> Channel::receive(MessageBuffer& buffer) {
  const std::lock_guard turn(receiving_);
  if (ended_) return std::nullopt;
  // Also where this throws: nothing comes behind a message that is none.
  ended_ = true;
  const size_t size = device_ ? receive_from_device(buffer) : receive_from_socket(buffer);
  if (size == 0) return std::nullopt;
  ended_ = false;
  Request request{};
  std::memcpy(&request.header, buffer.data(), sizeof request.header);
  request.body = {buffer.data() + sizeof request.header, size - sizeof request.header};
  return request;
}

size_t Channel::receive_from_device(MessageBuffer& buffer) {
  while (true) {
    const ssize_t got = ::read(descriptor_, buffer.data(), kMaxMessageBytes);
    // ENOENT: the request was taken back meanwhile.
    if (got < 0 && (errno == EINTR || errno == EAGAIN || errno == ENOENT)) continue;
    if (got < 0 && (errno == ENODEV || errno == ECONNABORTED)) return 0;
    if (got < 0) throw base::system_error("cannot read", "/dev/fuse");
    uint32_t length = 0;
    if (static_cast<size_t>(got) >= sizeof length) std::memcpy(&length, buffer.data(), sizeof length);
    if (checked_length(length) != static_cast<size_t>(got)) throw broken("a length that is not the message's");
    return length;
  }
}

// At least so many bytes are unread; false at the end of the stream.
bool Channel::fill(size_t bytes) {
  while (unread_end_ - unread_begin_ < bytes) {
    if (unread_begin_ > 0) {
      std::copy(unread_.begin() + static_cast<ptrdiff_t>(unread_begin_),
                unread_.begin() + static_cast<ptrdiff_t>(unread_end_), unread_.begin());
      unread_end_ -= unread_begin_;
      unread_begin_ = 0;
    }
    const ssize_t got = ::recv(descriptor_, unread_.data() + unread_end_, unread_.size() - unread_end_, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno != ECONNRESET) throw base::system_error("cannot receive from", "the guest");
    if (got <= 0) return false;
    unread_end_ += static_cast<size_t>(got);
  }
  return true;
}

size_t Channel::receive_from_socket(MessageBuffer& buffer) {
  uint32_t length = 0;
  if (!fill(sizeof length)) {
    if (unread_end_ != unread_begin_) throw broken("the stream ends within a message");
    return 0;
  }
  std::memcpy(&length, unread_.data() + unread_begin_, sizeof length);
  checked_length(length);
  size_t have = std::min<size_t>(length, unread_end_ - unread_begin_);
  std::memcpy(buffer.data(), unread_.data() + unread_begin_, have);
  unread_begin_ += have;
  while (have < length) {
    // The rest of a long one goes to its place at once.
    const ssize_t got = ::recv(descriptor_, buffer.data() + have, length - have, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno != ECONNRESET) throw base::system_error("cannot receive from", "the guest");
    if (got <= 0) throw broken("the stream ends within a message");
    have += static_cast<size_t>(got);
  }
  return length;
}

void Channel::answer(Output& output, uint64_t unique, int errnum) {
  const std::lock_guard turn(sending_);
  // Under the lock: a change that is counted from here on is also announced behind this answer.
  output.settle(changes_.load());
  send(output.finish(unique, errnum));
}

void Channel::notify(fuse_notify_code code, std::span<const char> fields, std::string_view name) {
  char message[sizeof(fuse_out_header) + 64 + kMaxNameBytes + 1];
  if (name.size() > kMaxNameBytes || fields.size() > 64) return;
  const size_t text = name.empty() ? 0 : name.size() + 1;
  const size_t size = sizeof(fuse_out_header) + fields.size() + text;
  const fuse_out_header header{.len = static_cast<uint32_t>(size), .error = static_cast<int32_t>(code), .unique = 0};
  std::memcpy(message, &header, sizeof header);
  std::memcpy(message + sizeof header, fields.data(), fields.size());
  if (text > 0) {
    std::memcpy(message + sizeof header + fields.size(), name.data(), name.size());
    message[size - 1] = '\0';
  }
  std::unique_lock turn(sending_);
  // The device waits within a notification for whoever holds the folder in the kernel, which may be a request that is
  // still to be answered: so behind the answers that are being written, and then without the lock. Each write(2) of it
  // is whole by itself.
  if (device_) turn.unlock();
  send({message, size});
}

void Channel::send(std::span<const char> message) {
  if (device_) {
    // An error is the kernel's word that nobody waits for it (any more), or knows what was to be forgotten.
    while (::write(descriptor_, message.data(), message.size()) < 0 && errno == EINTR) {
    }
    return;
  }
  while (!message.empty()) {
    const ssize_t put = ::send(descriptor_, message.data(), message.size(), MSG_NOSIGNAL);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) throw base::system_error("cannot send to", "the guest");
    message = message.subspan(static_cast<size_t>(put));
  }
}

void Channel::close() {
  if (!device_) ::shutdown(descriptor_, SHUT_RDWR);
}

}  // namespace caisson::share
