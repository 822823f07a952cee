// SPDX-License-Identifier: Apache-2.0

// The last thing before a template's machine is stopped and its memory kept.
#pragma once

#include "guest/guest.h"

namespace caisson::guest {

// Takes back what names this machine and its configuration, and writes everything to the disk. The page cache stays:
// what is in it, every sandbox made from the template has without reading. Throws base::Error while a command runs.
void freeze(Guest& guest);

}  // namespace caisson::guest
