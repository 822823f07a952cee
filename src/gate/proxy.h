// SPDX-License-Identifier: Apache-2.0

// The proxy of the user's environment, for the gate's own TCP connections: HTTPS_PROXY, HTTP_PROXY (port 80), ALL_PROXY
// and NO_PROXY, in lower case first, as curl reads them.
//
// A proxy is asked by CONNECT and told the name: in many networks only it can resolve one. Its user and password are a
// secret of the user's: they go to the proxy and nowhere else.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gate/dial.h"
#include "gate/host_resolver.h"
#include "gate/policy.h"

namespace caisson::gate {

struct Proxy {
  std::string host;  // a name or an address
  uint16_t port = 0;
  std::string authorization;  // "Basic …", "": none

  // "proxy.example:3128": without what is secret.
  std::string text() const;
};

class Proxies {
 public:
  // None.
  Proxies() = default;
  // `variable` is getenv(3). Throws a base::Error that names the variable, and not what is in it.
  static Proxies of_environment(const char* (*variable)(const char*));
  static Proxies of_process();
  // The variables, for who starts a process that reads them.
  static const std::vector<const char*>& variables();

  // For a host (a name in normal form, or an address without brackets) and port; null: it is reached without.
  const Proxy* for_target(std::string_view host, uint16_t port) const;
  bool empty() const { return !plain_ && !other_; }
  // A line for the user: "proxy.example:3128 (with a password), not for localhost"
  std::string summary() const;

 private:
  std::optional<Proxy> plain_;  // of port 80
  std::optional<Proxy> other_;
  std::vector<std::string> without_;  // NO_PROXY
};

// One that cannot be used is an error before anything starts, where the policy allows anything.
void check_proxies(const Policy& policy);

// The request for a tunnel to "HOST:PORT".
std::string connect_request(const Proxy& proxy, const std::string& target);
// Asks for it on a connection to the proxy, from which the answer's bytes are taken and none behind them. Throws a
// base::Error with the reason: "proxy: 403".
asio::awaitable<void> ask_proxy(std::shared_ptr<link::Descriptor> socket, std::string request,
                                std::chrono::milliseconds limit);
// A tunnel to "HOST:PORT" through the proxy, whose addresses are tried as `limits` say. Throws a base::Error with the
// reason.
struct ProxyDial {
  std::shared_ptr<const Proxy> proxy;
  std::string target;
  DialLimits limits = {};
};
asio::awaitable<std::shared_ptr<link::Descriptor>> dial_proxy(asio::any_io_executor executor,
                                                              std::shared_ptr<Upstream> upstream, ProxyDial wanted);

}  // namespace caisson::gate
