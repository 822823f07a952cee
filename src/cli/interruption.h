// SPDX-License-Identifier: Apache-2.0

// What a signal does while an image or a template is made. Without this it would leave what was begun until the next
// command sweeps it.
#pragma once

#include <signal.h>

#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/fd.h"
#include "cli/progress.h"

namespace caisson::cli {

// While it lives, SIGINT, SIGTERM and SIGHUP end this process by the signal, as ever; but first that is said, and a
// process is started which removes what this one has begun (work folders, a template's draft and its machine's cgroup)
// when all that wrote into it has ended. One at a time; to
// be made before other threads are.
class Interruption {
 public:
  Interruption();
  ~Interruption();
  Interruption(const Interruption&) = delete;
  Interruption& operator=(const Interruption&) = delete;

 private:
  void wait() const;

  sigset_t before_{};
  base::Fd signals_;
  base::Fd over_;  // an eventfd
  std::thread thread_;
};

// The progress of such work, with its interruption from the first step on: what finds all that it needs pays nothing.
class WorkProgress final : public base::Progress {
 public:
  void step(std::string_view what) override {
    if (!interruption_) interruption_.emplace();
    terminal_.step(what);
  }
  void update(double fraction, std::string_view detail) override { terminal_.update(fraction, detail); }
  void note(std::string_view what) override { terminal_.note(what); }
  void done() override { terminal_.done(); }

 private:
  std::optional<Interruption> interruption_;
  TerminalProgress terminal_{2};
};

// `caisson __remove FOLDER… GROUP…`: not for people. Folders are absolute, names of cgroups are not.
int run_remove(const std::vector<std::string>& begun);

}  // namespace caisson::cli
