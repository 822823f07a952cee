// SPDX-License-Identifier: Apache-2.0

// What the first bytes of a TLS connection say: the server's name (RFC 6066), ALPN (RFC 7301) and whether the true name
// may be hidden (Encrypted Client Hello). RFC 8446, sections 4.1.2 and 5.1. Nothing is decrypted and nothing kept.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace caisson::gate {

struct ClientHello {
  std::optional<std::string> server_name = {};  // as sent; compare it in its normal form (host_name.h)
  // The extension is there: what the client really asks for may be another name of the same server. Browsers send it
  // with random content too (GREASE), which can't be told apart. Whether such a connection is let through is the
  // caller's to say.
  bool ech = false;
  bool early_data = false;  // may follow at once
  std::vector<std::string> alpn = {};
};

// Reads a ClientHello that may come in any pieces and records. Feed it what arrives until it is not kNeedMore; the
// caller keeps the bytes, which have to be passed on.
class ClientHelloReader {
 public:
  static constexpr size_t kMaxBytes = 65536;  // of the stream; a longer hello is malformed

  enum class State : uint8_t { kNeedMore, kNotTls, kHello, kMalformed };

  // Bytes behind a complete hello are not looked at.
  State feed(std::string_view bytes);
  State state() const { return state_; }
  const ClientHello& hello() const { return hello_; }      // of kHello
  const std::string& problem() const { return problem_; }  // of kMalformed
  size_t bytes() const { return seen_; }                   // of the stream, with kHello those up to its end

 private:
  void malformed(std::string problem);
  void take_header(std::string_view& bytes);
  void take_payload(std::string_view& bytes);
  void read_message();
  bool could_be_other_tls() const;

  State state_ = State::kNeedMore;
  size_t seen_ = 0;            // bytes of the stream
  std::string record_header_;  // of the current record, up to 5 bytes
  size_t record_left_ = 0;     // bytes of the current record's payload to come
  std::string message_;        // the handshake message, its 4-byte header included
  ClientHello hello_;
  std::string problem_;
};

}  // namespace caisson::gate
