// SPDX-License-Identifier: Apache-2.0

// Which objects of a source a clone gets: all that its branches and tags lead to, but for the content of hidden files.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "clones/hidden_paths.h"
#include "clones/source.h"
#include "clones/tree_list.h"

namespace caisson::clones {

struct ObjectsPlan {
  const Source& source;
  std::string repository;               // the clone's own
  std::string prefix;                   // of its paths in the workspace: "" or "sub/"
  std::vector<std::string> tips;        // what is wanted, with all that it leads to
  const std::vector<TreeEntry>& files;  // what is checked out of it
  const HiddenPaths& hidden;
  std::string scratch;  // a folder for what is needed meanwhile
};

struct PackedObjects {
  std::set<std::string> hidden_paths;  // from the repository's top, as HiddenPaths gives them
  std::set<std::string> left_out;      // the names of the blobs that are not there
};

// Makes a pack in the repository; none where there are no tips. Throws base::Error.
PackedObjects pack_objects(const ObjectsPlan& plan);

}  // namespace caisson::clones
