// SPDX-License-Identifier: Apache-2.0

// Progress of long work on stderr: one line that is drawn again and again on a terminal, one line for each step
// elsewhere. Nothing is written when no step is made.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>

#include "base/progress.h"

namespace caisson::cli {

// One line of at most `width` columns: "making the base image [=====>    ] 45% 1m23s  unpacking". A negative fraction
// has no bar. All texts are escaped.
struct ProgressLine {
  std::string what;
  double fraction = -1;
  std::string detail;
  std::chrono::seconds elapsed{0};
};
std::string render(const ProgressLine& line, size_t width);

class TerminalProgress final : public base::Progress {
 public:
  // Draws on `fd`; as lines where it is not a terminal.
  explicit TerminalProgress(int fd);
  ~TerminalProgress() override;
  TerminalProgress(const TerminalProgress&) = delete;
  TerminalProgress& operator=(const TerminalProgress&) = delete;

  void step(std::string_view what) override;
  void update(double fraction, std::string_view detail) override;
  void note(std::string_view what) override;
  void done() override;

 private:
  void draw_locked();
  void erase_locked();
  void tick();

  const int fd_;
  const bool terminal_;
  std::mutex mutex_;
  std::condition_variable ended_;
  bool stop_ = false;
  bool active_ = false;  // a step is under way
  std::string drawn_;    // the line that is on the terminal now
  ProgressLine line_;
  std::chrono::steady_clock::time_point step_start_;
  std::thread
      ticker_;  // moves the elapsed time while the work is silent; runs only on a terminal, from the first step on
};

}  // namespace caisson::cli
