// SPDX-License-Identifier: Apache-2.0

// What ended something of a guest's, in words for the ledger.
#pragma once

#include <exception>
#include <string>

#include "base/error.h"
#include "base/text.h"

namespace caisson::gate {

// Not only what base::Error says: a lack of memory, or a mistake of the gate's own, must not end it without a word.
inline std::string failure_of(const std::exception& error) {
  const auto* ours = dynamic_cast<const base::Error*>(&error);
  return ours != nullptr ? ours->problem() : "the gate failed: " + base::escaped(error.what());
}

}  // namespace caisson::gate
