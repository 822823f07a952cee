// SPDX-License-Identifier: Apache-2.0

#include "guest/egress.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <exception>

#include "base/error.h"
#include "guest/accepting.h"
#include "guest/guest.h"
#include "guest/packet_filter.h"
#include "guest/udp_flow.h"
#include "link/message.h"
#include "link/relay.h"
#include "link/services.h"

namespace caisson::guest {
namespace {

using namespace std::chrono_literals;

constexpr int kBacklog = 16384;
constexpr size_t kMostHeldPerFlow = 16;
constexpr auto kHandshakeLimit = 10s;  // on the loopback device

base::Fd listen_for_allowed() {
  base::Fd socket(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int yes = 1;
  const int no = 0;
  sockaddr_in6 any{};
  any.sin6_family = AF_INET6;
  any.sin6_port = htons(kEgressPort);
  if (!socket || ::setsockopt(socket.get(), SOL_IPV6, IPV6_V6ONLY, &no, sizeof no) != 0 ||
      ::setsockopt(socket.get(), SOL_IPV6, IPV6_TRANSPARENT, &yes, sizeof yes) != 0 ||
      ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
      ::bind(socket.get(), reinterpret_cast<sockaddr*>(&any), sizeof any) != 0 || ::listen(socket.get(), kBacklog) != 0)
    throw base::system_error("cannot listen for", "the sandbox's connections");
  return socket;
}

// Where a redirected connection was going (include/uapi/linux/netfilter_ipv4.h, netfilter_ipv6/ip6_tables.h).
std::optional<Endpoint> destination_before_redirect(const base::Fd& connection, uint8_t family) {
  constexpr int kOriginalDestination = 80;  // SO_ORIGINAL_DST, IP6T_SO_ORIGINAL_DST
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getsockopt(connection.get(), family == AF_INET ? SOL_IP : SOL_IPV6, kOriginalDestination, &address, &size) != 0)
    return std::nullopt;
  return Endpoint::of(address);
}

std::optional<FlowKey> flow_of(const base::Fd& connection) {
  FlowKey flow{.protocol = IPPROTO_TCP, .source = {}, .destination = {}};
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getpeername(connection.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) return std::nullopt;
  flow.source = Endpoint::of(address);
  size = sizeof address;
  if (::getsockname(connection.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) return std::nullopt;
  flow.destination = Endpoint::of(address);
  return flow;
}

asio::awaitable<void> relay_connection(asio::any_io_executor executor, link::StreamPtr stream, base::Fd connection) {
  const int now = 1;
  ::setsockopt(connection.get(), IPPROTO_TCP, TCP_NODELAY, &now, sizeof now);
  auto socket = std::make_shared<Descriptor>(executor, std::move(connection));
  co_await link::relay(std::move(stream), std::move(socket));
}

// An init that could not hear of new connections any more would leave the sandbox without a network and without a word.
void rethrow(std::exception_ptr error) {
  if (error) std::rethrow_exception(error);
}

}  // namespace

void Egress::start() {
  for (const char* limit : {"sys/net/core/somaxconn", "sys/net/ipv4/tcp_max_syn_backlog"})
    write_small(guest_.anchors.proc, limit, std::to_string(kBacklog));
  base::Fd listener = listen_for_allowed();
  queue_ = std::make_unique<PacketQueue>(guest_.executor, kEgressQueue);
  auto on_each = [this](uint32_t id, const FlowKey& flow) { on_packet(id, flow); };
  asio::co_spawn(guest_.executor, queue_->run(on_each), rethrow);
  auto on_accepted = [this](base::Fd connection) { on_connection(std::move(connection)); };
  asio::co_spawn(guest_.executor, accept_for_ever(guest_.executor, std::move(listener), on_accepted), rethrow);
}

void Egress::on_packet(uint32_t id, const FlowKey& flow) {
  if (made_.contains(flow)) {  // its SYN was let go, and lost
    queue_->decide(id, PacketFate::kAllow);
    return;
  }
  std::vector<uint32_t>& held = asked_[flow];
  if (held.size() == kMostHeldPerFlow) {
    queue_->decide(id, PacketFate::kDrop);
    return;
  }
  held.push_back(id);
  if (held.size() == 1) asio::co_spawn(guest_.executor, judge(flow), asio::detached);
}

asio::awaitable<void> Egress::judge(FlowKey flow) {
  bool is_made = false;
  try {
    link::StreamPtr stream = co_await ask_gate(flow);
    is_made = make(flow, std::move(stream));
  } catch (const std::exception&) {
    // Refused, and the host's ledger has the reason; or there is no host, or no room on the link, or no memory.
    // Whatever it is: the flow's packets would be held for ever without a word about them.
  }
  const auto held = asked_.extract(flow);
  for (const uint32_t id : held.mapped()) queue_->decide(id, is_made ? PacketFate::kAllow : PacketFate::kRefuse);
}

asio::awaitable<link::StreamPtr> Egress::ask_gate(FlowKey flow) {
  const std::shared_ptr<link::Session> session = guest_.session.lock();
  if (!session) throw base::Error("there is no host");
  link::ConnectRequest request;
  request.protocol =
      flow.protocol == IPPROTO_TCP ? link::ConnectRequest::Protocol::kTcp : link::ConnectRequest::Protocol::kUdp;
  request.address = flow.destination.address_text();
  request.port = flow.destination.port;
  const base::Json message = link::to_json(request);
  link::StreamPtr stream = co_await session->open();
  co_await link::write_message(*stream, message);
  base::Json answer = co_await link::read_message(*stream);
  link::checked_answer(std::move(answer), "cannot connect");
  co_return stream;
}

// Before the packet is let go, so that what it leads to finds it.
bool Egress::make(const FlowKey& flow, link::StreamPtr stream) {
  if (flow.protocol == IPPROTO_UDP) return start_udp_flow(guest_.executor, flow, std::move(stream));
  made_[flow] = Made{.stream = std::move(stream), .until = Clock::now() + kHandshakeLimit};
  if (!gives_up_) {
    gives_up_ = true;
    asio::co_spawn(guest_.executor, give_up_made(), asio::detached);
  }
  return true;
}

// A client that went away before its handshake was done.
asio::awaitable<void> Egress::give_up_made() {
  asio::steady_timer timer(guest_.executor);
  while (!made_.empty()) {
    timer.expires_after(kHandshakeLimit);
    co_await timer.async_wait(asio::use_awaitable);
    const Clock::time_point now = Clock::now();
    std::erase_if(made_, [now](const auto& entry) { return entry.second.until <= now; });
  }
  gives_up_ = false;
}

// A connection that was not asked for came straight to the listener's port: it is closed.
void Egress::on_connection(base::Fd connection) {
  const std::optional<FlowKey> flow = flow_of(connection);
  if (!flow) return;
  auto found = made_.extract(*flow);
  if (found.empty()) {
    const std::optional<Endpoint> asked_for = destination_before_redirect(connection, flow->source.family);
    if (!asked_for) return;
    found = made_.extract(FlowKey{.protocol = IPPROTO_TCP, .source = flow->source, .destination = *asked_for});
  }
  if (found.empty()) return;
  asio::co_spawn(guest_.executor,
                 relay_connection(guest_.executor, std::move(found.mapped().stream), std::move(connection)),
                 asio::detached);
}

}  // namespace caisson::guest
