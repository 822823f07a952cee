// SPDX-License-Identifier: Apache-2.0

// Files in which the user has decided something, or that nobody else may see.
#pragma once

#include <string>

#include "base/fd.h"

namespace caisson::base {

// Opens for reading what must be a file of this user's with none of the bits `forbidden_mode` in its mode: 022 where
// others must not write it, 077 where they must not read it either. Links are not followed. Nothing where there is no
// such file; throws Error.
Fd open_own_file(const std::string& path, unsigned forbidden_mode);

}  // namespace caisson::base
