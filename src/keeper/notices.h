// SPDX-License-Identifier: Apache-2.0

// What the keeper has to say, in its own words, to all who have a command's output before them: lines on their stderr,
// while the command runs.
#pragma once

#include <string>
#include <utility>

#include "link/event.h"

namespace caisson::keeper {

class Notices {
 public:
  explicit Notices(link::asio::any_io_executor executor) : said_(std::move(executor)) {}

  void say(const std::string& line) {
    ++count_;
    last_ = line;
    said_.notify_all();
  }

  // From `seen` on, which is count() at first: the next line, "" when `gone` came true before there was one. Of lines
  // that come faster than they are taken the last is told.
  link::asio::awaitable<std::string> next(size_t& seen, const bool& gone) {
    while (seen == count_ && !gone) co_await said_.wait();
    if (gone) co_return std::string();
    seen = count_;
    co_return last_;
  }
  size_t count() const { return count_; }
  // For who waits in next() and is to look at `gone`.
  void wake() { said_.notify_all(); }

 private:
  size_t count_ = 0;
  std::string last_;
  link::Event said_;
};

}  // namespace caisson::keeper
