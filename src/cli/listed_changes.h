// SPDX-License-Identifier: Apache-2.0

// The changes that a question, or a refusal, is about.
#pragma once

#include <string>
#include <vector>

#include "changes/change_set.h"

namespace caisson::cli {

// A heading and all of them below it, a line for each: a guest can make any number of harmless ones around the one that
// matters. To stderr; where somebody can be asked and the screen has fewer lines, through the pager.
void list_all(const std::string& heading, const std::vector<const changes::Change*>& some);

}  // namespace caisson::cli
