// SPDX-License-Identifier: Apache-2.0

// The guest's queries, and the answers that the gate gives of its own.

#include "gate/dns.h"

#include <algorithm>

#include "gate/dns_wire.h"

namespace caisson::gate {
namespace {

constexpr uint8_t kBadVersion = 1;  // BADVERS is 16: the upper bits are in the OPT record
constexpr uint16_t kOptionExtendedError = 15;
constexpr uint16_t kErrorBlocked = 15;
constexpr size_t kMaxErrorText = 200;

// An answer without the question, for a query in which it can't be read.
std::string bare_answer(const DnsHeader& header, DnsCode code) {
  std::string out;
  const auto kept = static_cast<uint16_t>(header.flags & (0x7800 | kFlagRecursionDesired));
  append_header(out,
                {.id = header.id, .flags = static_cast<uint16_t>(kFlagAnswer | kept | static_cast<uint16_t>(code))});
  return out;
}

// An answer up to its first record.
std::string begin_answer(const DnsQuery& query, DnsCode code, uint16_t records) {
  std::string out;
  uint16_t flags = kFlagAnswer | kFlagRecursionAvailable | static_cast<uint16_t>(code);
  if (query.recursion_desired) flags |= kFlagRecursionDesired;
  append_header(out, {.id = query.id,
                      .flags = flags,
                      .questions = 1,
                      .answers = records,
                      .additionals = static_cast<uint16_t>(query.has_edns ? 1 : 0)});
  out += query.question;
  return out;
}

// The head of an answer's record: the question's name, by a pointer.
void append_record_head(std::string& out, uint16_t type, std::chrono::seconds ttl) {
  append16(out, 0xC000 | kDnsHeaderBytes);
  append16(out, type);
  append16(out, kClassIn);
  append32(out, static_cast<uint32_t>(ttl.count()));
}

std::string finished(std::string out, const DnsQuery& query, std::string_view options = {}) {
  if (query.has_edns) append_opt(out, 0, options);
  return out;
}

bool options_are_whole(DnsReader reader, const DnsRecord& record) {
  const size_t end = record.data_at + record.data_bytes;
  reader.go_to(record.data_at);
  while (reader.at() < end) {
    if (end - reader.at() < 4) return false;
    reader.number16();
    const auto length = reader.number16();
    if (*length > end - reader.at() || !reader.skip(*length)) return false;
  }
  return true;
}

// The first `bytes` of UTF-8, without a half character at the end.
std::string_view cut_text(std::string_view text, size_t bytes) {
  if (text.size() <= bytes) return text;
  while (bytes > 0 && (static_cast<uint8_t>(text[bytes]) & 0xC0) == 0x80) --bytes;
  return text.substr(0, bytes);
}

enum class Edns : uint8_t { kRead, kMalformed, kOtherVersion };

// What is behind the question: nothing, or one OPT record.
Edns read_edns(DnsReader& reader, uint16_t records, DnsQuery& query) {
  if (records == 1) {
    const auto record = reader.record();
    if (!record || record->type != kTypeOpt || !record->name.empty() || !options_are_whole(reader, *record)) {
      return Edns::kMalformed;
    }
    query.has_edns = true;
    query.udp_bytes = std::clamp<uint16_t>(record->record_class, kPlainUdpBytes, kMaxDnsBytes);
    if ((record->ttl >> 16 & 0xFF) != 0) return Edns::kOtherVersion;
  }
  return reader.at_end() ? Edns::kRead : Edns::kMalformed;
}

std::string bad_version_answer(const DnsQuery& query) {
  std::string out = begin_answer(query, DnsCode::kNoError, 0);
  append_opt(out, kBadVersion, {});
  return out;
}

}  // namespace

DnsRequest parse_query(std::string_view message) {
  DnsReader reader(message);
  const auto header = reader.header();
  if (!header || (header->flags & kFlagAnswer) != 0) return {};
  if (dns_opcode(header->flags) != 0) return {.answer = bare_answer(*header, DnsCode::kNotImp)};
  DnsRequest malformed{.answer = bare_answer(*header, DnsCode::kFormErr)};
  if (message.size() > kMaxDnsBytes || header->questions != 1 || header->answers != 0 || header->authorities != 0 ||
      header->additionals > 1) {
    return malformed;
  }
  DnsQuery query;
  query.id = header->id;
  query.recursion_desired = (header->flags & kFlagRecursionDesired) != 0;
  auto name = reader.name();
  const auto type = reader.number16();
  const auto query_class = reader.number16();
  if (!name || !query_class || *type == 0 || *type == kTypeOpt) return malformed;
  query.question = message.substr(kDnsHeaderBytes, reader.at() - kDnsHeaderBytes);
  query.name = std::move(*name);
  query.type = *type;
  switch (read_edns(reader, header->additionals, query)) {
    case Edns::kMalformed:
      return malformed;
    case Edns::kOtherVersion:
      return {.answer = bad_version_answer(query)};
    case Edns::kRead:
      break;
  }
  if (*query_class != kClassIn) return {.answer = answer_code(query, DnsCode::kRefused)};
  return {.query = std::move(query)};
}

std::string answer_address(const DnsQuery& query, const IpAddress& v4, std::chrono::seconds ttl) {
  std::string out = begin_answer(query, DnsCode::kNoError, 1);
  append_record_head(out, kTypeA, ttl);
  append16(out, 4);
  append32(out, v4.v4_host_order());
  return finished(std::move(out), query);
}

std::string answer_name(const DnsQuery& query, std::string_view name, std::chrono::seconds ttl) {
  std::string out = begin_answer(query, DnsCode::kNoError, 1);
  append_record_head(out, kTypePtr, ttl);
  std::string data;
  append_name(data, name);
  append16(out, static_cast<uint16_t>(data.size()));
  out += data;
  return finished(std::move(out), query);
}

std::string answer_empty(const DnsQuery& query) {
  return answer_code(query, DnsCode::kNoError);
}

std::string answer_blocked(const DnsQuery& query, std::string_view why) {
  const std::string_view text = cut_text(why, kMaxErrorText);
  std::string option;
  append16(option, kOptionExtendedError);
  append16(option, static_cast<uint16_t>(2 + text.size()));
  append16(option, kErrorBlocked);
  option += text;
  return finished(begin_answer(query, DnsCode::kNxDomain, 0), query, option);
}

std::string answer_code(const DnsQuery& query, DnsCode code) {
  return finished(begin_answer(query, code, 0), query);
}

}  // namespace caisson::gate
