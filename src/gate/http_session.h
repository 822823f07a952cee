// SPDX-License-Identifier: Apache-2.0

// A connection whose requests have to be judged one by one: since a rule for its target speaks of methods or paths,
// since a secret goes there (request_secrets.h), or since it goes to a name's port 80, where each request could name
// another site of the same server (Host).
//
// TLS is ended here: the gate is the client's server, with a certificate of the machine's authority, and the server's
// client, with the host's trust. The server is met first; what is wrong with it is what the client's requests are
// answered with. It is offered those of HTTP/2 and HTTP/1.1 that the client offered (ALPN), and the client then gets
// what it took, so that neither is ever translated into the other. Without TLS a client that begins with HTTP/2's
// preface speaks it ("prior knowledge"), and so must its server. What is neither HTTP nor TLS is refused: a server may
// find a request where this reader finds none. So is TLS where only the host is judged, since it would have to be
// ended.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "gate/ca.h"
#include "gate/gate_state.h"
#include "gate/http1_proxy.h"
#include "gate/http2_connection.h"
#include "gate/stream_ends.h"
#include "gate/tls_hello.h"
#include "gate/tls_stream.h"
#include "link/relay.h"

namespace caisson::gate {

// What TLS is ended with. One for a gate, made when it is first needed.
struct TlsTermination {
  std::shared_ptr<LocalAuthority> authority;
  SslContextPtr server;
  SslContextPtr client;
};

// What of the requests on connections to a target is judged, in the order of strictness. kSecrets: the host, and what
// they have of secrets; no rule speaks of their paths, so every path is allowed, also one that servers could differ on.
enum class HttpJudged : uint8_t { kNothing, kHost, kSecrets, kAll };
HttpJudged http_judged(const Policy& policy, const SandboxSecrets& secrets, const Target& target);

class HttpSession : public std::enable_shared_from_this<HttpSession> {
 public:
  // `judged` is not kNothing.
  HttpSession(StatePtr state, Target target, uint64_t id, HttpJudged judged);

  // Until the connection has ended. Never throws. Each request is recorded. Once.
  asio::awaitable<link::RelayEnd> serve(link::StreamPtr stream, std::shared_ptr<link::Descriptor> socket);
  // Why the whole connection was refused, "" when it was not.
  const std::string& refusal() const { return refusal_; }
  HttpJudged judged() const { return judged_; }
  // Whether a policy that has changed denies the request of HTTP/1 that is under way: then the connection has to end.
  std::optional<Verdict> objection(const Policy& policy) const;
  bool used_secret(const std::string& name) const { return used_secrets_.contains(name); }
  // Ends those of HTTP/2 that the policy, which has changed, denies.
  void reconsider();

 private:
  struct Opening {
    std::string bytes;
    ClientHelloReader hello;  // has them, too
    Held held;
  };
  enum class Scheme : uint8_t { kHttp, kHttps };
  enum class Version : uint8_t { k1, k2 };
  // What the client would speak.
  struct Offer {
    bool http1 = false;
    bool http2 = false;
    bool crowded = false;  // there is no place for another connection with HTTP/2
  };
  struct Server {
    ByteStreamPtr stream = {};      // none:
    std::string problem = {};       // why
    Version version = Version::k1;  // what is spoken with it, and with the client
  };

  asio::awaitable<void> serve_ends(std::shared_ptr<link::Descriptor> socket);
  asio::awaitable<Opening> first_bytes();
  static asio::awaitable<void> watch_server(std::shared_ptr<HttpSession> self,
                                            std::shared_ptr<link::Descriptor> socket);
  asio::awaitable<void> serve_tls(Opening opening);
  Offer offer_of(const ClientHello& hello);
  asio::awaitable<Server> meet_server(TlsTermination& tls, Offer offer);
  asio::awaitable<ByteStreamPtr> meet_client(TlsTermination& tls, Opening opening, Version version);
  asio::awaitable<void> serve_plain(Opening opening);
  asio::awaitable<void> serve_requests(ByteStreamPtr client, Server server, Scheme scheme);
  asio::awaitable<HttpEnd> serve_http2(ByteStreamPtr client, ByteStreamPtr server, HttpOptions options);
  bool take_http2_place();
  Verdict judge(const Policy& policy, std::string_view method, const CanonicalPath& path) const;
  void record(const HttpRecord& record, Scheme scheme);
  void count(const HttpRecord& record, Scheme scheme);
  void refuse(std::string why);
  void abort();

  StatePtr state_;
  Target target_;
  uint64_t id_;
  HttpJudged judged_;
  std::string host_;  // the target's name or address
  std::shared_ptr<GuestEnd> guest_;
  std::shared_ptr<ServerEnd> server_;
  bool guest_spoke_ = false;
  std::optional<std::pair<std::string, CanonicalPath>> under_way_;  // the request of HTTP/1
  std::shared_ptr<Http2Connection> http2_;
  std::shared_ptr<void> http2_place_;  // among those that may be at a time
  std::set<std::string> used_secrets_;
  std::string refusal_;
  std::string failure_;
};

}  // namespace caisson::gate
