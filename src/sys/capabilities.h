// SPDX-License-Identifier: Apache-2.0

// Giving up privilege (capabilities(7), prctl(2)).
#pragma once

namespace caisson::sys {

// Child side: empties the bounding, ambient, inheritable, permitted and effective sets, and locks the secure bits so
// that no user id 0 gets anything back. Returns 0 or an errno. Needs no privilege: without CAP_SETPCAP the bounding set
// and the bits stay, which no_new_privs makes harmless.
int drop_all_capabilities();

// Child side: no program that is executed from here on can gain privilege. Returns 0 or an errno.
int set_no_new_privileges();

}  // namespace caisson::sys
