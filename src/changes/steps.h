// SPDX-License-Identifier: Apache-2.0

// Doing the steps of an apply, and taking them back.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "changes/host_root.h"
#include "changes/journal.h"

namespace caisson::changes {

class Steps {
 public:
  Steps(const HostRoot& root, const HostRoot& stage, std::function<void()> before_step)
      : root_(root), stage_(stage), before_step_(std::move(before_step)) {}

  // Nothing where it has been done already. Throws where the host has something else at its path than it had, which is
  // then still there.
  void redo(const Step& step) const;
  // Nothing where it has not been done. False where the host has something else there by now: that stays, and what the
  // step took out stays in the stage.
  bool undo(const Step& step) const;

 private:
  bool is_done(const Step& step) const;
  void move(const Step& step, bool into_place) const;
  void exchange(const Step& step) const;
  void check_taken(const Step& step) const;
  bool is_untouched(const Step& step, const HostFile& now) const;

  const HostRoot& root_;
  const HostRoot& stage_;
  std::function<void()> before_step_;
};

}  // namespace caisson::changes
