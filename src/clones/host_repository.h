// SPDX-License-Identifier: Apache-2.0

// A repository of this machine's, which a stranger may have written, and the place of ours in which git looks at it.
//
// Its folder is opened once, and known by device and inode; what is read of it is read beneath that, through no link.
// git never runs in it. It runs in a folder of ours that is a repository with these references and our configuration,
// and borrows the objects: see git.h. What is written to it is a pack and a branch.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "clones/git.h"
#include "clones/scratch.h"

namespace caisson::clones {

struct Reference {
  std::string name;    // "refs/heads/main"
  std::string object;  // of a tag that is an object: the tag
};

// Which repository: a path may lead to another one by now.
struct RepositoryId {
  std::string folder;  // what its working trees have in common
  uint64_t device = 0;
  uint64_t inode = 0;

  bool operator==(const RepositoryId& other) const = default;
};

class HostRepository {
 public:
  // `folder` has no link in it; `scratch` is where the place of ours is made. Throws base::Error with the remedy.
  HostRepository(const std::string& folder, const std::string& scratch);
  // The one that was seen before. Throws base::Error where another is there by now.
  HostRepository(const RepositoryId& id, const std::string& scratch);

  const RepositoryId& id() const { return id_; }
  int fd() const { return fd_.get(); }
  const std::string& format() const { return format_; }  // of object names: "sha1"
  bool is_partial() const { return partial_; }           // it need not have all objects of its history itself
  bool is_bare() const { return bare_; }
  const std::string& work_tree() const { return work_tree_; }  // as its configuration says; "": it does not
  // Branches and tags that git takes for such, and that lead to objects.
  const std::vector<Reference>& references() const { return references_; }

  // Of git, in the place of ours.
  GitCall call(std::vector<std::string> arguments) const;
  ObjectFolder objects() const { return {.path = id_.folder + "/objects", .fd = objects_.get()}; }
  std::string answer(std::vector<std::string> arguments) const;  // its only line, or ""
  bool is_ok(std::vector<std::string> arguments) const;
  const std::string& place() const { return scratch_.path(); }
  // The file in which a shallow repository says where its history is cut.
  const std::optional<std::string>& shallow() const { return shallow_; }

  // Puts PACK.pack and PACK.idx among its objects.
  void add_pack(const std::string& pack) const;

 private:
  void open_objects();
  void read_settings();
  void make_place();

  RepositoryId id_;
  base::Fd fd_;
  base::Fd objects_;
  ScratchFolder scratch_;
  std::string format_ = "sha1";
  bool partial_ = false;
  bool bare_ = false;
  std::string work_tree_;
  std::optional<std::string> shallow_;
  std::vector<Reference> references_;
};

}  // namespace caisson::clones
