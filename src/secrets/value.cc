// SPDX-License-Identifier: Apache-2.0

#include "secrets/value.h"

#include <fmt/format.h>
#include <sodium.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/error.h"

namespace caisson::secrets {
namespace {

using base::Error;

void start_sodium() {
  static const bool kStarted = ::sodium_init() >= 0;
  if (!kStarted) throw Error("cannot start libsodium");
}

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
}

std::string_view without_line_end(std::string_view text) {
  if (!text.ends_with('\n')) return text;
  text.remove_suffix(1);
  if (text.ends_with('\r')) text.remove_suffix(1);
  return text;
}

}  // namespace

Value::Value(size_t size) : size_(size) {
  if (size == 0) return;
  start_sodium();
  bytes_ = static_cast<char*>(::sodium_malloc(size));
  if (bytes_ == nullptr) throw base::system_error("cannot get memory for", "a secret", ENOMEM);
  // sodium_malloc has tried to lock it, and does not say whether it could.
  if (::sodium_mlock(bytes_, size) != 0) {
    const int errnum = errno;
    ::sodium_free(std::exchange(bytes_, nullptr));
    throw base::system_error("cannot lock memory for", "a secret", errnum,
                             "raise the limit of locked memory: ulimit -l");
  }
  ::sodium_memzero(bytes_, size);
}

Value Value::copy_of(std::string_view bytes) {
  Value value(bytes.size());
  std::copy(bytes.begin(), bytes.end(), value.bytes_);
  return value;
}

Value& Value::operator=(Value&& other) noexcept {
  if (this != &other) {
    wipe();
    bytes_ = std::exchange(other.bytes_, nullptr);
    size_ = std::exchange(other.size_, 0);
  }
  return *this;
}

void Value::wipe() noexcept {
  if (bytes_ != nullptr) ::sodium_free(bytes_);  // zeroes it before
  bytes_ = nullptr;
  size_ = 0;
}

bool same_value(const Value& one, const Value& other) {
  return one.size() == other.size() &&
         (one.empty() || ::sodium_memcmp(one.reveal().data(), other.reveal().data(), one.size()) == 0);
}

Value read_value(int fd, size_t max_bytes, std::string_view name) {
  Value buffer(max_bytes + 1);
  size_t filled = 0;
  while (filled < buffer.size()) {
    const ssize_t got = ::read(fd, buffer.data() + filled, buffer.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw base::system_error("cannot read", name);
    if (got == 0) return Value::copy_of(buffer.reveal().substr(0, filled));
    filled += static_cast<size_t>(got);
  }
  throw Error(fmt::format("{} has more than {} bytes", name, max_bytes));
}

Value checked_value(Value raw, std::string_view what) {
  const std::string_view bytes = without_line_end(raw.reveal());
  if (bytes.empty()) throw Error(fmt::format("{} is empty", what));
  if (std::any_of(bytes.begin(), bytes.end(), is_control))
    throw Error(fmt::format("{} has a control byte in it, or more than one line", what),
                "a value is one line, such as a key or a token");
  if (bytes.front() == ' ' || bytes.back() == ' ') throw Error(fmt::format("{} has blanks around it", what));
  if (bytes.size() < kMinValueBytes)
    throw Error(fmt::format("{} has fewer than {} bytes", what, kMinValueBytes),
                "it could not be told from other text where it is looked for");
  if (bytes.size() > kMaxValueBytes) throw Error(fmt::format("{} has more than {} bytes", what, kMaxValueBytes));
  if (bytes.size() == raw.size()) return raw;
  return Value::copy_of(bytes);
}

}  // namespace caisson::secrets
