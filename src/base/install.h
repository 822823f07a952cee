// SPDX-License-Identifier: Apache-2.0

// Where Caisson's own programs and data files are. Nothing is compiled in: they are found from the place of the running
// executable, in a build tree (bin/, share/caisson/) and in an installation (bin/, libexec/caisson/, share/caisson/).
#pragma once

#include <string>

namespace caisson::base {

// The absolute path of the running executable.
std::string own_executable();
// A program of ours: beside the executable, or in ../libexec/caisson. Throws when it is in neither.
std::string helper_program(const std::string& name);
// A data file or folder of ours, in ../share/caisson. Throws when it is not there.
std::string shared_file(const std::string& name);

}  // namespace caisson::base
