// SPDX-License-Identifier: Apache-2.0

// CONNECT (RFC 9110, 9.3.6). The proxy's words are foreign bytes: its answer's head is bounded, and only the number in
// its first line is looked at. What follows the head is the server's, and stays in the socket.

#include <sys/socket.h>

#include <array>
#include <boost/asio/this_coro.hpp>

#include "base/text.h"
#include "gate/proxy.h"
#include "gate/watchdog.h"
#include "link/relay.h"

namespace caisson::gate {
namespace {

using Socket = std::shared_ptr<link::Descriptor>;

constexpr size_t kMaxHeadBytes = 16384;
constexpr int kMostInterim = 8;
constexpr std::chrono::seconds kAnswerLimit{60};

// Takes the head's bytes, and none behind it, out of the socket.
asio::awaitable<std::string> read_head(Socket socket) {
  std::string head;
  std::array<char, 2048> buffer{};
  while (true) {
    const ssize_t count = ::recv(socket->get(), buffer.data(), buffer.size(), MSG_PEEK);
    if (count == 0) throw base::Error("proxy: it ended the connection");
    if (count < 0) {
      const int errnum = errno;
      if (errnum == EAGAIN) co_await socket->readable();
      if (!socket->is_open()) throw base::Error("proxy: it did not answer in time");
      if (errnum == EAGAIN || errnum == EINTR) continue;
      throw base::system_error("proxy: cannot read from", "it", errnum);
    }
    const size_t before = head.size();
    head.append(buffer.data(), static_cast<size_t>(count));
    const size_t end = head.find("\r\n\r\n", before < 3 ? 0 : before - 3);
    const bool complete = end != std::string::npos;
    if (complete) head.resize(end + 4);
    const ssize_t taken = ::recv(socket->get(), buffer.data(), head.size() - before, 0);
    if (taken != static_cast<ssize_t>(head.size() - before)) throw base::Error("proxy: it ended the connection");
    if (complete) co_return head;
    if (head.size() > kMaxHeadBytes) throw base::Error("proxy: its answer is too long");
  }
}

// "HTTP/1.1 200 …" as 200.
unsigned status_of(const std::string& head) {
  const bool is_http = head.starts_with("HTTP/1.") && head.size() > 12 && head[8] == ' ';
  const auto status = is_http ? base::parse_number<unsigned>(std::string_view(head).substr(9, 3)) : std::nullopt;
  if (!status) throw base::Error("proxy: its answer is not HTTP/1");
  return *status;
}

void check(unsigned status) {
  if (status >= 200 && status < 300) return;
  std::string problem = "proxy: " + std::to_string(status);
  if (status == 407) problem += " (it wants a user and password, and takes none or not these)";
  throw base::Error(problem);
}

}  // namespace

std::string connect_request(const Proxy& proxy, const std::string& target) {
  std::string request = "CONNECT " + target + " HTTP/1.1\r\nHost: " + target + "\r\n";
  if (!proxy.authorization.empty()) request += "Proxy-Authorization: " + proxy.authorization + "\r\n";
  return request + "\r\n";
}

asio::awaitable<void> ask_proxy(Socket socket, std::string request, std::chrono::milliseconds limit) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  Watchdog dog(executor);
  dog.arm(limit, [socket] { socket->close(); });
  try {
    const std::span<const uint8_t> bytes(reinterpret_cast<const uint8_t*>(request.data()), request.size());
    co_await link::send_all(*socket, bytes);
  } catch (const base::Error& error) {
    throw error.within("proxy");
  }
  // An interim answer (RFC 9110, 15.2) is followed by the one that counts.
  unsigned status = 100;
  for (int heads = 0; status >= 100 && status < 200; ++heads) {
    if (heads == kMostInterim) throw base::Error("proxy: it sends interim answers without end");
    const std::string head = co_await read_head(socket);
    status = status_of(head);
  }
  check(status);
}

asio::awaitable<Socket> dial_proxy(asio::any_io_executor executor, std::shared_ptr<Upstream> upstream,
                                   ProxyDial wanted) {
  const std::shared_ptr<const Proxy> proxy = wanted.proxy;
  std::vector<IpAddress> addresses;
  if (const auto address = IpAddress::parse(proxy->host)) {
    addresses.push_back(*address);
  } else {
    Resolved resolved = co_await upstream->resolve(proxy->host);
    if (resolved.addresses.empty())
      throw base::Error("proxy: cannot resolve " + base::in_quotes(proxy->host) + ": " + resolved.error);
    addresses = std::move(resolved.addresses);
  }
  Socket socket;
  try {
    const Dialled dialled = co_await dial_tcp(executor, std::move(addresses), proxy->port, wanted.limits);
    socket = dialled.socket;
  } catch (const base::Error& error) {
    throw error.within("proxy");
  }
  std::string request = connect_request(*proxy, wanted.target);
  co_await ask_proxy(socket, std::move(request), kAnswerLimit);
  co_return socket;
}

}  // namespace caisson::gate
