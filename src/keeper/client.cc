// SPDX-License-Identifier: Apache-2.0

#include "keeper/client.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/ascii.h"
#include "base/text.h"

namespace caisson::keeper {
namespace {

using Clock = std::chrono::steady_clock;
using Deadline = std::optional<Clock::time_point>;

// A keeper that is stopped or hangs takes connections until its queue is full, and answers none.
constexpr std::chrono::seconds kConnectWithin{5};
constexpr size_t kMaxAnswerHeaderBytes = 64U << 10;
constexpr size_t kMaxAnswerBytes = 16U << 20;

ApiError broken(const std::string& problem, const std::string& hint = {}) {
  return ApiError(problem, hint, kExitOurs, 0);
}

ApiError keeper_ended() {
  return broken("the sandbox's keeper has ended", "`caisson ls` shows what is left");
}

ApiError does_not_answer(const std::string& whose = "the sandbox's keeper", const std::string& name = "NAME") {
  return broken(whose + " does not answer", "`caisson rm --force " + name + "` ends and removes it");
}

bool same_name(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return base::ascii_lower(x) == base::ascii_lower(y); });
}

// -1 for none, else what poll(2) wants.
int milliseconds_until(const Deadline& deadline) {
  if (!deadline) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(*deadline - Clock::now());
  return static_cast<int>(std::clamp<int64_t>(left.count(), 0, INT32_MAX));
}

}  // namespace

struct Client::Answer {
  int status = 0;
  std::string body;
};

Client::Client(base::Fd connection) : connection_(std::move(connection)) {}

Client Client::connect(const Sandbox& sandbox) {
  if (sandbox.state.status != Status::kRunning)
    throw broken(base::in_quotes(sandbox.name) + " is not running", "`caisson start " + sandbox.name + "` starts it");
  // Through the folder's descriptor: a socket's path has at most 107 bytes (unix(7)).
  const size_t slash = sandbox.socket.rfind('/');
  const base::Fd folder = base::open_if_exists(sandbox.socket.substr(0, slash), O_PATH | O_DIRECTORY);
  const std::string path = "/proc/self/fd/" + std::to_string(folder.get()) + sandbox.socket.substr(slash);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  base::Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  // What connect(2) waits for as well (unix(7)); EAGAIN is its end.
  const timeval within{.tv_sec = kConnectWithin.count(), .tv_usec = 0};
  const timeval forever{};
  if (socket) ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &within, sizeof within);
  if (!folder || !socket || ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    if (errno == EAGAIN) throw does_not_answer("the keeper of " + base::in_quotes(sandbox.name), sandbox.name);
    throw broken("cannot reach the keeper of " + base::in_quotes(sandbox.name) + ": it is starting or ending",
                 "try again; `caisson rm --force " + sandbox.name + "` ends and removes it");
  }
  ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &forever, sizeof forever);
  return Client(std::move(socket));
}

void Client::send(std::string_view method, std::string_view path, const base::Json& body, bool upgrade) {
  const std::string content = body.is_null() ? "" : base::to_line(body);
  std::string request = std::string(method) + " " + std::string(path) + " HTTP/1.1\r\nHost: keeper\r\n";
  if (upgrade) request += "Connection: Upgrade\r\nUpgrade: caisson-stream\r\n";
  if (!content.empty()) request += "Content-Type: application/json\r\n";
  request += "Content-Length: " + std::to_string(content.size()) + "\r\n\r\n" + content;
  for (size_t sent = 0; sent < request.size();) {
    const ssize_t count = ::send(connection_.get(), request.data() + sent, request.size() - sent, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    // It may have answered before it went: receive() shows.
    if (count < 0) return;
    sent += static_cast<size_t>(count);
  }
}

// Adds what comes next to received_; false at the end of the connection.
bool Client::fill(Deadline deadline) {
  pollfd waiting{.fd = connection_.get(), .events = POLLIN, .revents = 0};
  int ready = 0;
  do {
    ready = ::poll(&waiting, 1, milliseconds_until(deadline));
  } while (ready < 0 && errno == EINTR);
  if (ready == 0) throw does_not_answer();
  std::array<char, 16384> buffer;
  ssize_t count = 0;
  do {
    count = ::recv(connection_.get(), buffer.data(), buffer.size(), 0);
  } while (count < 0 && errno == EINTR);
  if (count <= 0) return false;
  received_.append(buffer.data(), static_cast<size_t>(count));
  return true;
}

Client::Answer Client::receive(Deadline deadline) {
  size_t header_end = std::string::npos;
  while ((header_end = received_.find("\r\n\r\n")) == std::string::npos) {
    if (received_.size() > kMaxAnswerHeaderBytes) throw broken("the sandbox's keeper sent no HTTP answer");
    if (!fill(deadline)) throw keeper_ended();
  }
  Answer answer;
  size_t length = 0;
  const std::vector<std::string> lines = base::split(std::string_view(received_).substr(0, header_end), '\n');
  if (lines[0].starts_with("HTTP/1.1 ") && lines[0].size() >= 12)
    answer.status = base::parse_number<int>(std::string_view(lines[0]).substr(9, 3)).value_or(0);
  for (const std::string& line : lines) {
    const size_t colon = line.find(':');
    if (colon == std::string::npos || !same_name(std::string_view(line).substr(0, colon), "content-length")) continue;
    length = base::parse_number<size_t>(base::trimmed(std::string_view(line).substr(colon + 1))).value_or(SIZE_MAX);
  }
  if (answer.status == 0 || length > kMaxAnswerBytes) throw broken("the sandbox's keeper sent no HTTP answer");
  received_.erase(0, header_end + 4);
  while (received_.size() < length) {
    if (!fill(deadline)) throw keeper_ended();
  }
  answer.body = received_.substr(0, length);
  received_.erase(0, length);
  return answer;
}

namespace {

ApiError error_of(int status, const std::string& body) {
  std::string error = "the sandbox's keeper answered " + std::to_string(status);
  std::string hint;
  int exit_code = kExitOurs;
  try {
    const base::Json json = base::parse_json_object(body, "the keeper's answer");
    base::JsonReader reader(json, "the keeper's answer");
    error = reader.required<std::string>("error");
    hint = reader.optional<std::string>("hint", "");
    exit_code = reader.optional<int>("exit_code", kExitOurs);
  } catch (const base::Error&) {
    // Its status is all there is to say.
  }
  return ApiError(error, hint, exit_code, status);
}

}  // namespace

base::Json Client::request(std::string_view method, std::string_view path, const base::Json& body,
                           std::optional<std::chrono::milliseconds> timeout) {
  send(method, path, body, false);
  const Answer answer = receive(timeout ? Deadline(Clock::now() + *timeout) : std::nullopt);
  if (answer.status < 200 || answer.status > 299) throw error_of(answer.status, answer.body);
  return base::parse_json_object(answer.body, "the keeper's answer");
}

Upgraded Client::upgrade(std::string_view method, std::string_view path, const base::Json& body,
                         std::optional<std::chrono::milliseconds> timeout) && {
  send(method, path, body, true);
  const Answer answer = receive(timeout ? Deadline(Clock::now() + *timeout) : std::nullopt);
  if (answer.status != 101) throw error_of(answer.status, answer.body);
  return Upgraded{std::move(connection_), std::move(received_)};
}

}  // namespace caisson::keeper
