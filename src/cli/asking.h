// SPDX-License-Identifier: Apache-2.0

// Questions about the network on the user's terminal, while a command's stream runs there.
//
// A question has its own lines, and is answered by a line: what was being typed for the command is dropped first, so
// that no key meant for it becomes an answer, and a single letter is none. Nor is what was typed for the question
// before it, which may have gone under the user's fingers: for a second a question is only shown, then its prompt takes
// answers. While it is open the command's output waits (StreamOptions), and in a raw terminal what is typed is shown
// and edited here.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"

namespace caisson::cli {

class Asking {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::seconds kReadBefore{1};  // before an answer counts

  struct Reply {
    uint64_t id = 0;
    std::string target;
    std::string answer;  // as the keeper takes it: "once", "sandbox", "deny"
  };

  // `connection`: the stream of GET /v1/policy/questions, -1 for none. `input` and `screen` are the terminal.
  Asking(int connection, std::string early_bytes, int input, int screen, std::function<Clock::time_point()> now);

  // -1 when no question can come any more.
  int fd() const { return connection_; }
  // What the keeper sent.
  void receive();
  // A question is on the screen: the keyboard is its.
  bool open() const { return shown_.has_value(); }
  // Shows a question, or takes back one that is over. Whenever something may have changed, and in `raw` when the
  // terminal is.
  void show(bool raw);
  // In how many milliseconds tick() has something to do, for poll(2); -1: never.
  int patience_ms() const;
  // The question's prompt, when it is time.
  void tick();
  // What was typed. `interrupted` is set for ctrl-c in a raw terminal, which is a no and the command's, too.
  std::optional<Reply> take(std::string_view typed, bool& interrupted);
  // What the keeper made of a reply, "" when it took it: told to the user. One that it did not take leaves the question
  // open, unless it is over.
  void settle(const Reply& reply, const std::string& problem);

 private:
  struct Question {
    uint64_t id = 0;
    std::string target;
    int64_t seconds = 0;
  };

  void read_lines();
  void read_line(const std::string& line);
  void print(const std::string& text) const;
  void prompt() const;
  Reply finish(const char* answer);

  int connection_;
  int input_;
  int screen_;
  std::function<Clock::time_point()> now_;
  bool raw_ = false;
  std::string received_;
  std::vector<Question> questions_;
  std::optional<Question> shown_;
  std::optional<Clock::time_point> prompt_at_;  // until it is there
  std::optional<uint64_t> answered_;            // the keeper may not have heard of it yet
  std::string typed_;
};

}  // namespace caisson::cli
