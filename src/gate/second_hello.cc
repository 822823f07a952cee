// SPDX-License-Identifier: Apache-2.0

#include "gate/second_hello.h"

#include <algorithm>

#include "gate/tls_hello.h"
#include "gate/tls_records.h"

namespace caisson::gate {
namespace {

constexpr size_t kBeginning = kMessageHeaderBytes + 1;  // of a message: with its version's first half

// In TLS 1.2 the record is an encrypted one, or another message. One in 16 million of those looks like a hello, and is
// then judged as a malformed one.
bool is_hello(std::string_view payload) {
  if (byte_at(payload, 0) != kClientHelloType) return false;
  if (payload.size() < kBeginning) return true;  // too short for an encrypted one
  const size_t length = size_t{byte_at(payload, 1)} << 16 | size_t{byte_at(payload, 2)} << 8 | byte_at(payload, 3);
  return length <= ClientHelloReader::kMaxBytes && byte_at(payload, 4) == kMajorVersion;
}

}  // namespace

size_t SecondHelloScan::next(std::string_view bytes) {
  size_t at = 0;
  for (;;) {
    const size_t skipped = std::min(skip_, bytes.size() - at);
    at += skipped;
    skip_ -= skipped;
    const std::string_view record = bytes.substr(at);
    if (skip_ != 0 || record.size() < kRecordHeaderBytes) return at;
    const uint8_t type = byte_at(record, 0);
    const size_t length = size_t{byte_at(record, 3)} << 8 | byte_at(record, 4);
    if (type == kChangeCipherSpecRecord || (type == kApplicationDataRecord && early_data_) ||
        (type == kHandshakeRecord && length == 0)) {
      skip_ = kRecordHeaderBytes + length;
      continue;
    }
    if (type != kHandshakeRecord) break;
    const size_t looked_at = std::min(length, kBeginning);
    if (record.size() < kRecordHeaderBytes + looked_at) return at;
    found_ = is_hello(record.substr(kRecordHeaderBytes, looked_at)) ? Found::kHello : Found::kNone;
    return at;
  }
  found_ = Found::kNone;
  return at;
}

}  // namespace caisson::gate
