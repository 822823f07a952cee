// SPDX-License-Identifier: Apache-2.0

// What is held of connections and requests that are not judged yet: a ClientHello or a head that has begun and is not
// whole. Each is bounded by itself; thousands of them at a time are bounded by this account, which all connections of a
// sandbox share.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>

#include "base/error.h"

namespace caisson::gate {

// What a head that is being read costs: its bytes, and its fields.
inline constexpr size_t kCopiesOfHead = 2;

class HeldBytes {
 public:
  explicit HeldBytes(size_t most) : most_(most) {}

  size_t held() const { return held_; }

 private:
  friend class Held;
  size_t most_;
  size_t held_ = 0;
};

// One connection's part of it, given back when this goes.
class Held {
 public:
  Held() = default;  // of no account: nothing is counted
  explicit Held(std::shared_ptr<HeldBytes> account) : account_(std::move(account)) {}
  Held(Held&& other) noexcept : account_(std::move(other.account_)), bytes_(std::exchange(other.bytes_, 0)) {}
  Held& operator=(Held&& other) noexcept {
    release();
    account_ = std::move(other.account_);
    bytes_ = std::exchange(other.bytes_, 0);
    return *this;
  }
  ~Held() { release(); }

  // Throws base::Error where the account does not suffice; it is as before then.
  void set(size_t bytes) {
    if (!account_) return;
    if (bytes > bytes_ && bytes - bytes_ > account_->most_ - account_->held_)
      throw base::Error("too much is held of connections and requests that have begun and are not whole");
    account_->held_ = account_->held_ - bytes_ + bytes;
    bytes_ = bytes;
  }
  void release() {
    if (account_) account_->held_ -= bytes_;
    bytes_ = 0;
  }

 private:
  std::shared_ptr<HeldBytes> account_;
  size_t bytes_ = 0;
};

}  // namespace caisson::gate
