// SPDX-License-Identifier: Apache-2.0

// The pieces of DNS messages (RFC 1035, section 4): for the files that read and write them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "gate/dns.h"

namespace caisson::gate {

inline constexpr size_t kDnsHeaderBytes = 12;
inline constexpr uint16_t kClassIn = 1;

struct DnsHeader {
  uint16_t id = 0;
  uint16_t flags = 0;
  uint16_t questions = 0;
  uint16_t answers = 0;
  uint16_t authorities = 0;
  uint16_t additionals = 0;
};

inline constexpr uint16_t kFlagAnswer = 0x8000;
inline constexpr uint16_t kFlagAuthoritative = 0x0400;
inline constexpr uint16_t kFlagTruncated = 0x0200;
inline constexpr uint16_t kFlagRecursionDesired = 0x0100;
inline constexpr uint16_t kFlagRecursionAvailable = 0x0080;

constexpr unsigned dns_opcode(uint16_t flags) {
  return flags >> 11 & 15;
}

struct DnsRecord {
  std::string name;
  uint16_t type = 0;
  uint16_t record_class = 0;
  uint32_t ttl = 0;
  size_t data_at = 0;  // in the message
  size_t data_bytes = 0;
};

// Reads a message from its beginning. What can't be read is nothing, and the reader is of no use from there on.
class DnsReader {
 public:
  explicit DnsReader(std::string_view message) : message_(message) {}

  size_t at() const { return at_; }
  bool at_end() const { return at_ == message_.size(); }
  void go_to(size_t at) { at_ = at; }

  std::optional<uint8_t> byte();
  std::optional<uint16_t> number16();
  std::optional<uint32_t> number32();
  std::optional<DnsHeader> header();
  // As text (DnsQuery::name). A pointer leads to before the name's own beginning (and behind the header), and the next
  // one to before that; so there are no loops, and a query's name, which has only the header before it, has no
  // pointers.
  std::optional<std::string> name();
  std::optional<DnsRecord> record();
  bool skip(size_t bytes);

 private:
  std::string_view message_;
  size_t at_ = 0;
};

void append16(std::string& out, uint16_t number);
void append32(std::string& out, uint32_t number);
void append_header(std::string& out, const DnsHeader& header);
// A name in host_name.h's normal form, uncompressed.
void append_name(std::string& out, std::string_view name);
// An OPT record of version 0 with these options (already in wire form).
void append_opt(std::string& out, uint8_t extended_code, std::string_view options);

}  // namespace caisson::gate
