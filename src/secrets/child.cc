// SPDX-License-Identifier: Apache-2.0

#include "secrets/child.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/error.h"
#include "base/fd.h"
#include "base/text.h"

namespace caisson::secrets {
namespace {

using base::Error;
using Clock = std::chrono::steady_clock;

constexpr size_t kMaxChildError = 4096;
// A line's end, and one byte to see that there was more.
constexpr size_t kMaxChildOutput = kMaxValueBytes + 3;

// What of one run is still open.
struct RunningChild {
  base::Child child;
  base::Fd out;
  base::Fd err;
};

// Written before there is a reader. A socket holds a value; a pipe of a user who has many may hold one page (pipe(7)).
base::Fd stdin_with(const Value& input) {
  base::FdPair pair = base::make_socketpair();
  for (std::string_view rest = input.reveal(); !rest.empty();) {
    const ssize_t sent = ::send(pair.first.get(), rest.data(), rest.size(), MSG_DONTWAIT);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) throw base::system_error("cannot write to", "a program's stdin");
    rest.remove_prefix(static_cast<size_t>(sent));
  }
  return std::move(pair.second);
}

RunningChild start_child(const ChildOptions& options) {
  base::SpawnOptions spawn{.argv = options.argv};
  base::Fd input;
  if (options.input != nullptr) {
    input = stdin_with(*options.input);
    spawn.descriptors.emplace_back(input.get(), 0);
  }
  base::FdPair out = base::make_pipe();
  spawn.descriptors.emplace_back(out.second.get(), 1);
  base::FdPair err = base::make_pipe();
  spawn.descriptors.emplace_back(options.stderr_fd.value_or(err.second.get()), 2);
  return {.child = base::spawn(spawn), .out = std::move(out.first), .err = std::move(err.first)};
}

// -1 for ever.
int wait_ms(const std::optional<Clock::time_point>& end) {
  if (!end) return -1;
  return static_cast<int>(
      std::max<int64_t>(0, std::chrono::ceil<std::chrono::milliseconds>(*end - Clock::now()).count()));
}

void poll_until(pollfd* waits, size_t count, const ChildOptions& options, const std::optional<Clock::time_point>& end) {
  while (true) {
    const int ready = ::poll(waits, count, wait_ms(end));
    if (ready > 0) return;
    if (ready == 0)
      throw Error(fmt::format("{} has not ended within {} s", base::in_quotes(options.argv[0]),
                              options.limit.value_or(std::chrono::seconds(0)).count()));
    if (errno != EINTR) throw base::system_error("cannot wait for", options.argv[0]);
  }
}

// False at the end.
bool read_output(int fd, Value& buffer, size_t& filled, const ChildOptions& options) {
  const ssize_t got = ::read(fd, buffer.data() + filled, buffer.size() - filled);
  if (got < 0) return errno == EINTR;
  filled += static_cast<size_t>(got);
  if (filled == buffer.size())
    throw Error(fmt::format("{} gives more than {} bytes", base::in_quotes(options.argv[0]), kMaxValueBytes));
  return got != 0;
}

bool read_error(int fd, std::string& text) {
  std::array<char, kMaxChildError> part{};
  const ssize_t got = ::read(fd, part.data(), part.size());
  if (got < 0) return errno == EINTR;
  text.append(part.data(), std::min(static_cast<size_t>(got), kMaxChildError - std::min(kMaxChildError, text.size())));
  return got != 0;
}

}  // namespace

ChildResult run_child(const ChildOptions& options) {
  std::optional<Clock::time_point> end;
  if (options.limit) end = Clock::now() + *options.limit;
  RunningChild running = start_child(options);
  Value buffer(kMaxChildOutput);
  size_t filled = 0;
  ChildResult result;
  std::array<pollfd, 2> waits{{{.fd = running.out.get(), .events = POLLIN, .revents = 0},
                               {.fd = running.err.get(), .events = POLLIN, .revents = 0}}};
  while (waits[0].fd >= 0 || waits[1].fd >= 0) {
    poll_until(waits.data(), waits.size(), options, end);
    if (waits[0].fd >= 0 && waits[0].revents != 0 && !read_output(waits[0].fd, buffer, filled, options))
      waits[0].fd = -1;
    if (waits[1].fd >= 0 && waits[1].revents != 0 && !read_error(waits[1].fd, result.error)) waits[1].fd = -1;
  }
  pollfd ended{.fd = running.child.pidfd(), .events = POLLIN, .revents = 0};
  poll_until(&ended, 1, options, end);
  result.status = running.child.wait();
  result.output = Value::copy_of(buffer.reveal().substr(0, filled));
  return result;
}

}  // namespace caisson::secrets
