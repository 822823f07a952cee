// SPDX-License-Identifier: Apache-2.0

#include "clones/hidden_paths.h"

#include "base/text.h"

namespace caisson::clones {

HiddenPaths::Look HiddenPaths::look(std::string_view path) const {
  share::Masks::State state = masks_.top();
  Look look;
  std::string so_far;
  for (const std::string& part : base::split(path, '/')) {
    const share::Masks::Step step = masks_.step(state, part, so_far.empty());
    so_far += (so_far.empty() ? "" : "/") + part;
    if (step.masked) return {.sight = Sight::kHidden, .hidden = so_far};
    // Only a file is looked into; a folder of that name is one like others.
    look = step.token_holder ? Look{.sight = Sight::kByContent, .hidden = so_far} : Look();
    state = step.state;
  }
  return look;
}

std::string sparse_line(std::string_view path) {
  std::string line = "!/";
  for (const char c : path) {
    // A blank at the end would be cut off.
    if (c == '*' || c == '?' || c == '[' || c == '\\' || c == ' ') line += '\\';
    line += c == '\n' ? '?' : c;  // a line cannot have one
  }
  return line;
}

}  // namespace caisson::clones
