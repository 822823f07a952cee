// SPDX-License-Identifier: Apache-2.0

#include "keeper/kept_changes.h"

#include <fcntl.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <filesystem>
#include <iostream>

#include "base/error.h"
#include "base/file.h"
#include "base/scope.h"
#include "base/text.h"
#include "changes/report.h"
#include "keeper/workspace_files.h"
#include "link/deadline.h"
#include "share/masks.h"

namespace caisson::keeper {
namespace {

// What is larger is read from the sandbox when it is wanted.
constexpr uint64_t kMostKeptBytes = 1ULL << 30;
constexpr size_t kPartBytes = 128U << 10;

std::string folder_of(const std::string& sandbox_folder) {
  return sandbox_folder + "/changes";
}

// All that the guest says, to the file. False where it is too much to be kept.
asio::awaitable<bool> receive(link::GuestClient* guest, link::ChangesRequest request, std::string path) {
  const base::Fd file = base::open_file(path, O_WRONLY | O_CREAT | O_TRUNC);
  const link::StreamPtr stream = co_await guest->changes(request);
  std::vector<uint8_t> buffer(kPartBytes);
  uint64_t total = 0;
  while (true) {
    const size_t count = co_await stream->read_some(buffer);
    if (count == 0) co_return true;
    total += count;
    if (total > kMostKeptBytes) {
      stream->reset();
      co_return false;
    }
    base::write_all(file.get(), {reinterpret_cast<const char*>(buffer.data()), count}, path);
  }
}

asio::awaitable<changes::Counts> count_kept(std::string sandbox_folder, const spec::SandboxSpec* spec,
                                            const spec::Workspace* workspace, std::string path) {
  changes::Received received = changes::Received::open(path);
  // Most runs change nothing.
  if (received.records().empty()) co_return changes::Counts();
  const ComparedChanges compared = compare_changes(sandbox_folder, *spec, *workspace, std::move(received));
  co_return changes::count(compared.set);
}

}  // namespace

std::string kept_changes_path(const std::string& sandbox_folder, uint32_t id) {
  return folder_of(sandbox_folder) + "/" + std::to_string(id) + ".records";
}

void forget_kept_changes(const std::string& sandbox_folder) {
  std::error_code failed;
  std::filesystem::remove_all(folder_of(sandbox_folder), failed);
  if (failed) throw base::system_error("cannot remove", folder_of(sandbox_folder), failed.value());
}

asio::awaitable<ChangesState> keep_changes(link::GuestClient& guest, KeepOptions options) {
  const std::string& sandbox_folder = options.sandbox_folder;
  const spec::Workspace& workspace = options.workspace;
  ChangesState state;
  state.id = workspace.id;
  const auto executor = co_await asio::this_coro::executor;
  const std::string path = kept_changes_path(sandbox_folder, workspace.id);
  const std::string part = path + ".part";
  try {
    base::make_folders(folder_of(sandbox_folder));
    base::Scope remove_part([&] { ::unlink(part.c_str()); });
    const link::ChangesRequest request{.id = workspace.id, .content = true};
    const base::Error late("the sandbox has not listed its changes within " + std::to_string(options.limit.count()) +
                           " s");
    auto work = receive(&guest, request, part);
    const bool whole = co_await link::within(executor, options.limit, std::move(work), late);
    if (!whole) co_return state;
    // The host's files are looked at, which can take its time.
    asio::thread_pool pool(1);
    const changes::Counts counts =
        co_await asio::co_spawn(pool, count_kept(sandbox_folder, &options.spec, &workspace, part), asio::use_awaitable);
    state.changed = counts.changed;
    state.added = counts.added;
    state.removed = counts.removed;
    state.known = true;
    if (counts.all() == 0) co_return state;
    if (::rename(part.c_str(), path.c_str()) != 0) throw base::system_error("cannot keep", path);
    remove_part.dismiss();
  } catch (const std::exception& error) {
    std::cerr << "cannot keep the changes of " << base::in_quotes(workspace.guest) << ": " << error.what() << std::endl;
  }
  co_return state;
}

ComparedChanges compare_changes(const std::string& sandbox_folder, const spec::SandboxSpec& spec,
                                const spec::Workspace& workspace, changes::Received received) {
  const auto record = read_workspace_record(sandbox_folder, workspace.id);
  changes::HostRoot root(workspace.host);
  if (record && root.look("").inode != record->inode)
    throw base::Error(base::in_quotes(workspace.host) + " is another folder than the one that the sandbox was given");
  // Without a record nothing of the host's is known to be old.
  const changes::Baseline baseline(record ? record->started_ns : 0, baseline_path(sandbox_folder, workspace.id));
  const share::Masks masks(spec.masks, spec.unmasks);
  changes::ChangeSet set = changes::compare(
      {.root = root, .received = received, .baseline = baseline, .is_masked = [&](std::string_view path) {
         return masks.hides(path);
       }});
  return {std::move(received), std::move(root), std::move(set)};
}

std::string changes_in_words(const std::vector<ChangesState>& states) {
  changes::Counts all;
  bool known = true;
  for (const ChangesState& state : states) {
    known = known && state.known;
    all.changed += state.changed;
    all.added += state.added;
    all.removed += state.removed;
  }
  const std::string words = changes::in_words(all);
  if (known) return words;
  return words.empty() ? "changes that could not be counted" : words + " at least";
}

}  // namespace caisson::keeper
