// SPDX-License-Identifier: Apache-2.0

// Behind a ClientHello: a server of TLS 1.3 may ask for another one (HelloRetryRequest; RFC 8446, sections 4.1.2 and
// 4.1.4), and some take the name in that one. It comes as the next record that is no change of ciphers and no early
// data.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace caisson::gate {

class SecondHelloScan {
 public:
  enum class Found : uint8_t { kNotYet, kHello, kNone };

  explicit SecondHelloScan(bool early_data) : early_data_(early_data) {}

  // These bytes are none of what is scanned.
  void skip(size_t bytes) { skip_ += bytes; }
  // How many of the bytes are in front of what is found, or may pass already; the others are given again, with what
  // follows them. Not to be called again when found() is not kNotYet.
  size_t next(std::string_view bytes);
  Found found() const { return found_; }

 private:
  bool early_data_;
  size_t skip_ = 0;
  Found found_ = Found::kNotYet;
};

}  // namespace caisson::gate
