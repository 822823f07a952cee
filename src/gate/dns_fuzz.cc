// SPDX-License-Identifier: Apache-2.0

// Any bytes as a guest's query, and as the upstream's answer to a query: they are refused, or what is made of them
// keeps its bounds and is itself well-formed.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "gate/dns.h"
#include "gate/dns_wire.h"

namespace caisson::gate {
namespace {

using namespace std::chrono_literals;

void require(bool holds) {
  if (!holds) std::abort();
}

// Every section can be read to the last byte.
void require_well_formed(std::string_view message) {
  DnsReader reader(message);
  const auto header = reader.header();
  require(header && (header->flags & kFlagAnswer) != 0 && header->questions <= 1);
  if (header->questions == 1) require(reader.name() && reader.number32());
  const unsigned records = header->answers + header->authorities + header->additionals;
  for (unsigned i = 0; i < records; ++i) require(reader.record().has_value());
  require(reader.at_end());
}

void require_small_answer(const std::string& answer) {
  require(answer.size() <= kPlainUdpBytes);
  require_well_formed(answer);
}

void check_answers(const DnsQuery& query) {
  require(query.udp_bytes >= kPlainUdpBytes && query.udp_bytes <= kMaxDnsBytes);
  require_small_answer(answer_empty(query));
  require_small_answer(answer_address(query, IpAddress::v4(0xC6120101), 60s));
  require_small_answer(answer_blocked(query, query.name + query.question));
  require_small_answer(answer_code(query, DnsCode::kServFail));
  // A reverse name is short, so its answer is small whatever name it has.
  if (reverse_address(query.name)) require_small_answer(answer_name(query, query.name, 60s));
  // What goes upstream is a query for the same name.
  const DnsRequest again = parse_query(make_upstream_query(query, 7));
  require(again.query && again.query->name == query.name && again.query->type == query.type && again.query->id == 7);
}

void check_upstream(std::string_view message, const DnsQuery& query, uint16_t id) {
  for (const size_t max_bytes : {size_t{query.udp_bytes}, kMaxTcpAnswerBytes}) {
    const auto answer = checked_upstream_answer(message, query, id, max_bytes);
    if (!answer) continue;
    require(answer->size() <= max_bytes);
    require_well_formed(*answer);
  }
}

// The query that a message with a question could be the answer to.
DnsQuery query_of(std::string_view message) {
  DnsReader reader(message);
  if (!reader.header() || !reader.name() || !reader.number32()) return {};
  std::string bytes = "\x12\x34\x01";
  bytes += '\0';
  bytes += std::string("\0\1\0\0\0\0\0\0", 8);
  bytes += message.substr(kDnsHeaderBytes, reader.at() - kDnsHeaderBytes);
  return parse_query(bytes).query.value_or(DnsQuery());
}

void check(std::string_view message) {
  const DnsRequest request = parse_query(message);
  require(!request.query || !request.answer);
  if (request.answer) require_small_answer(*request.answer);
  if (request.query) check_answers(*request.query);
  const DnsQuery query = query_of(message);
  if (query.question.empty()) return;
  check_upstream(message, query,
                 static_cast<uint16_t>(static_cast<uint8_t>(message[0]) << 8 | static_cast<uint8_t>(message[1])));
}

}  // namespace
}  // namespace caisson::gate

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  caisson::gate::check({reinterpret_cast<const char*>(data), size});
  return 0;
}
