// SPDX-License-Identifier: Apache-2.0

#include "changes/hidden.h"

#include <fcntl.h>
#include <sys/stat.h>

namespace caisson::changes {

bool Hidden::by_other_name(const std::string& path) {
  const base::Fd parent = root_.folder(std::string(parent_of(path)));
  const std::string name(name_of(path));
  struct stat info {};
  if (!parent || ::fstatat(parent.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) return true;
  return files_.hides(parent.get(), info, name);
}

}  // namespace caisson::changes
