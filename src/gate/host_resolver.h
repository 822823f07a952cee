// SPDX-License-Identifier: Apache-2.0

// The host's own resolver, so that what the host resolves (split DNS, a VPN's names, /etc/hosts) is what a sandbox
// reaches. getaddrinfo(3) and res_nsend(3) block, so they run in threads of their own; everything else here belongs to
// the executor's one thread.
#pragma once

#include <netinet/in.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "gate/address.h"

namespace caisson::gate {

namespace asio = boost::asio;

struct Resolved {
  std::vector<IpAddress> addresses;  // in the order to try them (RFC 6724), each once, at most kMostAddresses
  std::string error;                 // why there are none
};

// getaddrinfo(3) of the name as it is: no search domain is put behind it. Blocks. Any thread.
Resolved resolve_on_host(const std::string& name);

// The answer of the host's name server to a DNS query, of up to kMaxTcpAnswerBytes; "" where there is none. Blocks. Any
// thread. `server`: in the place of the host's, for tests; may be null.
std::string ask_name_server(const std::string& message, const sockaddr_in* server);

// The seam between the gate and the host's resolver: tests have their own.
class Upstream {
 public:
  virtual ~Upstream() = default;
  // Never throws; what goes wrong is in `error`.
  virtual asio::awaitable<Resolved> resolve(std::string name) = 0;
  // The answer of the host's name server to a DNS query, "" where there is none.
  virtual asio::awaitable<std::string> query(std::string message) = 0;
};

class HostResolver final : public Upstream {
 public:
  static constexpr size_t kMostAddresses = 16;
  static constexpr size_t kMostWaiting = 1024;  // beyond that a look-up fails at once

  explicit HostResolver(asio::any_io_executor executor);
  // Look-ups under way end unheard: a thread that waits for a name server is not waited for.
  ~HostResolver() override;
  HostResolver(const HostResolver&) = delete;
  HostResolver& operator=(const HostResolver&) = delete;

  // Those who ask for one name at a time share a look-up: a program that opens thousands of connections to it is one.
  asio::awaitable<Resolved> resolve(std::string name) override;
  asio::awaitable<std::string> query(std::string message) override;

 private:
  struct Workers;
  struct LookUp;
  template <typename Result>
  asio::awaitable<Result> in_worker(std::function<Result()> look_up, Result when_busy);

  std::shared_ptr<Workers> workers_;
  std::map<std::string, std::shared_ptr<LookUp>, std::less<>> under_way_;
};

}  // namespace caisson::gate
