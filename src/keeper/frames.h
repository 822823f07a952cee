// SPDX-License-Identifier: Apache-2.0

// Exec frames (link/message.h) taken from a stream of bytes. Small frames that have come together are handed on
// together.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json_reader.h"
#include "keeper/channel.h"
#include "link/message.h"
#include "link/services.h"

namespace caisson::keeper {

// One frame, or a run of frames of command output or input, headers and all. Points into the reader's buffer: valid
// until its next call.
struct FrameBatch {
  link::ExecFrame type;            // of the first
  std::span<const uint8_t> bytes;  // complete frames

  bool is_output() const { return type == link::ExecFrame::kStdout || type == link::ExecFrame::kStderr; }
  // The payload of the first frame (of a batch that is no run: the only one).
  std::string_view payload() const;
  // Each payload of a run.
  void for_each(const std::function<void(std::string_view)>& visit) const;
};

class FrameReader {
 public:
  using Source = std::function<asio::awaitable<size_t>(std::span<uint8_t>)>;
  explicit FrameReader(Source source);

  // The next batch; at the end of the bytes an empty one. Throws base::Error for what is no frame, for an end in the
  // middle of one, and what the source throws.
  asio::awaitable<FrameBatch> next();
  size_t buffered_bytes() const { return end_ - begin_; }

 private:
  FrameBatch take();

  Source source_;
  std::vector<uint8_t> buffer_;
  size_t begin_ = 0;
  size_t end_ = 0;
};

FrameReader::Source source_of(link::StreamPtr stream);
FrameReader::Source source_of(ChannelPtr channel);

std::vector<uint8_t> make_frame(link::ExecFrame type, std::string_view payload);
std::vector<uint8_t> make_frame(link::ExecFrame type, const base::Json& payload);
// The kError frame: {"error", "hint", "exit_code"}.
struct CommandError {
  std::string error;
  std::string hint;
  int exit_code = 125;
};
// A line in the keeper's own words, as a frame of the command's stderr. `tty` is the command's: where it has one, its
// client's terminal is raw and needs the carriage return.
std::vector<uint8_t> notice_frame(const std::string& line, const std::optional<link::TtySize>& tty);
std::vector<uint8_t> make_error_frame(const CommandError& error);
// What the guest says about a command that it could not start, checked and made safe to print.
CommandError command_error_from_guest(std::string_view payload);

}  // namespace caisson::keeper
