// SPDX-License-Identifier: Apache-2.0

// The guest's name server, 198.18.0.1, over datagrams and over TCP (on both a message stands behind its length).
//
// A name that the policy could allow gets its synthetic address at once; nothing is asked upstream for it. Of a name
// that is not allowed no packet leaves the host, so that names cannot carry anything out. Records of other types are
// asked for upstream only where a rule names the name.

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "base/random.h"
#include "base/scope.h"
#include "base/text.h"
#include "gate/dns.h"
#include "gate/gate_state.h"
#include "gate/host_name.h"
#include "gate/watchdog.h"
#include "link/datagram.h"
#include "link/message.h"

namespace caisson::gate {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::seconds kTtl{60};
// A resolver's socket asks its questions together, and rarely another one when it has the answers. A flow that comes
// back is a new one.
constexpr auto kIdleAfterAnswer = 1s;
constexpr size_t kMostConversations = 2048;
constexpr size_t kMostHalves = 256;

// A client asks for both kinds of address of a name: the second question belongs to the first one's refusal.
bool completes_pair(Gate::State& state, const DnsQuery& query) {
  if (query.type != kTypeA && query.type != kTypeAaaa) return false;
  const auto half = state.half_refused.find(query.name);
  if (half != state.half_refused.end() && half->second != query.type) {
    state.half_refused.erase(half);
    return true;
  }
  if (state.half_refused.size() >= kMostHalves) state.half_refused.clear();
  state.half_refused[query.name] = query.type;
  return false;
}

// The rule that would allow it; "" for what is no host name. The host itself is opened port by port, and which one is
// meant its name does not say.
std::string rule_opening(const std::string& name) {
  const std::optional<std::string> normal = normal_name(name);
  if (!normal) return "";
  return *normal == kHostName ? std::string(kHostName) + ":PORT" : name;
}

void note_refused_name(Gate::State& state, const DnsQuery& query, const Verdict& verdict) {
  base::Json details{{"name", query.name}, {"type", query.type}, {"verdict", "refused"}, {"reason", verdict.reason}};
  if (verdict.entry) note_denying_rule(details, *verdict.entry);
  state.record("name", std::move(details));
  if (completes_pair(state, query)) return;
  state.count_refusal(query.name, {.reason = verdict.reason, .allow = verdict.entry ? "" : rule_opening(query.name)});
}

// A name to be asked about is there: the connection to it is what is asked about.
bool is_known(const Verdict& verdict) {
  return verdict.allowed || verdict.ask;
}

std::string answer_reverse(Gate::State& state, const DnsQuery& query, const IpAddress& address) {
  const std::optional<std::string> name = state.names.name_of(address);
  return name ? answer_name(query, *name, kTtl) : answer_code(query, DnsCode::kNxDomain);
}

asio::awaitable<std::string> ask_upstream(StatePtr state, DnsQuery query, size_t max_bytes) {
  const std::string random = base::random_bytes(2);
  const auto id = static_cast<uint16_t>(static_cast<uint8_t>(random[0]) << 8 | static_cast<uint8_t>(random[1]));
  std::string upstream_query = make_upstream_query(query, id);
  const std::string answer = co_await state->options.upstream->query(std::move(upstream_query));
  co_return checked_upstream_answer(answer, query, id, max_bytes).value_or(answer_code(query, DnsCode::kServFail));
}

asio::awaitable<std::string> answer_query(StatePtr state, DnsQuery query, size_t max_bytes) {
  if (query.type == kTypePtr) {
    const std::optional<IpAddress> address = reverse_address(query.name);
    if (address && is_synthetic(*address)) co_return answer_reverse(*state, query, *address);
  }
  const bool is_address = query.type == kTypeA || query.type == kTypeAaaa;
  const Policy& policy = state->options.policy;
  const Verdict verdict = is_address ? policy.judge_name(query.name) : policy.judge_record(query.name, query.type);
  if (!is_known(verdict)) {
    // A name that is there for connections has no other records. One behind service labels is not there by itself.
    if (!is_address && !verdict.entry && is_known(policy.judge_name(query.name))) co_return answer_empty(query);
    note_refused_name(*state, query, verdict);
    co_return answer_blocked(query, verdict.reason);
  }
  if (!is_address) {
    base::Json details{{"name", query.name}, {"type", query.type}, {"verdict", "allowed"}};
    if (verdict.entry) details["rule"] = to_string(verdict.entry->rule);
    state->record("name", std::move(details));
    co_return co_await ask_upstream(state, std::move(query), max_bytes);
  }
  // Everything is reached by the synthetic IPv4 address, whatever addresses the name has.
  if (query.type == kTypeAaaa) co_return answer_empty(query);
  const std::optional<std::string> name = normal_name(query.name);
  const std::optional<IpAddress> address = name ? state->names.address_of(*name) : std::nullopt;
  if (!address) co_return answer_code(query, DnsCode::kServFail);
  co_return answer_address(query, *address, kTtl);
}

asio::awaitable<std::string> answer_message(StatePtr state, std::string message, Protocol protocol) {
  DnsRequest request = parse_query(message);
  if (!request.query) co_return request.answer.value_or("");
  const size_t max_bytes = protocol == Protocol::kTcp ? kMaxTcpAnswerBytes : request.query->udp_bytes;
  co_return co_await answer_query(state, std::move(*request.query), max_bytes);
}

}  // namespace

// One question after the other: a client that does not wait for its answers gets them all the same.
asio::awaitable<void> serve_names(StatePtr state, link::StreamPtr stream, Protocol protocol) {
  if (state->name_streams >= kMostConversations || state->budget.used_up()) {
    co_await answer_refused(stream);
    co_return;
  }
  ++state->name_streams;
  const base::Scope gone([&] { --state->name_streams; });
  const base::Json made = link::ok_answer();
  co_await link::write_message(*stream, made);
  Watchdog dog(state->executor);
  std::chrono::milliseconds idle = state->options.limits.idle_names;
  while (true) {
    dog.arm(idle, [stream] { stream->reset(); });
    const std::optional<std::vector<uint8_t>> message = co_await link::read_datagram(*stream);
    // What takes long from here on is not the client's silence.
    dog.disarm();
    if (!message) break;
    state->budget.spend_first(message->size());
    const std::string answer = co_await answer_message(state, std::string(message->begin(), message->end()), protocol);
    if (answer.empty()) continue;
    state->budget.spend_first(answer.size());
    std::string framed(link::kDatagramHeaderBytes, '\0');
    framed += answer;
    const std::span<uint8_t> room(reinterpret_cast<uint8_t*>(framed.data()), framed.size());
    dog.arm(idle, [stream] { stream->reset(); });
    co_await link::write_datagram(*stream, room, answer.size());
    if (protocol == Protocol::kUdp) idle = kIdleAfterAnswer;
  }
  co_await stream->close_write();
}

}  // namespace caisson::gate
