// SPDX-License-Identifier: Apache-2.0

// What comes back of a clone: objects that a guest has made. They are hostile until they are in the user's repository,
// and git's to judge (git.h says how that is kept):
//
//   a pack, as bytes in a file    bounded in size; nothing of the guest's says where it goes or what it is called
//   a repository beside           new for each: `git index-pack --fsck-objects` takes the pack in or refuses it, names
//   clones/ID/repos/N.git         that are no names, links for .gitmodules, what would be .git on another system. It
//                                 knows the objects that the clone was given, and no other of the user's: what the
//                                 commits lead to must be among these or in the pack
//   clones/ID/repos/N.git         takes its place when all was found good. refs/returned/head is where the sandbox
//                                 stands
//   the user's repository         gets a pack of what it lacks, in which nothing is missing, and then one branch moves:
//                                 refs/heads/caisson/NAME, never over commits that it does not have (deliver.cc)
//
// Blocking; from any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "clones/hidden_paths.h"
#include "clones/incoming_pack.h"
#include "clones/make.h"

namespace caisson::clones {

class Returned {
 public:
  // Repository `number` of the workspace `id`'s clone.
  Returned(const std::string& sandbox_folder, uint32_t id, size_t number, ClonedRepository what);

  const ClonedRepository& what() const { return what_; }

  // Whether the sandbox was given the commit, or has sent it.
  bool has(const std::string& commit) const;
  // Commits that need not be sent: all that the sandbox was given.
  std::vector<std::string> given() const;
  // Where the sandbox stands: `commit`, with a pack of all that it was not given, a file that is read from its
  // beginning; or one that is here. Throws base::Error, and nothing has changed, where that is no commit, leads to what
  // was neither given nor sent, or gives a hidden file's content a name that is not hidden: the next sandbox would see
  // it.
  void take(const std::string& commit, int pack, const HiddenPaths& hidden);
  void stand_at(const std::string& commit, const HiddenPaths& hidden);

  // "" until there is one.
  std::string head() const;
  // Commits of the sandbox's: what `head` has and `base` has not.
  uint64_t commits() const;
  // Whether a branch of the user's repository has them all.
  bool is_delivered() const;
  // A line for each commit, the newest first; safe to print.
  std::vector<std::string> titles() const;
  // What they change, as `git diff` shows it with these further options; of these paths from the repository's top, or
  // of all.
  struct View {
    std::vector<std::string> options;
    std::vector<std::string> paths = {};
  };
  void show(const View& view, const std::function<bool(std::string_view)>& part) const;

  // To the user's repository. Throws base::Error where its branch has commits that these do not have, unless `force`
  // says that it may lose them, or where it is checked out. Returns the commit that the branch was at when it has lost
  // any.
  enum class Force : uint8_t { kNo, kYes };
  std::optional<std::string> deliver(const std::string& sandbox, Force force) const;

 private:
  std::string doing() const;
  GitCall in(const std::string& repository, std::vector<std::string> arguments) const;
  std::string ours(std::vector<std::string> arguments) const;
  bool ours_is_ok(std::vector<std::string> arguments) const;
  std::vector<std::string> since_base(const std::string& commit) const;

  void set_head(const std::string& repository, const std::string& commit, const HiddenPaths& hidden) const;
  void check_whole(const std::string& repository, const std::string& commit) const;
  void check_hidden(const std::string& repository, const std::string& commit, const HiddenPaths& hidden) const;

  // In the place of ours for the user's repository, with these objects beside its own.
  GitCall beside(const HostRepository& host, std::vector<std::string> arguments) const;
  bool is_ancestor(const HostRepository& host, const std::string& commit, const std::string& of) const;
  void send_objects(const HostRepository& host, const std::string& commit) const;

  std::string clone_;   // clones/ID
  std::string folder_;  // repos/N.git
  ObjectFolder given_;  // the clone's objects
  ClonedRepository what_;
};

// All repositories of a workspace's clone. Throws base::Error.
std::vector<Returned> returned_of(const std::string& sandbox_folder, uint32_t id);

}  // namespace caisson::clones
