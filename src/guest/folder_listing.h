// SPDX-License-Identifier: Apache-2.0

// A folder that is being read, of a descriptor that closes with it.
#pragma once

#include <dirent.h>

#include <memory>

namespace caisson::guest {

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};
using FolderListing = std::unique_ptr<DIR, CloseFolder>;

}  // namespace caisson::guest
