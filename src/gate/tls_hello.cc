// SPDX-License-Identifier: Apache-2.0

#include "gate/tls_hello.h"

#include <algorithm>

#include "gate/tls_records.h"

namespace caisson::gate {
namespace {

constexpr uint8_t kFirstRecordType = kChangeCipherSpecRecord;
constexpr uint8_t kLastRecordType = 24;  // heartbeat
constexpr uint8_t kNoMajorVersion = 16;  // some servers take a first record of any below it
constexpr size_t kMaxRecordBytes = 16384;

constexpr uint16_t kServerName = 0;
constexpr uint16_t kAlpn = 16;
constexpr uint16_t kEarlyData = 42;
constexpr uint16_t kEncryptedHello = 0xFE0D;
constexpr uint16_t kEncryptedServerName = 0xFFCE;  // its predecessor, ESNI

struct Malformed {
  const char* problem;
};

// Reads a part of the message to its last byte; throws Malformed.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  bool at_end() const { return bytes_.empty(); }
  std::string_view take(size_t count) {
    if (count > bytes_.size()) throw Malformed{"it ends too early"};
    const std::string_view taken = bytes_.substr(0, count);
    bytes_.remove_prefix(count);
    return taken;
  }
  size_t number(size_t bytes) {
    size_t value = 0;
    for (char c : take(bytes)) value = value << 8 | static_cast<uint8_t>(c);
    return value;
  }
  // A vector (RFC 8446, 3.4) whose length takes `length_bytes`.
  std::string_view vector(size_t length_bytes) { return take(number(length_bytes)); }
  void finish() const {
    if (!at_end()) throw Malformed{"it has bytes behind its end"};
  }

 private:
  std::string_view bytes_;
};

std::string read_server_name(std::string_view data) {
  Reader extension(data);
  Reader list(extension.vector(2));
  extension.finish();
  if (list.number(1) != 0) throw Malformed{"its server name is of an unknown type"};
  const std::string_view name = list.vector(2);
  if (name.empty()) throw Malformed{"its server name is empty"};
  if (!list.at_end()) throw Malformed{"it has several server names"};
  return std::string(name);
}

std::vector<std::string> read_alpn(std::string_view data) {
  Reader extension(data);
  Reader list(extension.vector(2));
  extension.finish();
  std::vector<std::string> protocols;
  do {
    protocols.emplace_back(list.vector(1));
    if (protocols.back().empty()) throw Malformed{"it has an empty ALPN protocol"};
  } while (!list.at_end());
  return protocols;
}

void read_extensions(std::string_view all, ClientHello& hello) {
  std::vector<bool> seen(65536);
  for (Reader extensions(all); !extensions.at_end();) {
    const size_t type = extensions.number(2);
    const std::string_view data = extensions.vector(2);
    if (seen[type]) throw Malformed{"it has an extension twice"};
    seen[type] = true;
    if (type == kServerName) hello.server_name = read_server_name(data);
    if (type == kAlpn) hello.alpn = read_alpn(data);
    if (type == kEarlyData) hello.early_data = true;
    if (type == kEncryptedHello || type == kEncryptedServerName) hello.ech = true;
  }
}

// `body`: the message without its header.
ClientHello read_client_hello(std::string_view body) {
  Reader reader(body);
  if (reader.number(1) != kMajorVersion) throw Malformed{"its version is unknown"};
  reader.take(1 + 32);  // the version's second half, random
  if (reader.vector(1).size() > 32) throw Malformed{"its session id is too long"};
  const std::string_view suites = reader.vector(2);
  if (suites.empty() || suites.size() % 2 != 0) throw Malformed{"its list of cipher suites is broken"};
  if (reader.vector(1).empty()) throw Malformed{"its list of compression methods is empty"};
  ClientHello hello;
  if (reader.at_end()) return hello;  // TLS 1.2 without extensions
  const std::string_view extensions = reader.vector(2);
  reader.finish();
  read_extensions(extensions, hello);
  return hello;
}

}  // namespace

ClientHelloReader::State ClientHelloReader::feed(std::string_view bytes) {
  bytes = bytes.substr(0, kMaxBytes - seen_);
  while (state_ == State::kNeedMore && !bytes.empty()) {
    const size_t before = bytes.size();
    if (record_left_ == 0) {
      take_header(bytes);
    } else {
      take_payload(bytes);
    }
    seen_ += before - bytes.size();
  }
  if (state_ == State::kNeedMore && seen_ == kMaxBytes) malformed("it is longer than 65536 bytes");
  return state_;
}

void ClientHelloReader::malformed(std::string problem) {
  state_ = State::kMalformed;
  problem_ = "the TLS ClientHello is malformed: " + problem;
}

void ClientHelloReader::take_header(std::string_view& bytes) {
  const size_t count = std::min(kRecordHeaderBytes - record_header_.size(), bytes.size());
  record_header_ += bytes.substr(0, count);
  bytes.remove_prefix(count);
  const bool is_tls = byte_at(record_header_, 0) == kHandshakeRecord &&
                      (record_header_.size() < 2 || byte_at(record_header_, 1) == kMajorVersion);
  if (!is_tls) {
    if (!message_.empty()) {
      malformed("another record is inside it");
    } else if (could_be_other_tls()) {
      if (record_header_.size() == kRecordHeaderBytes)
        malformed("it is not the first message, or of a form without a name");
    } else {
      state_ = State::kNotTls;
    }
    return;
  }
  if (record_header_.size() < kRecordHeaderBytes) return;
  record_left_ = static_cast<size_t>(byte_at(record_header_, 3)) << 8 | byte_at(record_header_, 4);
  record_header_.clear();
  if (record_left_ == 0) malformed("a record is empty");
  if (record_left_ > kMaxRecordBytes) malformed("a record is too long");
}

// Some servers take a connection that begins with another record of TLS (alert, change of ciphers, …), with one of a
// version that there is not, or with SSL 2's form of a hello (RFC 5246, appendix E.2), in which no name can stand. None
// is let by as something else.
bool ClientHelloReader::could_be_other_tls() const {
  const uint8_t first = byte_at(record_header_, 0);
  const bool other_record = first >= kFirstRecordType && first <= kLastRecordType &&
                            (record_header_.size() < 2 || byte_at(record_header_, 1) < kNoMajorVersion);
  const bool old_hello =
      (first & 0x80) != 0 && (record_header_.size() < 3 || byte_at(record_header_, 2) == kClientHelloType) &&
      (record_header_.size() < 4 || byte_at(record_header_, 3) == kMajorVersion || byte_at(record_header_, 3) == 0);
  return other_record || old_hello;
}

void ClientHelloReader::take_payload(std::string_view& bytes) {
  const size_t count = std::min(record_left_, bytes.size());
  message_ += bytes.substr(0, count);
  bytes.remove_prefix(count);
  record_left_ -= count;
  read_message();
}

void ClientHelloReader::read_message() {
  if (byte_at(message_, 0) != kClientHelloType) return malformed("it is another message");
  if (message_.size() < kMessageHeaderBytes) return;
  const size_t length = Reader(std::string_view(message_).substr(1)).number(3);
  if (length > kMaxBytes) return malformed("it is longer than 65536 bytes");
  if (message_.size() < kMessageHeaderBytes + length) return;
  // A client has to wait for the answer now; early data is in records of its own.
  if (message_.size() > kMessageHeaderBytes + length || record_left_ != 0)
    return malformed("another message is in its record");
  try {
    hello_ = read_client_hello(std::string_view(message_).substr(kMessageHeaderBytes));
    state_ = State::kHello;
  } catch (const Malformed& error) {
    malformed(error.problem);
  }
}

}  // namespace caisson::gate
