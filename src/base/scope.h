// SPDX-License-Identifier: Apache-2.0

// Undo, in reverse order, whatever happens. `Scope undo([&] { … });` runs the function at the end of the block unless
// `undo.dismiss()` was called. The function must not throw.
#pragma once

#include <utility>

namespace caisson::base {

template <typename Function>
class [[nodiscard]] Scope {
 public:
  explicit Scope(Function undo) : undo_(std::move(undo)) {}
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;
  ~Scope() {
    if (armed_) undo_();
  }
  void dismiss() { armed_ = false; }

 private:
  Function undo_;
  bool armed_ = true;
};

}  // namespace caisson::base
