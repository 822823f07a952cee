// SPDX-License-Identifier: Apache-2.0

// The names of files from which tools run programs: at a commit, at a push, when a folder is opened or entered, when
// the tool is called in it for anything at all. What runs when the user builds or tests is not here: that would be
// every file.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "changes/classes.h"

namespace caisson::changes {

struct ClassRule {
  Class of;
  // Names with "/" between them, in lower case, anywhere in a path and up to its end; with a "/" at the end, all that
  // is below, too. One "*" in a name stands for any bytes.
  std::string_view pattern;
};
std::span<const ClassRule> class_rules();

// The classes of all rules that a path, split into its names in lower case, is one of.
ClassSet matching_rules(const std::vector<std::string>& names);
// Whether it is one of that rule's.
bool matches_rule(std::string_view pattern, const std::vector<std::string>& names);

}  // namespace caisson::changes
