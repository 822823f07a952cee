// SPDX-License-Identifier: Apache-2.0

#include "guest/freeze.h"

#include <unistd.h>

#include "base/error.h"
#include "guest/identity.h"

namespace caisson::guest {

void freeze(Guest& guest) {
  if (!guest.executions.empty()) throw base::Error("cannot freeze: a command runs");
  if (!guest.workspaces.empty()) throw base::Error("cannot freeze: there is a workspace");
  if (guest.owns_machine) forget_identity();
  guest.configuration.reset();
  guest.was_frozen = true;
  ::sync();
}

}  // namespace caisson::guest
