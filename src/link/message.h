// SPDX-License-Identifier: Apache-2.0

// The messages on a stream: a 4-byte big-endian length and that many bytes of JSON (one object). A stream's first
// message names its service; docs/protocol.md lists all of them.
#pragma once

#include "base/json_reader.h"
#include "link/session.h"

namespace caisson::link {

inline constexpr uint32_t kMaxMessageBytes = 1U << 20;

// Throws base::Error for a message over `max_bytes`, for what is not one JSON object, or the stream's end. Takes memory
// for what has come, not for what was announced.
asio::awaitable<base::Json> read_message(Stream& stream);
asio::awaitable<base::Json> read_message(Stream& stream, uint32_t max_bytes);
asio::awaitable<void> write_message(Stream& stream, const base::Json& message);

// The frames inside an exec stream (and of the keeper's attach and exec connections): type, 4-byte big-endian length,
// payload.
enum class ExecFrame : uint8_t {
  kStdin = 0,     // to the guest: bytes for the command's stdin
  kStdinEnd = 1,  // to the guest: no more stdin; empty
  kStdout = 2,    // from the guest: bytes (a TTY's output too)
  kStderr = 3,    // from the guest: bytes
  kExit = 4,      // from the guest, last: JSON of ExecResult
  kStarted = 5,   // from the guest, first: JSON of ExecStarted
  kError = 6,  // instead of kStarted, or instead of kExit when the session is lost: JSON {"error", "hint", "exit_code"}
};
inline constexpr size_t kExecHeaderBytes = 5;
inline constexpr uint32_t kMaxExecFrameBytes = 64U << 10;

struct ExecHeader {
  ExecFrame type;
  uint32_t length;
};
// Throws base::Error for an unknown type or a length over kMaxExecFrameBytes.
ExecHeader decode_exec_header(std::span<const uint8_t, kExecHeaderBytes> bytes);
void encode_exec_header(ExecHeader header, std::span<uint8_t, kExecHeaderBytes> into);

}  // namespace caisson::link
