// SPDX-License-Identifier: Apache-2.0

// The descriptors 0, 1 and 2 that a program is started with.
#pragma once

namespace caisson::base {

// Puts /dev/null, for reading only, where 0, 1 or 2 is closed: what is read there is at its end, and what is written
// there is lost with an error (EBADF) as before. Without this the next descriptor that the program opens, the
// connection to a sandbox, say, would be taken for its stdin. To be called before anything is opened; ends the program
// where it cannot be done. Children need no such care: base::spawn gives them all three.
void open_standard_streams() noexcept;

}  // namespace caisson::base
