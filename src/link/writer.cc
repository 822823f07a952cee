// SPDX-License-Identifier: Apache-2.0

#include "link/writer.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "base/error.h"

namespace caisson::link {

Writer::Writer(asio::any_io_executor executor, Transport& transport, std::function<std::shared_ptr<void>()> keep_alive,
               std::function<void(std::string)> on_failure)
    : executor_(executor),
      transport_(transport),
      keep_alive_(std::move(keep_alive)),
      on_failure_(std::move(on_failure)),
      progress_(executor) {}

void Writer::control(const Frame& frame) {
  if (failed_) return;
  control_.resize(control_.size() + kFrameHeaderBytes);
  encode_frame(frame, std::span<uint8_t, kFrameHeaderBytes>(control_.end() - kFrameHeaderBytes, control_.end()));
  post_pump();
}

void Writer::enqueue(const std::shared_ptr<StreamState>& stream) {
  if (stream->in_line || stream->outgoing.empty() || stream->send_window == 0) return;
  stream->in_line = true;
  line_.push_back(stream);
}

// A control frame waits for the end of the current handler: what is written there leaves with it in one system call
// (the SYN of a new stream with its first message, for one).
void Writer::post_pump() {
  if (pump_posted_ || flushing_) return;
  pump_posted_ = true;
  asio::post(executor_, [this, alive = keep_alive_()] {
    pump_posted_ = false;
    pump();
  });
}

void Writer::Plan::add(const uint8_t* data, size_t size) {
  parts[part_count++] = iovec{const_cast<uint8_t*>(data), size};
  bytes += size;
}

void Writer::make_plan(Plan& plan) {
  if (!control_.empty()) plan.add(control_.data(), control_.size());
  while (plan.frame_count < kMostFrames && !line_.empty()) {
    std::shared_ptr<StreamState> stream = std::move(line_.front());
    line_.pop_front();
    const size_t allowed = std::min<size_t>({stream->outgoing.size(), stream->send_window, kDataBytes});
    if (allowed == 0) {  // its write() was cancelled, or it was reset
      stream->in_line = false;
      continue;
    }
    const auto length = static_cast<uint32_t>(allowed);
    FrameHeader& header = plan.headers[plan.frame_count];
    encode_frame({.type = FrameType::kData, .flags = 0, .stream = stream->id, .length = length}, header);
    plan.add(header.data(), header.size());
    plan.add(stream->outgoing.data(), length);
    stream->outgoing = stream->outgoing.subspan(length);
    stream->send_window -= length;
    stream->in_line = !stream->outgoing.empty() && stream->send_window > 0;
    if (stream->in_line) line_.push_back(stream);
    Planned& planned = plan.frames[plan.frame_count++];
    planned.stayed_in_line = stream->in_line;
    planned.length = length;
    planned.stream = std::move(stream);
  }
}

// The exact opposite of what make_plan did; to be called from the last planned frame to the first.
void Writer::take_back(Planned& planned) {
  StreamState& stream = *planned.stream;
  if (planned.stayed_in_line) line_.pop_back();
  stream.outgoing = {stream.outgoing.data() - planned.length, stream.outgoing.size() + planned.length};
  stream.send_window += planned.length;
  stream.in_line = true;
  line_.push_front(std::move(planned.stream));
}

void Writer::settle(Plan& plan, size_t written) {
  size_t sent_frames = plan.frame_count;
  if (written < plan.bytes) {
    // The first part that was not taken as a whole is to be completed before anything else; whole frames behind it were
    // not begun and go back.
    size_t part = 0;
    size_t before = 0;
    while (before + plan.parts[part].iov_len <= written) before += plan.parts[part++].iov_len;
    const size_t first_data_part = plan.part_count - 2 * plan.frame_count;
    const size_t last_part = part < first_data_part ? part : part + 1 - (part - first_data_part) % 2;
    sent_frames = part < first_data_part ? 0 : (part - first_data_part) / 2 + 1;
    size_t skipped = written - before;
    for (; part <= last_part; ++part, skipped = 0) {
      const auto* data = static_cast<const uint8_t*>(plan.parts[part].iov_base);
      rest_.insert(rest_.end(), data + skipped, data + plan.parts[part].iov_len);
    }
    for (size_t i = plan.frame_count; i > sent_frames; --i) take_back(plan.frames[i - 1]);
  }
  control_.clear();
  for (size_t i = 0; i < sent_frames; ++i) {
    StreamState& stream = *plan.frames[i].stream;
    if (stream.outgoing.empty()) stream.writable.notify_all();
  }
}

void Writer::pump() {
  if (flushing_) return;
  send_what_is_taken();
  if (rest_.empty()) return;
  flushing_ = true;
  asio::co_spawn(executor_, flush(keep_alive_()), asio::detached);
}

// Until nothing is left to send, or the transport took less than it was given: rest_ has bytes then.
void Writer::send_what_is_taken() {
  while (!failed_ && rest_.empty()) {
    Plan plan;
    make_plan(plan);
    if (plan.bytes == 0) return;
    size_t written = 0;
    try {
      written = transport_.try_write(std::span(plan.parts.data(), plan.part_count));
    } catch (const base::Error& error) {
      for (size_t i = plan.frame_count; i > 0; --i) take_back(plan.frames[i - 1]);
      fail(error.problem());
      return;
    }
    settle(plan, written);
    progress_.notify_all();
  }
}

asio::awaitable<void> Writer::flush([[maybe_unused]] std::shared_ptr<void> alive) {
  std::string failure;
  while (!rest_.empty() && failure.empty()) {
    try {
      co_await transport_.write_all(rest_);
      rest_.clear();
      send_what_is_taken();
    } catch (const base::Error& error) {
      failure = error.problem();
    } catch (const std::exception& error) {  // memory ran out
      failure = error.what();
    }
  }
  rest_.clear();
  flushing_ = false;
  if (!failure.empty()) fail(std::move(failure));
  progress_.notify_all();
}

void Writer::fail(std::string reason) {
  if (failed_) return;
  stop();
  on_failure_(std::move(reason));
}

void Writer::stop() {
  failed_ = true;
  control_.clear();
  line_.clear();
  progress_.notify_all();
}

}  // namespace caisson::link
