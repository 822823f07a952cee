// SPDX-License-Identifier: Apache-2.0

#include "gate/learned_policy.h"

#include <fmt/format.h>

#include "base/text.h"
#include "gate/policy_file.h"
#include "gate/preset.h"

namespace caisson::gate {

std::string learned_policy(const Uses& uses, const Refusals& refusals, Merge merge) {
  std::string text = policy_file_text(kDefaultPreset, smallest_rules(uses.targets, merge));
  if (!uses.all) text += fmt::format("\n# There were more than {} targets. These are the first.\n", Uses::kMostTargets);
  if (refusals.targets.empty()) return text;
  text += "\n# Refused while this was learned, so not allowed above:\n";
  // Names are the guest's, so no line break of theirs may end the comment.
  for (const auto& [target, why] : refusals.targets)
    text += fmt::format("#   {}: {}\n", base::escaped(target), base::escaped(why.reason));
  return text;
}

}  // namespace caisson::gate
