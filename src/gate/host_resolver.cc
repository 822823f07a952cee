// SPDX-License-Identifier: Apache-2.0

#include "gate/host_resolver.h"

#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>

#include "gate/dns.h"
#include "link/event.h"

namespace caisson::gate {
namespace {

constexpr size_t kMostThreads = 16;

IpAddress address_of(const addrinfo& found) {
  if (found.ai_family == AF_INET)
    return IpAddress::v4(ntohl(reinterpret_cast<const sockaddr_in*>(found.ai_addr)->sin_addr.s_addr));
  std::array<uint8_t, 16> bytes;
  std::memcpy(bytes.data(), &reinterpret_cast<const sockaddr_in6*>(found.ai_addr)->sin6_addr, bytes.size());
  return IpAddress::v6(bytes);
}

// The name that was judged is the one that is asked for, and no other with a domain of the host's behind it. (A dot at
// its end would do that too, but /etc/hosts has no such names.) For this thread. A change of resolv.conf is seen here,
// each time, since a look-up that sees it by itself would put the domains back (RES_NORELOAD).
void no_search_domains() {
  ::res_init();
  _res.options &= ~static_cast<decltype(_res.options)>(RES_DNSRCH | RES_DEFNAMES);
  _res.options |= RES_NORELOAD;
}

}  // namespace

Resolved resolve_on_host(const std::string& name) {
  no_search_domains();
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* list = nullptr;
  const int failed = ::getaddrinfo(name.c_str(), nullptr, &hints, &list);
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(list, &::freeaddrinfo);
  Resolved resolved;
  if (failed != 0) resolved.error = ::gai_strerror(failed);
  for (const addrinfo* found = list; found != nullptr; found = found->ai_next) {
    if (found->ai_family != AF_INET && found->ai_family != AF_INET6) continue;
    const IpAddress address = address_of(*found);
    if (std::find(resolved.addresses.begin(), resolved.addresses.end(), address) == resolved.addresses.end() &&
        resolved.addresses.size() < HostResolver::kMostAddresses)
      resolved.addresses.push_back(address);
  }
  if (resolved.addresses.empty() && resolved.error.empty()) resolved.error = "it has no address";
  return resolved;
}

std::string ask_name_server(const std::string& message, const sockaddr_in* server) {
  struct __res_state state {};
  if (::res_ninit(&state) != 0) return {};
  if (server != nullptr) {
    state.nscount = 1;
    state.nsaddr_list[0] = *server;
  }
  // As much as there can be, for the few look-ups at a time: what does not fit res_nsend(3) cuts off, after it has
  // asked by TCP for the whole.
  std::string answer(kMaxTcpAnswerBytes, '\0');
  const int size =
      ::res_nsend(&state, reinterpret_cast<const unsigned char*>(message.data()), static_cast<int>(message.size()),
                  reinterpret_cast<unsigned char*>(answer.data()), static_cast<int>(answer.size()));
  ::res_nclose(&state);
  if (size <= 0) return {};
  return answer.substr(0, static_cast<size_t>(size));
}

struct HostResolver::Workers {
  explicit Workers(asio::any_io_executor on) : executor(std::move(on)) {}

  // Runs in the executor's thread what a worker has found, unless the resolver has gone with its event loop.
  void finish(std::function<void()> done) {
    const std::lock_guard guard(mutex);
    if (!stopped) asio::post(executor, std::move(done));
  }

  static void work(const std::shared_ptr<Workers>& self) {
    std::unique_lock guard(self->mutex);
    while (true) {
      ++self->idle;
      self->more.wait(guard, [&] { return self->stopped || !self->jobs.empty(); });
      --self->idle;
      if (self->stopped) return;
      const std::function<void()> job = std::move(self->jobs.front());
      self->jobs.pop_front();
      guard.unlock();
      job();
      guard.lock();
    }
  }

  // False where the system has no thread to give.
  static bool start_thread(const std::shared_ptr<Workers>& self) {
    try {
      std::thread([self] { work(self); }).detach();
      return true;
    } catch (const std::system_error&) {
      return false;
    }
  }

  static bool add(const std::shared_ptr<Workers>& self, std::function<void()> job) {
    const std::lock_guard guard(self->mutex);
    if (self->jobs.size() >= kMostWaiting) return false;
    if (self->jobs.size() + 1 > self->idle && self->threads < kMostThreads && start_thread(self)) ++self->threads;
    if (self->threads == 0) return false;
    self->jobs.push_back(std::move(job));
    self->more.notify_one();
    return true;
  }

  asio::any_io_executor executor;
  std::mutex mutex;
  std::condition_variable more;
  std::deque<std::function<void()>> jobs;
  size_t threads = 0;
  size_t idle = 0;
  bool stopped = false;
};

HostResolver::HostResolver(asio::any_io_executor executor) : workers_(std::make_shared<Workers>(std::move(executor))) {}

HostResolver::~HostResolver() {
  const std::lock_guard guard(workers_->mutex);
  workers_->stopped = true;
  workers_->jobs.clear();
  workers_->more.notify_all();
}

template <typename Result>
asio::awaitable<Result> HostResolver::in_worker(std::function<Result()> look_up, Result when_busy) {
  auto begin = [workers = workers_, look_up = std::move(look_up), when_busy](auto handler) mutable {
    const auto resume = std::make_shared<decltype(handler)>(std::move(handler));
    auto job = [workers, look_up = std::move(look_up), resume] {
      const auto result = std::make_shared<Result>(look_up());
      workers->finish([resume, result] { std::move (*resume)(std::move(*result)); });
    };
    if (!Workers::add(workers, std::move(job)))
      asio::post(workers->executor, [resume, when_busy] { std::move (*resume)(when_busy); });
  };
  co_return co_await asio::async_initiate<const asio::use_awaitable_t<>, void(Result)>(begin, asio::use_awaitable);
}

struct HostResolver::LookUp {
  explicit LookUp(const asio::any_io_executor& executor) : done(executor) {}

  link::Event done;
  std::optional<Resolved> result;
};

asio::awaitable<Resolved> HostResolver::resolve(std::string name) {
  const auto same = under_way_.find(name);
  if (same != under_way_.end()) {
    const std::shared_ptr<LookUp> shared = same->second;
    while (!shared->result) co_await shared->done.wait();
    co_return *shared->result;
  }
  const auto own = std::make_shared<LookUp>(workers_->executor);
  under_way_.emplace(name, own);
  const std::function<Resolved()> work = [name] { return resolve_on_host(name); };
  const Resolved busy{.addresses = {}, .error = "too many names are being resolved"};
  own->result = co_await in_worker<Resolved>(work, busy);
  under_way_.erase(name);
  own->done.notify_all();
  co_return *own->result;
}

asio::awaitable<std::string> HostResolver::query(std::string message) {
  const std::function<std::string()> work = [message] { return ask_name_server(message, nullptr); };
  return in_worker<std::string>(work, std::string());
}

}  // namespace caisson::gate
