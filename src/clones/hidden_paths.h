// SPDX-License-Identifier: Apache-2.0

// Which files of a repository a clone does not have: those that the masks hide. By the same rules as the share, which
// are about names; of a .npmrc they are about what is in it, which somebody else has to look at.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "share/masks.h"

namespace caisson::clones {

class HiddenPaths {
 public:
  // Throws base::Error that names the pattern.
  HiddenPaths(const std::vector<std::string>& masks, const std::vector<std::string>& unmasks)
      : masks_(masks, unmasks) {}

  enum class Sight : uint8_t { kVisible, kHidden, kByContent };
  struct Look {
    Sight sight = Sight::kVisible;
    std::string hidden;  // of kHidden and kByContent: the path itself or the folder above it that is hidden
  };
  // Of a path from the workspace's top.
  Look look(std::string_view path) const;

 private:
  share::Masks masks_;
};

// A line of a sparse-checkout file (gitignore(5)) that leaves out this path and what is below it.
std::string sparse_line(std::string_view path);

}  // namespace caisson::clones
