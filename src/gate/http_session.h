// SPDX-License-Identifier: Apache-2.0

// A connection whose requests have to be judged one by one, since a rule for its target speaks of methods or paths.
//
// TLS is ended here: the gate is the client's server, with a certificate of the machine's authority, and the server's
// client, with the host's trust. The server is met first; what is wrong with it is what the client's requests are
// answered with. What is neither HTTP/1 nor TLS is refused. There is no HTTP/2 on such a connection: clients that offer
// HTTP/1.1 too (ALPN) use that, others are refused.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "gate/ca.h"
#include "gate/gate_state.h"
#include "gate/http1_proxy.h"
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

bool needs_http(const Policy& policy, const Target& target);

class HttpSession : public std::enable_shared_from_this<HttpSession> {
 public:
  HttpSession(StatePtr state, Target target, uint64_t id);

  // Until the connection has ended. Never throws. Each request is recorded. Once.
  asio::awaitable<link::RelayEnd> serve(link::StreamPtr stream, std::shared_ptr<link::Descriptor> socket);
  // Why the whole connection was refused, "" when it was not.
  const std::string& refusal() const { return refusal_; }
  // Whether a policy that has changed denies the request that is under way.
  std::optional<std::string> objection(const Policy& policy) const;

 private:
  struct Opening {
    std::string bytes;
    ClientHelloReader hello;
  };
  enum class Scheme : uint8_t { kHttp, kHttps };
  struct Server {
    ByteStreamPtr stream;  // none:
    std::string problem;   // why
  };

  asio::awaitable<void> serve_ends(std::shared_ptr<link::Descriptor> socket);
  asio::awaitable<Opening> first_bytes();
  static asio::awaitable<void> watch_server(std::shared_ptr<HttpSession> self,
                                            std::shared_ptr<link::Descriptor> socket);
  asio::awaitable<void> serve_tls(Opening opening);
  asio::awaitable<Server> meet_server(TlsTermination& tls);
  asio::awaitable<ByteStreamPtr> meet_client(TlsTermination& tls, Opening opening);
  asio::awaitable<void> serve_requests(ByteStreamPtr client, Server server, Scheme scheme);
  Verdict judge(const Policy& policy, std::string_view method, const CanonicalPath& path) const;
  void record(const HttpRecord& record, Scheme scheme);
  void count(const HttpRecord& record, Scheme scheme);
  void refuse(std::string why);
  void abort();

  StatePtr state_;
  Target target_;
  uint64_t id_;
  std::string host_;  // the target's name or address
  std::shared_ptr<GuestEnd> guest_;
  std::shared_ptr<SocketEnd> server_;
  bool guest_spoke_ = false;
  std::optional<std::pair<std::string, CanonicalPath>> under_way_;  // the request
  std::string refusal_;
  std::string failure_;
};

}  // namespace caisson::gate
