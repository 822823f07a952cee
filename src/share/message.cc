// SPDX-License-Identifier: Apache-2.0

#include "share/message.h"

#include <cstddef>

#include "base/error.h"

namespace caisson::share {

std::span<const char> Body::take_bytes(size_t count) {
  if (bytes_.size() < count) throw base::Error("a request is too short", {}, EINVAL);
  const auto taken = bytes_.first(count);
  bytes_ = bytes_.subspan(count);
  return taken;
}

std::string Body::text(size_t max_bytes) {
  const void* end = bytes_.empty() ? nullptr : std::memchr(bytes_.data(), '\0', bytes_.size());
  if (end == nullptr) throw base::Error("a text has no end", {}, EINVAL);
  const auto size = static_cast<size_t>(static_cast<const char*>(end) - bytes_.data());
  if (size > max_bytes) throw base::Error("a text is too long", {}, ENAMETOOLONG);
  std::string text(bytes_.data(), size);
  bytes_ = bytes_.subspan(size + 1);
  return text;
}

std::string Body::name() {
  std::string name = text(kMaxNameBytes);
  if (name.empty() || name == "." || name == ".." || name.find('/') != std::string::npos)
    throw base::Error("a name is none", {}, EINVAL);
  return name;
}

Output::Output() : bytes_(std::make_unique_for_overwrite<char[]>(kMaxMessageBytes)) {}

void Output::clear() {
  size_ = sizeof(fuse_out_header);
  epoch_ = UINT64_MAX;
  valid_.clear();
}

std::span<char> Output::room(size_t bytes) {
  if (bytes > kMaxMessageBytes - size_) throw base::Error("an answer is too long", {}, EIO);
  return {bytes_.get() + size_, bytes};
}

void Output::put_bytes(std::string_view bytes) {
  if (bytes.empty()) return;
  std::memcpy(room(bytes.size()).data(), bytes.data(), bytes.size());
  size_ += bytes.size();
}

void Output::put_entry(const fuse_entry_out& entry) {
  valid_.push_back({.at = static_cast<uint32_t>(size_ + offsetof(fuse_entry_out, entry_valid)), .entry = true});
  put(entry);
}

void Output::put_attributes(const fuse_attr_out& attributes) {
  valid_.push_back({.at = static_cast<uint32_t>(size_ + offsetof(fuse_attr_out, attr_valid)), .entry = false});
  put(attributes);
}

void Output::settle(uint64_t epoch_now) {
  if (epoch_ == UINT64_MAX || epoch_ == epoch_now) return;
  // In an entry: two numbers of 8 bytes, then two of 4; in attributes one of each.
  for (const Validity& one : valid_) std::memset(bytes_.get() + one.at, 0, one.entry ? 24 : 12);
}

std::span<const char> Output::finish(uint64_t unique, int errnum) {
  if (errnum != 0) size_ = sizeof(fuse_out_header);
  const fuse_out_header header{.len = static_cast<uint32_t>(size_), .error = -errnum, .unique = unique};
  std::memcpy(bytes_.get(), &header, sizeof header);
  return {bytes_.get(), size_};
}

}  // namespace caisson::share
