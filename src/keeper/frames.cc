// SPDX-License-Identifier: Apache-2.0

#include "keeper/frames.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "link/services.h"

namespace caisson::keeper {
namespace {

using link::ExecFrame;
using link::ExecHeader;
using link::kExecHeaderBytes;

// Two of the largest frames: a whole one always fits, whatever stands before it.
constexpr size_t kBufferBytes = 2 * (kExecHeaderBytes + link::kMaxExecFrameBytes);

ExecHeader header_at(std::span<const uint8_t> bytes) {
  return link::decode_exec_header(bytes.first<kExecHeaderBytes>());
}

std::string_view text_of(std::span<const uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

bool joins(ExecFrame type) {
  return type == ExecFrame::kStdout || type == ExecFrame::kStderr || type == ExecFrame::kStdin;
}

}  // namespace

std::string_view FrameBatch::payload() const {
  return text_of(bytes.subspan(kExecHeaderBytes, header_at(bytes).length));
}

void FrameBatch::for_each(const std::function<void(std::string_view)>& visit) const {
  for (std::span<const uint8_t> rest = bytes; !rest.empty();) {
    const size_t length = header_at(rest).length;
    visit(text_of(rest.subspan(kExecHeaderBytes, length)));
    rest = rest.subspan(kExecHeaderBytes + length);
  }
}

FrameReader::FrameReader(Source source) : source_(std::move(source)), buffer_(kBufferBytes) {}

// What is complete at the beginning of the buffer; nothing when that is not even one frame.
FrameBatch FrameReader::take() {
  FrameBatch batch{};
  const size_t from = begin_;
  while (end_ - begin_ >= kExecHeaderBytes) {
    const ExecHeader header = header_at(std::span<const uint8_t>(buffer_).subspan(begin_));
    const size_t size = kExecHeaderBytes + header.length;
    if (end_ - begin_ < size) break;
    if (begin_ != from && !joins(header.type)) break;
    if (begin_ == from) batch.type = header.type;
    begin_ += size;
    if (!joins(header.type)) break;
  }
  batch.bytes = std::span<const uint8_t>(buffer_).subspan(from, begin_ - from);
  return batch;
}

asio::awaitable<FrameBatch> FrameReader::next() {
  while (true) {
    const FrameBatch batch = take();
    if (!batch.bytes.empty()) co_return batch;
    if (begin_ != 0) {
      std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
      end_ -= begin_;
      begin_ = 0;
    }
    const std::span<uint8_t> room = std::span<uint8_t>(buffer_).subspan(end_);
    const size_t count = co_await source_(room);
    if (count == 0 && end_ != 0) throw base::Error("a frame was cut off");
    if (count == 0) co_return FrameBatch{};
    end_ += count;
  }
}

FrameReader::Source source_of(link::StreamPtr stream) {
  return [stream = std::move(stream)](std::span<uint8_t> into) { return stream->read_some(into); };
}

FrameReader::Source source_of(ChannelPtr channel) {
  return [channel = std::move(channel)](std::span<uint8_t> into) { return channel->read_some(into); };
}

std::vector<uint8_t> make_frame(ExecFrame type, std::string_view payload) {
  std::vector<uint8_t> frame(kExecHeaderBytes + payload.size());
  link::encode_exec_header(ExecHeader{type, static_cast<uint32_t>(payload.size())},
                           std::span<uint8_t>(frame).first<kExecHeaderBytes>());
  std::copy(payload.begin(), payload.end(), frame.begin() + kExecHeaderBytes);
  return frame;
}

std::vector<uint8_t> make_frame(ExecFrame type, const base::Json& payload) {
  return make_frame(type, std::string_view(base::to_line(payload)));
}

std::vector<uint8_t> notice_frame(const std::string& line, const std::optional<link::TtySize>& tty) {
  return make_frame(ExecFrame::kStderr, std::string_view("caisson: " + line + (tty ? "\r\n" : "\n")));
}

std::vector<uint8_t> make_error_frame(const CommandError& error) {
  const base::Json payload{{"error", error.error}, {"hint", error.hint}, {"exit_code", error.exit_code}};
  return make_frame(ExecFrame::kError, payload);
}

CommandError command_error_from_guest(std::string_view payload) {
  const auto failure = link::from_json<link::ExecFailure>(base::parse_json_object(payload, "the guest's error"));
  const bool known = failure.exit_code == 126 || failure.exit_code == 127;
  return CommandError{.error = base::escaped(failure.error), .hint = "", .exit_code = known ? failure.exit_code : 125};
}

}  // namespace caisson::keeper
