// SPDX-License-Identifier: Apache-2.0

// Making the clone that a workspace of mode clone shows: by this machine's git, on this machine, before the sandbox is
// started. In the sandbox's folder:
//
//   clones/ID/tree          the clone: the lower layer of the workspace's overlay. Its files are those of HEAD, its
//   history
//                           is that of the source's branches and tags. Nothing of the source's configuration, hooks,
//                           reflogs and stashes is in it. What the masks hide is not checked out, and its content is
//                           not there
//   clones/ID/clone.json    which repositories it is of: the workspace's, and its submodules'
//   clones/ID/repos/N.git   what comes back of repository N (returned.h)
//
// The source may be hostile: a commit of it checks out within the clone or not at all, and nothing that its
// configuration names is run (git.h).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "clones/source.h"

namespace caisson::clones {

struct ClonedRepository {
  std::string path;  // from the workspace's top; "" is the workspace's own
  std::string host;  // the folder on this machine
  RepositoryId repository;
  std::string format;  // of object names: "sha1"
  std::string base;    // the commit that the sandbox begins with; "" where there was none
};

// In a repository for what comes back: the names of the blobs that were left out, a line each.
inline constexpr const char* kHiddenList = "caisson-hidden";

std::string folder_of_clone(const std::string& sandbox_folder, uint32_t id);
std::string tree_of_clone(const std::string& sandbox_folder, uint32_t id);
std::string repository_folder(const std::string& sandbox_folder, uint32_t id, size_t number);

struct MakeOptions {
  std::string sandbox_folder;
  std::string sandbox;  // its name
  uint32_t id = 0;      // the workspace's
  std::string host;
  std::vector<std::string> masks;
  std::vector<std::string> unmasks;
};
// Returns what the user is to know of it, in words. Throws base::Error; what was made is the caller's to remove.
std::vector<std::string> make_clone(const MakeOptions& options);

// Throws base::Error.
std::vector<ClonedRepository> read_clone(const std::string& sandbox_folder, uint32_t id);

}  // namespace caisson::clones
