// SPDX-License-Identifier: Apache-2.0

// What goes to the host's resolver and what comes back from it. Only records that lead nowhere by themselves are asked
// for (Policy::judge_record); addresses come from the gate alone, so additional records are not passed on.

#include <algorithm>

#include "base/ascii.h"
#include "gate/dns.h"
#include "gate/dns_wire.h"

namespace caisson::gate {
namespace {

constexpr size_t kTypeAndClassBytes = 4;

std::string lower_case_question(const DnsQuery& query) {
  std::string question = query.question;
  // Lengths of labels are below 'A', so they are not changed.
  static_assert(63 < 'A');
  std::for_each(question.begin(), question.end() - kTypeAndClassBytes, [](char& c) { c = base::ascii_lower(c); });
  return question;
}

// Is the record's data what its type says? Names in it may be compressed, so the client will follow pointers. Types
// that are not listed have no names that may be (RFC 3597, section 4).
bool data_is_well_formed(DnsReader reader, const DnsRecord& record) {
  const size_t end = record.data_at + record.data_bytes;
  reader.go_to(record.data_at);
  auto names_until_end = [&](int names, size_t numbers_behind) {
    for (int i = 0; i < names; ++i) {
      if (reader.at() >= end || !reader.name()) return false;
    }
    return reader.at() + numbers_behind == end;
  };
  switch (record.type) {
    case kTypeNs:
    case kTypeCname:
    case kTypePtr:
    case kTypeDname:
      return names_until_end(1, 0);
    case kTypeMx:
      return reader.skip(2) && names_until_end(1, 0);
    case kTypeSrv:
      return reader.skip(6) && names_until_end(1, 0);
    case kTypeSoa:
      return names_until_end(2, 20);
    case kTypeTxt:
      while (reader.at() < end) {
        const auto length = reader.byte();
        if (!length || !reader.skip(*length)) return false;
      }
      return reader.at() == end && record.data_bytes > 0;
    default:
      return true;
  }
}

bool read_records(DnsReader& reader, unsigned count, auto&& is_welcome) {
  for (unsigned i = 0; i < count; ++i) {
    const auto record = reader.record();
    if (!record || !is_welcome(*record) || !data_is_well_formed(reader, *record)) return false;
  }
  return true;
}

struct Sections {
  DnsHeader header;
  std::string_view records;  // answers and authorities
};

// The parts of an upstream's message, or nothing where it is no answer to this query.
std::optional<Sections> read_answer(std::string_view message, const DnsQuery& query, uint16_t id) {
  if (message.size() > kMaxTcpAnswerBytes) return std::nullopt;
  DnsReader reader(message);
  const auto header = reader.header();
  if (!header || header->id != id || (header->flags & kFlagAnswer) == 0 || dns_opcode(header->flags) != 0 ||
      header->questions != 1) {
    return std::nullopt;
  }
  const std::string question = lower_case_question(query);
  if (message.substr(kDnsHeaderBytes, question.size()) != question) return std::nullopt;
  const size_t begin = kDnsHeaderBytes + question.size();
  reader.go_to(begin);
  if ((header->flags & kFlagTruncated) != 0) return Sections{*header, {}};

  auto answers = [&](const DnsRecord& record) {
    return record.record_class == kClassIn && (record.type == query.type || record.type == kTypeCname ||
                                               record.type == kTypeDname || record.type == kTypeRrsig);
  };
  auto is_of_class_in = [](const DnsRecord& record) {
    return record.record_class == kClassIn && record.type != kTypeOpt && record.type != kTypeA &&
           record.type != kTypeAaaa;
  };
  if (!read_records(reader, header->answers, answers)) return std::nullopt;
  if (!read_records(reader, header->authorities, is_of_class_in)) return std::nullopt;
  const std::string_view records = message.substr(begin, reader.at() - begin);
  if (!read_records(reader, header->additionals, [](const DnsRecord&) { return true; })) return std::nullopt;
  if (!reader.at_end()) return std::nullopt;
  return Sections{*header, records};
}

}  // namespace

std::string make_upstream_query(const DnsQuery& query, uint16_t id) {
  std::string out;
  append_header(out, {.id = id,
                      .flags = kFlagRecursionDesired,
                      .questions = 1,
                      .additionals = static_cast<uint16_t>(query.has_edns ? 1 : 0)});
  out += lower_case_question(query);
  if (query.has_edns) append_opt(out, 0, {});
  return out;
}

std::optional<std::string> checked_upstream_answer(std::string_view message, const DnsQuery& query, uint16_t id,
                                                   size_t max_bytes) {
  const auto sections = read_answer(message, query, id);
  if (!sections) return std::nullopt;
  constexpr size_t kOptBytes = 11;
  const size_t whole =
      kDnsHeaderBytes + query.question.size() + sections->records.size() + (query.has_edns ? kOptBytes : 0);
  const bool truncated = (sections->header.flags & kFlagTruncated) != 0 || whole > max_bytes;
  constexpr uint16_t kCode = 0x000F;
  uint16_t flags = kFlagAnswer | kFlagRecursionAvailable;
  flags |= sections->header.flags & (kFlagAuthoritative | kCode);
  if (query.recursion_desired) flags |= kFlagRecursionDesired;
  if (truncated) flags |= kFlagTruncated;

  std::string out;
  append_header(out, {.id = query.id,
                      .flags = flags,
                      .questions = 1,
                      .answers = truncated ? uint16_t{0} : sections->header.answers,
                      .authorities = truncated ? uint16_t{0} : sections->header.authorities,
                      .additionals = static_cast<uint16_t>(query.has_edns ? 1 : 0)});
  // The same bytes but for case, so that pointers of the records still lead where they did.
  out += query.question;
  if (!truncated) out += sections->records;
  if (query.has_edns) append_opt(out, 0, {});
  return out;
}

}  // namespace caisson::gate
