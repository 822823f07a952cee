// SPDX-License-Identifier: Apache-2.0

// The commits of a workspace of mode clone: asked for in the guest by its own git, as commands, and taken in as what
// they are, a stranger's (clones/returned.h). What is asked:
//
//   git rev-parse HEAD      where the sandbox stands
//   git pack-objects        the objects that this machine does not have yet
//   git rev-list --count    commits on other branches, and in the stash: they don't come back by themselves
//   git status              files that are not committed
//
// All answers are the guest's account: numbers and names within bounds, and a pack that git judges.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <string>
#include <vector>

#include "keeper/kept_changes.h"
#include "keeper/record.h"
#include "link/guest_client.h"
#include "spec/sandbox_spec.h"

namespace caisson::keeper {

namespace asio = boost::asio;

// Fetches to the sandbox's folder; the user's repository is as it was. Throws base::Error, when there is no git in the
// sandbox too.
asio::awaitable<ChangesState> fetch_commits(link::GuestClient& guest, KeepOptions options);

// At the sandbox's end: fetches, and puts what has come on the branch of the user's repository. Never throws: what
// cannot be told is not known, and why is in `notes`, for the user, as is where the commits are.
struct KeptCommits {
  ChangesState state;
  std::vector<std::string> notes;
};
asio::awaitable<KeptCommits> keep_commits(link::GuestClient& guest, KeepOptions options);

// Puts on the branch what was fetched. Blocking. What was done, in words, for each repository with commits. Throws.
struct DeliverOptions {
  std::string sandbox_folder;
  std::string sandbox;  // its name
  uint32_t id = 0;      // the workspace's
  bool force = false;
};
std::vector<std::string> deliver_commits(const DeliverOptions& options);

// Of what was fetched, those that no branch of the user's repository has. Blocking. Throws.
uint64_t undelivered_commits(const std::string& sandbox_folder, uint32_t id);

}  // namespace caisson::keeper
