// SPDX-License-Identifier: Apache-2.0

// What a sandbox has changed in its workspaces, kept when it ends, so that it need not be started to be looked at:
//
//   changes/ID.records   of workspace ID, as it came from the guest (link/change_format.h); only where there is
//   something
//
// A sandbox that starts again makes them wrong: they are removed before anything of the user's runs. Beside them:
//
//   apply-ID.journal     of an apply to workspace ID that is under way, or was interrupted (changes/apply.h)
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "changes/change_set.h"
#include "keeper/record.h"
#include "link/guest_client.h"
#include "spec/sandbox_spec.h"

namespace caisson::keeper {

namespace asio = boost::asio;

std::string kept_changes_path(const std::string& sandbox_folder, uint32_t id);
void forget_kept_changes(const std::string& sandbox_folder);

std::string apply_journal_path(const std::string& sandbox_folder, uint32_t id);

// Whether the guest has anything to say about a workspace. Throws base::Error.
asio::awaitable<bool> has_changes(link::GuestClient& guest, uint32_t id);

// References that outlive the call.
struct KeepOptions {
  const std::string& sandbox_folder;
  const spec::SandboxSpec& spec;
  const spec::Workspace& workspace;
};
// Asks the guest and keeps what it says; of more than kMostKeptBytes only how much it is. What is equal to the host's
// files by now does not count. Never throws: what cannot be told is not known.
inline constexpr uint64_t kMostKeptBytes = 64U << 20;
asio::awaitable<ChangesState> keep_changes(link::GuestClient& guest, KeepOptions options);

// Those of a workspace, compared with the host's folder by now.
struct ComparedChanges {
  changes::Received received;
  changes::HostRoot root;
  changes::ChangeSet set;
};
ComparedChanges compare_changes(const std::string& sandbox_folder, const spec::SandboxSpec& spec,
                                const spec::Workspace& workspace, changes::Received received);

// "2 files changed, 1 added", of all; "" for none.
std::string changes_in_words(const std::vector<ChangesState>& states);

}  // namespace caisson::keeper
