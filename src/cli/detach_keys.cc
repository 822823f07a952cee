// SPDX-License-Identifier: Apache-2.0

#include "cli/detach_keys.h"

namespace caisson::cli {

DetachKeys::Result DetachKeys::feed(std::string_view typed) {
  Result result;
  for (char key : typed) {
    if (held_ && key == kCtrlQ) {
      result.detached = true;
      return result;
    }
    if (held_) result.pass += kCtrlP;
    held_ = key == kCtrlP;
    if (!held_) result.pass += key;
  }
  return result;
}

}  // namespace caisson::cli
