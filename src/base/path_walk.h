// SPDX-License-Identifier: Apache-2.0

// What a path leads through: whoever can write to one of these places decides where the path ends.
#pragma once

#include <string>
#include <vector>

namespace caisson::base {

struct PathStep {
  std::string place;  // a folder, file or link on the way; its folder has no link in it
  std::string rest;   // of the path from there, "/x/y"; "" at its end
};

// The steps of the walk to `path` (absolute), links followed one at a time as the kernel does; what does not exist is
// taken for folders. Ends behind 40 links, as the kernel would (path_resolution(7)).
std::vector<PathStep> walk_to(const std::string& path);

}  // namespace caisson::base
