// SPDX-License-Identifier: Apache-2.0

// Long output on a terminal goes through the user's pager, the one that git uses.
#pragma once

#include <string_view>

#include "base/process.h"

namespace caisson::cli {

class Pager {
 public:
  // Where stdout is a terminal; else what is written goes to stdout.
  Pager();
  ~Pager();  // waits for its end
  Pager(const Pager&) = delete;
  Pager& operator=(const Pager&) = delete;

  // False when nobody reads any more.
  bool write(std::string_view text);
  bool is_terminal() const { return terminal_; }

 private:
  bool terminal_;
  void (*interrupt_)(int) = nullptr;  // what SIGINT did before
  base::Child child_;
  base::Fd pipe_;
};

}  // namespace caisson::cli
