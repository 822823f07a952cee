// SPDX-License-Identifier: Apache-2.0

#include "cli/asking.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <termios.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/error.h"
#include "base/json_reader.h"
#include "base/text.h"

namespace caisson::cli {
namespace {

constexpr size_t kMaxLineBytes = 64U << 10;  // the keeper's; a question is a few hundred
constexpr size_t kMaxTyped = 80;
constexpr char kInterrupt = 3;
constexpr char kEndOfInput = 4;
constexpr char kErase = 127;

// The command's output may have left the terminal in any state: hidden or coloured text, a scrolling region, another
// character set. This resets it (DECSTR, DECSTBM, SGR, SCS) and goes on below all that is shown.
constexpr std::string_view kTakeScreen = "\x1b[!p\x1b[r\x1b[m\x1b(B\x0f\x1b[?7h\x1b[?25h\x1b[999;1H\n";
constexpr std::string_view kPrompt =
    "  a: once, s: for as long as this sandbox is there, d: no. Your answer, then Enter: ";

}  // namespace

Asking::Asking(int connection, std::string early_bytes, int input, int screen, std::function<Clock::time_point()> now)
    : connection_(connection), input_(input), screen_(screen), now_(std::move(now)), received_(std::move(early_bytes)) {
  if (connection_ >= 0) base::set_nonblocking(connection_, true);
  read_lines();
}

void Asking::read_lines() {
  size_t end;
  while ((end = received_.find('\n')) != std::string::npos) {
    read_line(received_.substr(0, end));
    received_.erase(0, end + 1);
  }
}

void Asking::receive() {
  std::array<char, 4096> buffer{};
  ssize_t count;
  while ((count = ::recv(connection_, buffer.data(), buffer.size(), 0)) > 0)
    received_.append(buffer.data(), static_cast<size_t>(count));
  const bool ended = count == 0 || (errno != EAGAIN && errno != EINTR) || received_.size() > kMaxLineBytes;
  read_lines();
  if (!ended) return;
  connection_ = -1;
  questions_.clear();
}

// What cannot be read is no question.
void Asking::read_line(const std::string& line) {
  questions_.clear();
  try {
    const base::Json json = base::parse_json_object(line, "the questions");
    for (const base::Json& one : json.at("questions")) {
      questions_.push_back({.id = one.at("id").get<uint64_t>(),
                            .target = one.at("target").get<std::string>(),
                            .seconds = one.at("seconds_left").get<int64_t>()});
    }
  } catch (const base::Error&) {
  } catch (const base::Json::exception&) {
  }
  if (answered_) std::erase_if(questions_, [&](const Question& question) { return question.id == *answered_; });
}

void Asking::print(const std::string& text) const {
  // A terminal in raw mode needs the carriage return, another one does not mind it.
  std::string shown;
  for (const char c : text) shown += c == '\n' ? std::string("\r\n") : std::string(1, c);
  base::write_all(screen_, shown, "the terminal");
}

void Asking::show(bool raw) {
  raw_ = raw;
  if (shown_) {
    const bool still = std::any_of(questions_.begin(), questions_.end(),
                                   [&](const Question& question) { return question.id == shown_->id; });
    if (still) return;
    shown_.reset();
    print("\ncaisson: that question is over\n");
  }
  if (questions_.empty()) return;
  shown_ = questions_.front();
  prompt_at_ = now_() + kReadBefore;
  print(std::string(kTakeScreen));
  print(fmt::format("\ncaisson: the sandbox wants to connect to {}, and no rule speaks of that ({} s to answer)\n",
                    base::in_quotes(shown_->target), shown_->seconds));
}

int Asking::patience_ms() const {
  if (!shown_ || !prompt_at_) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(*prompt_at_ - now_());
  return static_cast<int>(std::max<int64_t>(0, left.count()));
}

void Asking::tick() {
  if (patience_ms() != 0) return;
  prompt_at_.reset();
  typed_.clear();
  ::tcflush(input_, TCIFLUSH);
  prompt();
}

// With the target: what stands above may be what the sandbox has written to look like a question.
void Asking::prompt() const {
  print(fmt::format("{}: {}", base::in_quotes(shown_->target), kPrompt));
}

Asking::Reply Asking::finish(const char* answer) {
  Reply reply{.id = shown_->id, .target = shown_->target, .answer = answer};
  shown_.reset();
  return reply;
}

void Asking::settle(const Reply& reply, const std::string& problem) {
  const std::string target = base::in_quotes(reply.target);
  if (!problem.empty()) {
    print(fmt::format("caisson: the answer about {} does not count: {}\n", target, base::escaped(problem)));
    return;
  }
  print(fmt::format("caisson: {} {}\n", reply.answer == "deny" ? "denied" : "allowed", target));
  answered_ = reply.id;
  std::erase_if(questions_, [&](const Question& question) { return question.id == reply.id; });
}

std::optional<Asking::Reply> Asking::take(std::string_view typed, bool& interrupted) {
  for (const char c : typed) {
    if (raw_ && (c == kInterrupt || c == kEndOfInput)) {
      print("\n");
      interrupted = c == kInterrupt;
      return finish("deny");
    }
    if (prompt_at_) continue;  // meant for something else
    if (c == '\r' || c == '\n') {
      if (raw_) print("\n");
      const std::string line(base::trimmed(typed_));
      typed_.clear();
      if (line == "a" || line == "once") return finish("once");
      if (line == "s" || line == "sandbox") return finish("sandbox");
      if (line == "d" || line == "deny") return finish("deny");
      prompt();
    } else if (raw_ && (c == kErase || c == '\b')) {
      if (typed_.empty()) continue;
      typed_.pop_back();
      print("\b \b");
    } else if (c >= ' ' && c < kErase && typed_.size() < kMaxTyped) {
      typed_ += c;
      if (raw_) print(std::string(1, c));
    } else {
      // Neither a letter nor an edit: then it is no answer either.
      typed_ += '?';
      typed_.resize(std::min(typed_.size(), kMaxTyped));
    }
  }
  return std::nullopt;
}

}  // namespace caisson::cli
