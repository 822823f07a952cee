// SPDX-License-Identifier: Apache-2.0

#include "gate/websocket_scrub.h"

#include <algorithm>

#include "gate/http_fields.h"

namespace caisson::gate {
namespace {

constexpr uint8_t kFin = 0x80;
constexpr uint8_t kReservedBits = 0x70;
constexpr uint8_t kMasked = 0x80;
constexpr uint8_t kContinuation = 0;
constexpr uint8_t kBinary = 2;
constexpr uint8_t kFirstControl = 8;
constexpr uint8_t kLastControl = 10;
constexpr size_t kShortLength = 126;  // two bytes follow; one more: eight

size_t header_bytes(uint8_t length) {
  return length < kShortLength ? 2 : length == kShortLength ? 4 : 10;
}

void put_frame(uint8_t first, std::string_view payload, std::string& out) {
  out += static_cast<char>(first);
  size_t bytes = 0;
  if (payload.size() < kShortLength) {
    out += static_cast<char>(payload.size());
  } else {
    bytes = payload.size() > 0xFFFF ? 8 : 2;
    out += static_cast<char>(bytes == 2 ? kShortLength : kShortLength + 1);
  }
  for (size_t left = bytes; left != 0; --left)
    out += static_cast<char>(static_cast<uint64_t>(payload.size()) >> (8 * (left - 1)) & 0xFF);
  out += payload;
}

}  // namespace

void WebSocketScrub::feed(std::string_view bytes, std::string& out) {
  while (!bytes.empty() || in_payload_) {
    if (!in_payload_ && !read_header(bytes)) return;
    take_payload(bytes, out);
    if (in_payload_) return;
  }
}

// False: it has not come whole.
bool WebSocketScrub::read_header(std::string_view& bytes) {
  auto take_up_to = [&](size_t size) {
    const size_t part = std::min(bytes.size(), size - std::min(size, header_.size()));
    header_ += bytes.substr(0, part);
    bytes.remove_prefix(part);
    return header_.size() >= size;
  };
  if (!take_up_to(2)) return false;
  const auto length = static_cast<uint8_t>(header_[1]);
  if ((length & kMasked) != 0) throw HttpProblem("a frame of the server's is masked");
  if (!take_up_to(header_bytes(length))) return false;
  begin_frame();
  header_.clear();
  return true;
}

void WebSocketScrub::begin_frame() {
  const auto first = static_cast<uint8_t>(header_[0]);
  if ((first & kReservedBits) != 0) throw HttpProblem("a frame has an extension that was not agreed to");
  last_ = (first & kFin) != 0;
  opcode_ = first & 0x0F;
  left_ = header_.size() == 2 ? static_cast<uint8_t>(header_[1]) : 0;
  for (const char c : header_.substr(2)) left_ = left_ << 8 | static_cast<uint8_t>(c);
  in_payload_ = true;
  if (opcode_ >= kFirstControl) {
    if (opcode_ > kLastControl || !last_ || left_ > kMostControlBytes) throw HttpProblem("a control frame is none");
    return;
  }
  if (opcode_ > kBinary || (opcode_ == kContinuation) != in_message_)
    throw HttpProblem("its frames are in no order that has a meaning");
  if (in_message_) return;
  in_message_ = true;
  first_sent_ = false;
  kind_ = opcode_;
}

void WebSocketScrub::take_payload(std::string_view& bytes, std::string& out) {
  const std::string_view part = bytes.substr(0, std::min<uint64_t>(left_, bytes.size()));
  bytes.remove_prefix(part.size());
  left_ -= part.size();
  in_payload_ = left_ != 0;
  if (opcode_ >= kFirstControl) {
    control_ += part;
    if (in_payload_) return;
    const std::string payload = secrets_.whole(control_).substr(0, kMostControlBytes);
    put_frame(kFin | opcode_, payload, out);
    wipe(control_);
    return;
  }
  message_->feed(part, passes_);
  const bool ends = last_ && !in_payload_;
  if (ends) message_->end(passes_);
  if (ends || !passes_.empty()) pass_message(ends, out);
  if (ends) in_message_ = false;
}

void WebSocketScrub::pass_message(bool last, std::string& out) {
  const uint8_t opcode = first_sent_ ? kContinuation : kind_;
  put_frame(static_cast<uint8_t>((last ? kFin : 0) | opcode), passes_, out);
  passes_.clear();
  first_sent_ = true;
}

}  // namespace caisson::gate
