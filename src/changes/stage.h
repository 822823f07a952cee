// SPDX-License-Identifier: Apache-2.0

// The folder beside the user's files in which an apply makes what it puts into place, and to which it moves what it
// takes out. It is in the user's own folder, since only a rename within one file system is atomic.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "changes/change_set.h"
#include "changes/host_root.h"
#include "changes/received.h"

namespace caisson::changes {

inline constexpr std::string_view kStagePrefix = ".caisson-apply-";

// A stage's name: the prefix and 16 random hexadecimal digits.
std::string new_stage_name();

// Makes the stage, which must not be there, in the root.
HostRoot make_stage(const HostRoot& root, const std::string& name);
// The stage; nothing where it is not there. Throws where that name has a folder that cannot be it: of another user, or,
// for the superuser in another user's folder, one that others may get into.
std::optional<HostRoot> open_stage(const HostRoot& root, const std::string& name);
// Removes the stage and all that is in it; one that is not there is none, and one that open_stage() would refuse stays.
// Works in two levels at a time: what is deeper is moved up first, so that the depth of what a guest has made needs
// neither descriptors nor stack.
void remove_stage(const HostRoot& root, const std::string& name);

// What fills a stage.
class StageMaker {
 public:
  StageMaker(const HostRoot& root, const Received& received, const HostRoot& stage)
      : root_(root), received_(received), stage_(stage) {}

  // Makes the file, link or folder that `change` is to have, as `path` below the stage: "7", or "7/a" in the folder
  // "7". A folder gets its mode by finish_folder(), once it is full. `owner` is what it takes the place of, or the
  // folder that it comes into: whose it is to be, as far as this process may say so.
  void make(const Change& change, const std::string& path, const HostFile& owner);
  void finish_folder(const Change& change, const std::string& path);

 private:
  void make_file(const Change& change, const base::Fd& file);

  const HostRoot& root_;
  const Received& received_;
  const HostRoot& stage_;
};

// Sets the bits of 0777 of the file or folder at a path; the others stay. Throws where it is a link, or not there.
void set_mode(const HostRoot& root, const std::string& path, uint32_t mode);
// The same of what is there, if that is what is expected; whether it was.
bool set_mode_if(const HostRoot& root, const std::string& path, uint32_t mode,
                 const std::function<bool(const HostFile& now)>& is_expected);

}  // namespace caisson::changes
