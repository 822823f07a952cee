// SPDX-License-Identifier: Apache-2.0

#include "image/line_reader.h"

#include <poll.h>
#include <unistd.h>

#include "base/error.h"

namespace caisson::image {
namespace {

constexpr size_t kMaxLine = 4096;
constexpr size_t kMaxTail = 4096;
constexpr int kIdleMilliseconds = 400;

}  // namespace

bool LineReader::read(int fd) {
  char buffer[16384];
  const ssize_t got = ::read(fd, buffer, sizeof buffer);
  if (got < 0 && errno == EINTR) return true;
  if (got <= 0) {
    take(pending_);
    pending_.clear();
    return false;
  }
  for (const char byte : std::string_view(buffer, static_cast<size_t>(got))) {
    if (byte == '\n' || byte == '\r') {
      take(pending_);
      pending_.clear();
    } else if (pending_.size() < kMaxLine) {
      pending_ += byte;
    }
  }
  return true;
}

void LineReader::take(std::string_view line) {
  if (line.empty()) return;
  tail_.append(line).append("\n");
  if (tail_.size() > kMaxTail) tail_.erase(0, tail_.size() - kMaxTail);
  on_line_(line);
}

base::ExitStatus follow_program(base::SpawnOptions options, LineReader& lines, const std::function<void()>& idle) {
  base::FdPair output = base::make_pipe();
  options.descriptors.emplace_back(output.second.get(), 1);
  options.descriptors.emplace_back(output.second.get(), 2);
  base::Child child = base::spawn(options);
  output.second.reset();
  pollfd wait = {.fd = output.first.get(), .events = POLLIN, .revents = 0};
  while (true) {
    const int ready = ::poll(&wait, 1, kIdleMilliseconds);
    if (ready < 0 && errno != EINTR) throw base::system_error("cannot wait for", options.argv[0]);
    if (ready <= 0) {
      if (idle) idle();
      continue;
    }
    if (!lines.read(output.first.get())) break;
  }
  return child.wait();
}

}  // namespace caisson::image
