// SPDX-License-Identifier: Apache-2.0

// What comes back of a clone: objects that a guest has made. They are hostile until they are in the user's repository,
// and git's to judge:
//
//   a pack, as bytes in a file    bounded in size; nothing of the guest's says where it goes or what it is called
//   clones/ID/repos/N.git         `git index-pack --fsck-objects` takes it in or refuses it: names that are no names,
//   links
//                                 for .gitmodules, what would be .git on another system. This repository is ours: no
//                                 configuration, hook or path in it is the guest's. refs/returned/head is where the
//                                 sandbox stands
//   the user's repository         `git fetch` from there: checked once more, that all is there, too; to
//                                 refs/heads/caisson/NAME and nowhere else, never over commits that it does not have.
//                                 Neither working tree nor index is touched
//
// Blocking; from any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "clones/hidden_paths.h"
#include "clones/make.h"

namespace caisson::clones {

inline constexpr uint64_t kMostPackBytes = 1ULL << 30;

class Returned {
 public:
  // Repository `number` of the workspace `id`'s clone.
  Returned(const std::string& sandbox_folder, uint32_t id, size_t number, ClonedRepository what);

  const ClonedRepository& what() const { return what_; }

  // Whether the commit is here, or in the user's repository.
  bool has(const std::string& commit) const;
  // Commits that need not be sent: all that the sandbox was given.
  std::vector<std::string> given() const;
  // Takes a pack in: a file, read from its beginning. Throws base::Error.
  void take_pack(int file);
  // Where the sandbox stands. Throws base::Error where that is no commit, or gives a hidden file's content a name that
  // is not hidden: the next sandbox would see it.
  void set_head(const std::string& commit, const HiddenPaths& hidden);

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
  // says that it may lose them, or where it is checked out.
  enum class Force : uint8_t { kNo, kYes };
  void deliver(const std::string& sandbox, Force force) const;

 private:
  std::string doing() const;
  std::string ours(std::vector<std::string> arguments, std::chrono::seconds limit = kOwnLimit) const;
  bool ours_is_ok(std::vector<std::string> arguments) const;
  void check_hidden(const std::string& commit, const HiddenPaths& hidden) const;
  std::vector<std::string> since_base(const std::string& commit) const;

  // What git makes of a guest's objects may take long by the guest's will.
  static constexpr std::chrono::seconds kOwnLimit{120};

  std::string folder_;
  ClonedRepository what_;
};

// All repositories of a workspace's clone. Throws base::Error.
std::vector<Returned> returned_of(const std::string& sandbox_folder, uint32_t id);

}  // namespace caisson::clones
