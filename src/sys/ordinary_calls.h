// SPDX-License-Identifier: Apache-2.0

// What every confined program may do: use the descriptors that it has, look at files' attributes, its own memory,
// threads' locks, signals to itself, and time. It opens, makes and connects nothing by these.
#pragma once

#include "sys/seccomp.h"

namespace caisson::sys {

// The filter then has to know its process: set_own_pid().
void allow_ordinary_calls(FilterBuilder& filter);

}  // namespace caisson::sys
