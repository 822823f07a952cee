// SPDX-License-Identifier: Apache-2.0

// Questions about the network on the user's terminal, while a command's stream runs there.
//
// A question has its own lines, and is answered by a line: what was being typed for the command is dropped first, so
// that no key meant for it becomes an answer, and a single letter is none. While it is open the command's output waits
// (StreamOptions), and in a raw terminal what is typed is shown and edited here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"

namespace caisson::cli {

class Asking {
 public:
  struct Reply {
    uint64_t id = 0;
    std::string answer;  // as the keeper takes it: "once", "sandbox", "deny"
  };

  // `connection`: the stream of GET /v1/policy/questions, -1 for none. `input` and `screen` are the terminal.
  Asking(int connection, std::string early_bytes, int input, int screen);

  // -1 when no question can come any more.
  int fd() const { return connection_; }
  // What the keeper sent.
  void receive();
  // A question is on the screen: the keyboard is its.
  bool open() const { return shown_.has_value(); }
  // Shows a question, or takes back one that is over. Whenever something may have changed, and in `raw` when the
  // terminal is.
  void show(bool raw);
  // What was typed. `interrupted` is set for ctrl-c in a raw terminal, which is a no and the command's, too.
  std::optional<Reply> take(std::string_view typed, bool& interrupted);

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
  std::optional<Reply> finish(const char* answer);

  int connection_;
  int input_;
  int screen_;
  bool raw_ = false;
  std::string received_;
  std::vector<Question> questions_;
  std::optional<Question> shown_;
  std::optional<uint64_t> answered_;  // the keeper may not have heard of it yet
  std::string typed_;
};

}  // namespace caisson::cli
