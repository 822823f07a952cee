// SPDX-License-Identifier: Apache-2.0

#include "cli/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "cli/table.h"
#include "cli/terminal.h"

namespace caisson::cli {
namespace {

constexpr size_t kBarWidth = 24;
constexpr size_t kMaxTextBytes = 400;  // of a step or detail: no terminal is wider

// A progress line that cannot be written is no reason to fail the work.
void write_quietly(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = write(fd, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return;
    text.remove_prefix(static_cast<size_t>(count));
  }
}

std::string bar(double fraction) {
  const auto full = static_cast<size_t>(std::floor(fraction * static_cast<double>(kBarWidth)));
  std::string out(full, '=');
  if (full < kBarWidth) out += '>';
  out.resize(kBarWidth, ' ');
  return out;
}

std::string short_duration(std::chrono::seconds elapsed) {
  const auto seconds = elapsed.count();
  return seconds < 60 ? fmt::format("{}s", seconds) : fmt::format("{}m{:02}s", seconds / 60, seconds % 60);
}

// The first `width` code points of valid UTF-8.
std::string cut(const std::string& text, size_t width) {
  size_t end = 0;
  for (size_t seen = 0; end < text.size(); ++end) {
    const bool begins = (static_cast<unsigned char>(text[end]) & 0xC0U) != 0x80U;
    if (begins && seen++ == width) break;
  }
  return text.substr(0, end);
}

std::string safe(std::string_view text) {
  return base::escaped(text.substr(0, kMaxTextBytes));
}

}  // namespace

std::string render(const ProgressLine& line, size_t width) {
  std::string out = safe(line.what);
  if (line.fraction >= 0 && std::isfinite(line.fraction)) {
    const double fraction = std::min(line.fraction, 1.0);
    out += fmt::format(" [{}] {:3.0f}%", bar(fraction), std::floor(fraction * 100));
  }
  out += " " + short_duration(line.elapsed);
  if (!line.detail.empty()) out += "  " + safe(line.detail);
  return cut(out, width);
}

TerminalProgress::TerminalProgress(int fd) : fd_(fd), terminal_(is_terminal(fd)) {}

TerminalProgress::~TerminalProgress() {
  done();
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  ended_.notify_all();
  if (ticker_.joinable()) ticker_.join();
}

void TerminalProgress::step(std::string_view what) {
  if (!terminal_) return write_quietly(fd_, fmt::format("caisson: {}\n", safe(what)));
  const std::lock_guard lock(mutex_);
  line_ = ProgressLine{.what = std::string(what), .fraction = -1, .detail = {}, .elapsed = {}};
  step_start_ = std::chrono::steady_clock::now();
  active_ = true;
  draw_locked();
  if (!ticker_.joinable()) ticker_ = std::thread([this] { tick(); });
}

void TerminalProgress::update(double fraction, std::string_view detail) {
  if (!terminal_) return;
  const std::lock_guard lock(mutex_);
  line_.fraction = fraction;
  line_.detail = detail;
  draw_locked();
}

void TerminalProgress::note(std::string_view what) {
  const std::lock_guard lock(mutex_);
  erase_locked();
  write_quietly(fd_, fmt::format("caisson: {}\n", safe(what)));
  draw_locked();
}

void TerminalProgress::done() {
  const std::lock_guard lock(mutex_);
  erase_locked();
  active_ = false;
}

void TerminalProgress::draw_locked() {
  if (!active_) return;
  const auto elapsed = std::chrono::steady_clock::now() - step_start_;
  line_.elapsed = std::chrono::duration_cast<std::chrono::seconds>(elapsed);
  const size_t columns = terminal_size(fd_).value_or(TerminalSize{}).columns;
  std::string text =
      render(line_, columns - 1);  // the last column stays free, or the terminal would go to the next line
  if (text == drawn_) return;
  write_quietly(fd_, "\r" + text + "\x1b[K");
  drawn_ = std::move(text);
}

void TerminalProgress::erase_locked() {
  if (!drawn_.empty()) write_quietly(fd_, "\r\x1b[K");
  drawn_.clear();
}

void TerminalProgress::tick() {
  std::unique_lock lock(mutex_);
  while (!ended_.wait_for(lock, std::chrono::seconds(1), [this] { return stop_; })) draw_locked();
}

}  // namespace caisson::cli
