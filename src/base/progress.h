// SPDX-License-Identifier: Apache-2.0

// How long work tells whoever waits for it where it is. The CLI shows a bar or lines; tests and `--quiet` show nothing.
// Called from the thread that does the work.
#pragma once

#include <string_view>

namespace caisson::base {

class Progress {
 public:
  virtual ~Progress() = default;
  // A step begins; the one before it is finished. "making the base image"
  virtual void step(std::string_view what) = 0;
  // How far the step is, 0 to 1, or a negative number where that is unknown; `detail` is a few words, may be empty.
  // The time that has passed is shown without being told.
  virtual void update(double fraction, std::string_view detail) = 0;
  // To be said and to stay: that something was not done as it was wanted, and what was done instead.
  virtual void note(std::string_view what) = 0;
  // All steps are finished: what is on the screen for them can go.
  virtual void done() = 0;
};

class NoProgress final : public Progress {
 public:
  void step(std::string_view) override {}
  void update(double, std::string_view) override {}
  void note(std::string_view) override {}
  void done() override {}
};

}  // namespace caisson::base
