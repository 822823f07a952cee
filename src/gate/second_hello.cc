// SPDX-License-Identifier: Apache-2.0

#include "gate/second_hello.h"

#include <algorithm>

namespace caisson::gate {
namespace {

constexpr size_t kHeaderBytes = 5;
constexpr size_t kBeginning = 5;  // of a message: its type, its length, its version's first half
constexpr uint8_t kChangeCipherSpec = 20;
constexpr uint8_t kHandshake = 22;
constexpr uint8_t kApplicationData = 23;
constexpr uint8_t kClientHello = 1;
constexpr size_t kLongestHello = 65536;

uint8_t byte_at(std::string_view bytes, size_t at) {
  return static_cast<uint8_t>(bytes[at]);
}

// In TLS 1.2 the record is an encrypted one, or another message. One in 16 million of those looks like a hello, and is
// then judged as a malformed one.
bool is_hello(std::string_view payload) {
  if (byte_at(payload, 0) != kClientHello) return false;
  if (payload.size() < kBeginning) return true;  // too short for an encrypted one
  const size_t length = size_t{byte_at(payload, 1)} << 16 | size_t{byte_at(payload, 2)} << 8 | byte_at(payload, 3);
  return length <= kLongestHello && byte_at(payload, 4) == 3;
}

}  // namespace

size_t SecondHelloScan::next(std::string_view bytes) {
  size_t at = 0;
  for (;;) {
    const size_t skipped = std::min(skip_, bytes.size() - at);
    at += skipped;
    skip_ -= skipped;
    const std::string_view record = bytes.substr(at);
    if (skip_ != 0 || record.size() < kHeaderBytes) return at;
    const uint8_t type = byte_at(record, 0);
    const size_t length = size_t{byte_at(record, 3)} << 8 | byte_at(record, 4);
    if (type == kChangeCipherSpec || (type == kApplicationData && early_data_) || (type == kHandshake && length == 0)) {
      skip_ = kHeaderBytes + length;
      continue;
    }
    if (type != kHandshake) break;
    const size_t looked_at = std::min(length, kBeginning);
    if (record.size() < kHeaderBytes + looked_at) return at;
    found_ = is_hello(record.substr(kHeaderBytes, looked_at)) ? Found::kHello : Found::kNone;
    return at;
  }
  found_ = Found::kNone;
  return at;
}

}  // namespace caisson::gate
