// SPDX-License-Identifier: Apache-2.0

#include "gate/http_session.h"

#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <vector>

#include "base/text.h"
#include "gate/failure.h"
#include "gate/hello_filter.h"
#include "gate/http1_input.h"
#include "gate/watchdog.h"

namespace caisson::gate {
namespace {

constexpr uint16_t kHttpPort = 80;
constexpr uint16_t kHttpsPort = 443;
constexpr size_t kFirstBytes = 4096;

TlsTermination& termination_of(Gate::State& state) {
  if (!state.termination) {
    auto made = std::make_shared<TlsTermination>();
    made->authority = state.options.authority;
    if (!made->authority) made->authority = std::make_shared<LocalAuthority>(LocalAuthority::folder_of_this_machine());
    made->server = tls_server_context();
    made->client = tls_client_context(state.options.trust_store);
    state.termination = std::move(made);
  }
  return *state.termination;
}

// RFC 9113, section 3.4.
constexpr std::string_view kHttp2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
// Each may hold some megabytes for those who do not read (Http2Limits).
constexpr size_t kMostHttp2Connections = 256;
constexpr const char* kTooManyHttp2 = "there are too many connections with HTTP/2 at a time (256)";

bool offers(const ClientHello& hello, std::string_view protocol) {
  return std::find(hello.alpn.begin(), hello.alpn.end(), protocol) != hello.alpn.end();
}

bool may_become_preface(std::string_view bytes) {
  return bytes.size() < kHttp2Preface.size() && kHttp2Preface.starts_with(bytes);
}

// HTTP/2's SETTINGS, which its server may send at once; no text begins so.
bool may_be_settings(std::string_view bytes) {
  return bytes.starts_with('\0');
}

}  // namespace

HttpJudged http_judged(const Policy& policy, const SandboxSecrets& secrets, const Target& target) {
  if (!target.name) return policy.needs_http(target.address, target.port) ? HttpJudged::kAll : HttpJudged::kNothing;
  if (policy.needs_http(*target.name, target.port)) return HttpJudged::kAll;
  if (secrets.go_to(*target.name, target.port)) return HttpJudged::kSecrets;
  // Where everything is allowed, another Host opens nothing more; and the host's own port is what its rule names.
  const bool one_site = policy.fallback() != Default::kAllow && *target.name != kHostName;
  return one_site && target.port == kHttpPort ? HttpJudged::kHost : HttpJudged::kNothing;
}

HttpSession::HttpSession(StatePtr state, Target target, uint64_t id, HttpJudged judged)
    : state_(std::move(state)),
      target_(std::move(target)),
      id_(id),
      judged_(judged),
      host_(target_.name ? *target_.name : to_string(target_.address)) {}

asio::awaitable<link::RelayEnd> HttpSession::serve(link::StreamPtr stream, std::shared_ptr<link::Descriptor> socket) {
  guest_ = std::make_shared<GuestEnd>(std::move(stream), state_, state_->budget);
  server_ = std::make_shared<ServerEnd>(socket, guest_);
  try {
    co_await serve_ends(socket);
  } catch (const std::exception& error) {
    if (failure_.empty()) failure_ = failure_of(error);
  }
  if (!failure_.empty()) abort();
  server_->close();
  co_return link::RelayEnd{.to_stream_bytes = guest_->to_guest_bytes(),
                           .from_stream_bytes = guest_->from_guest_bytes(),
                           .failure = failure_};
}

asio::awaitable<void> HttpSession::serve_ends(std::shared_ptr<link::Descriptor> socket) {
  asio::co_spawn(state_->executor, watch_server(shared_from_this(), socket), asio::detached);
  Opening opening = co_await first_bytes();
  switch (opening.hello.state()) {
    case ClientHelloReader::State::kMalformed:
      refuse(base::escaped(opening.hello.problem()));
      break;
    case ClientHelloReader::State::kHello:
      co_await serve_tls(std::move(opening));
      break;
    case ClientHelloReader::State::kNotTls:
    case ClientHelloReader::State::kNeedMore:
      co_await serve_plain(std::move(opening));
  }
}

asio::awaitable<void> HttpSession::serve_plain(Opening opening) {
  Server server{.stream = server_, .problem = {}};
  if (opening.bytes.starts_with(kHttp2Preface)) {
    server.version = Version::k2;
    if (!take_http2_place()) {
      refuse(kTooManyHttp2);
      co_return;
    }
  }
  ByteStreamPtr client = std::make_shared<PrefixedStream>(std::move(opening.bytes), guest_, std::move(opening.held));
  co_await serve_requests(std::move(client), std::move(server), Scheme::kHttp);
}

// Enough of them to tell TLS, HTTP/2 and what is neither from each other.
asio::awaitable<HttpSession::Opening> HttpSession::first_bytes() {
  const HttpLimits limits;
  Watchdog dog(state_->executor);
  dog.arm(limits.idle, [this] { abort(); });
  Opening opening{.bytes = {}, .hello = {}, .held = Held(state_->held)};
  std::vector<uint8_t> buffer(kFirstBytes);
  while (opening.hello.state() == ClientHelloReader::State::kNeedMore || may_become_preface(opening.bytes)) {
    const size_t got = co_await guest_->read_some(buffer);
    if (got == 0) break;
    if (!std::exchange(guest_spoke_, true)) dog.arm(limits.head, [this] { abort(); });
    const std::string_view bytes(reinterpret_cast<const char*>(buffer.data()), got);
    opening.held.set(kCopiesOfHead * (opening.bytes.size() + got));
    opening.bytes += bytes;
    opening.hello.feed(bytes);
  }
  guest_spoke_ = true;
  co_return opening;
}

// A client of a protocol in which the server begins would wait for it, and for no answer of ours.
asio::awaitable<void> HttpSession::watch_server(std::shared_ptr<HttpSession> self,
                                                std::shared_ptr<link::Descriptor> socket) {
  co_await socket->readable();
  if (self->guest_spoke_ || !socket->is_open()) co_return;
  char byte = 0;
  if (::recv(socket->get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) != 1 || may_be_settings({&byte, 1})) co_return;
  self->refuse("the server spoke first, so this is not HTTP, and requests are judged here");
  self->abort();
}

asio::awaitable<void> HttpSession::serve_tls(Opening opening) {
  if (judged_ == HttpJudged::kHost) {
    refuse("the client speaks TLS on the port of plain HTTP, where the host of each request is judged");
    co_return;
  }
  // A name that is missing or hidden (Encrypted Client Hello) opens nothing here: the gate answers as the target only,
  // and each request has to say the same host.
  const HelloRules rules{.name = target_.name.value_or(""), .hidden = Hidden::kAllowed};
  if (std::string why = hello_objection(opening.hello.hello(), rules); !why.empty()) {
    refuse(std::move(why));
    co_return;
  }
  TlsTermination& tls = termination_of(*state_);
  Server server;
  ByteStreamPtr client;
  {
    const HttpLimits limits;
    Watchdog dog(state_->executor);
    dog.arm(limits.head, [this] {
      failure_ = "the TLS handshake took too long";
      abort();
    });
    const Offer offer = offer_of(opening.hello.hello());
    if (offer.crowded && !offer.http1) {
      refuse(kTooManyHttp2);
      co_return;
    }
    if (offer.http1 || offer.http2) server = co_await meet_server(tls, offer);
    if (server.version == Version::k1) http2_place_.reset();
    client = co_await meet_client(tls, std::move(opening), server.version);
  }
  co_await serve_requests(std::move(client), std::move(server), Scheme::kHttps);
}

// Without ALPN HTTP/1.1 is meant. HTTP/2 only while there is room for it: those who offer both use the other one then.
HttpSession::Offer HttpSession::offer_of(const ClientHello& hello) {
  Offer offer{.http1 = hello.alpn.empty() || offers(hello, "http/1.1")};
  if (offers(hello, "h2")) {
    offer.http2 = take_http2_place();
    offer.crowded = !offer.http2;
  }
  return offer;
}

bool HttpSession::take_http2_place() {
  if (state_->http2_connections >= kMostHttp2Connections) return false;
  ++state_->http2_connections;
  http2_place_ = std::shared_ptr<void>(nullptr, [state = state_](void*) { --state->http2_connections; });
  return true;
}

// Its certificate is judged before the client learns anything.
asio::awaitable<HttpSession::Server> HttpSession::meet_server(TlsTermination& tls, Offer offer) {
  Server server{.version = offer.http2 ? Version::k2 : Version::k1};
  SslPtr ssl = tls_client(*tls.client, host_);
  offer_protocols(*ssl, !offer.http2 ? kAlpnHttp1 : offer.http1 ? kAlpnBoth : kAlpnHttp2);
  const auto stream = std::make_shared<TlsStream>(state_->executor, server_, std::move(ssl));
  try {
    co_await stream->handshake();
    server.stream = stream;
  } catch (const base::Error& error) {
    server.problem = "TLS with " + base::in_quotes(host_) + " failed: " + error.problem();
  }
  if (server.stream && stream->protocol() != "h2") {
    // Also a server that does not know ALPN speaks HTTP/1.1.
    server.version = Version::k1;
    if (!offer.http1) {
      server = {.problem = base::in_quotes(host_) + " speaks no HTTP/2 (ALPN), and the client nothing else",
                .version = Version::k2};
    }
  }
  if (!server.stream) server_->close();
  co_return server;
}

asio::awaitable<ByteStreamPtr> HttpSession::meet_client(TlsTermination& tls, Opening opening, Version version) {
  SslPtr ssl(SSL_new(tls.server.get()));
  if (!ssl) throw std::bad_alloc();
  SSL_set_accept_state(ssl.get());
  tls.authority->use(*ssl, host_);
  take_protocols(*ssl, version == Version::k2 ? kAlpnHttp2 : kAlpnHttp1);
  const ClientHello& hello = opening.hello.hello();
  const bool common = hello.alpn.empty() || offers(hello, version == Version::k2 ? "h2" : "http/1.1");
  ByteStreamPtr below = std::make_shared<PrefixedStream>(std::move(opening.bytes), guest_, std::move(opening.held));
  const auto stream = std::make_shared<TlsStream>(state_->executor, std::move(below), std::move(ssl));
  try {
    co_await stream->handshake();
  } catch (const base::Error& error) {
    if (!common) refuse("the client speaks neither HTTP/1.1 nor HTTP/2 (ALPN), and requests are judged here");
    throw base::Error("the TLS handshake with the client failed: " + error.problem());
  }
  co_return stream;
}

asio::awaitable<void> HttpSession::serve_requests(ByteStreamPtr client, Server server, Scheme scheme) {
  HttpOptions options;
  options.host = host_;
  options.port = target_.port;
  options.usual_port = scheme == Scheme::kHttp ? kHttpPort : kHttpsPort;
  options.no_server = std::move(server.problem);
  options.held = state_->held;
  options.secrets = std::make_shared<RequestSecrets>(state_->secrets, target_.name.value_or(""), target_.port);
  options.secret_used = [this](const std::string& name) { used_secrets_.insert(name); };
  const bool is_http2 = server.version == Version::k2;
  if (judged_ == HttpJudged::kAll) {
    options.judge = [this, is_http2](std::string_view method, const CanonicalPath& path) {
      Verdict verdict = judge(state_->options.policy, method, path);
      if (verdict.allowed && !is_http2) under_way_.emplace(method, path);
      return verdict;
    };
  }
  options.record = [this, scheme](const HttpRecord& made) {
    under_way_.reset();
    record(made, scheme);
  };
  HttpEnd end;
  if (is_http2) {
    end = co_await serve_http2(std::move(client), std::move(server.stream), std::move(options));
  } else {
    end = co_await serve_http1(std::move(client), std::move(server.stream), std::move(options));
  }
  if (end.not_http) refuse(end.failure);
  if (failure_.empty()) failure_ = end.failure;
}

asio::awaitable<HttpEnd> HttpSession::serve_http2(ByteStreamPtr client, ByteStreamPtr server, HttpOptions options) {
  http2_ =
      std::make_shared<Http2Connection>(state_->executor, std::move(client), std::move(server), std::move(options));
  HttpEnd end = co_await Http2Connection::serve(http2_);
  http2_.reset();
  http2_place_.reset();
  co_return end;
}

void HttpSession::reconsider() {
  if (!http2_ || judged_ != HttpJudged::kAll) return;
  http2_->reconsider([this](std::string_view method, const CanonicalPath& path) {
    return judge(state_->options.policy, method, path);
  });
}

std::optional<Verdict> HttpSession::objection(const Policy& policy) const {
  if (!under_way_) return std::nullopt;
  Verdict verdict = judge(policy, under_way_->first, under_way_->second);
  if (verdict.allowed) return std::nullopt;
  return verdict;
}

Verdict HttpSession::judge(const Policy& policy, std::string_view method, const CanonicalPath& path) const {
  Verdict verdict = target_.name ? policy.judge_request(*target_.name, target_.port, method, path)
                                 : policy.judge_request(target_.address, target_.port, method, path);
  verdict.allowed = verdict.allowed || (verdict.ask && target_.once);
  return verdict;
}

void HttpSession::refuse(std::string why) {
  if (!refusal_.empty()) return;
  refusal_ = why;
  failure_ = std::move(why);
}

void HttpSession::abort() {
  guest_->abort();
  server_->abort();
}

}  // namespace caisson::gate
