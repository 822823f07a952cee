// SPDX-License-Identifier: Apache-2.0

#include "keeper/kept_changes.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
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
#include "changes/hidden.h"
#include "changes/report.h"
#include "keeper/own_places.h"
#include "keeper/workspace_files.h"
#include "share/masks.h"

namespace caisson::keeper {
namespace {

// Of a list: what its format bounds the names by, and the content that is kept.
constexpr uint64_t kMostListBytes =
    kMostKeptBytes + link::kMostChangeNameBytes + link::kMostChangeRecords * link::kChangeHeaderBytes;
constexpr size_t kPartBytes = 128U << 10;

std::string folder_of_kept(const std::string& sandbox_folder) {
  return sandbox_folder + "/changes";
}

// All that the guest says, to the file.
asio::awaitable<void> receive(link::GuestClient& guest, link::ChangesRequest request, std::string path) {
  const base::Fd file = base::open_file(path, O_WRONLY | O_CREAT | O_TRUNC);
  const link::StreamPtr stream = co_await guest.changes(request);
  std::vector<uint8_t> buffer(kPartBytes);
  uint64_t total = 0;
  while (const size_t count = co_await stream->read_some(buffer)) {
    total += count;
    if (total > kMostListBytes) {
      stream->reset();
      throw base::Error("the sandbox's list of changes has more than " + std::to_string(kMostListBytes) + " bytes");
    }
    base::write_all(file.get(), {reinterpret_cast<const char*>(buffer.data()), count}, path);
  }
}

// In sizes that the guest has announced.
uint64_t bytes_of_content(const changes::Received& received) {
  uint64_t bytes = 0;
  for (const changes::ReceivedRecord& one : received.records()) {
    if (one.record.real_size > kMostKeptBytes) return UINT64_MAX;
    bytes += one.record.real_size;
  }
  return bytes;
}

// A list of names that was received.
struct NameList {
  bool has_any = false;
  uint64_t content_bytes = 0;
};
asio::awaitable<NameList> look_at_names(std::string path) {
  const changes::Received received = changes::Received::open(path);
  co_return NameList{!received.records().empty(), bytes_of_content(received)};
}

asio::awaitable<changes::Counts> count_kept(std::string sandbox_folder, const spec::SandboxSpec* spec,
                                            const spec::Workspace* workspace, std::string path) {
  changes::Received received = changes::Received::open(path);
  const ComparedChanges compared = compare_changes(sandbox_folder, *spec, *workspace, std::move(received));
  co_return changes::count(compared.set);
}

// Whether a list has anything in it, from its first bytes.
class FirstRecord {
 public:
  void feed(std::span<const uint8_t> bytes) { decoder_.feed(bytes); }
  bool is_something() const { return something_; }
  bool is_known() const { return something_ || decoder_.ended(); }

 private:
  bool something_ = false;
  link::ChangeDecoder decoder_{{.record = [this](const link::ChangeRecord& record) {
    // A list that could not be made, too.
    something_ = something_ || record.kind != link::ChangeKind::kEnd || !record.target.empty();
  }}};
};

}  // namespace

std::string kept_changes_path(const std::string& sandbox_folder, uint32_t id) {
  return folder_of_kept(sandbox_folder) + "/" + std::to_string(id) + ".records";
}

void forget_kept_changes(const std::string& sandbox_folder) {
  std::error_code failed;
  std::filesystem::remove_all(folder_of_kept(sandbox_folder), failed);
  if (failed) throw base::system_error("cannot remove", folder_of_kept(sandbox_folder), failed.value());
}

std::string apply_journal_path(const std::string& sandbox_folder, uint32_t id) {
  return sandbox_folder + "/apply-" + std::to_string(id) + ".journal";
}

asio::awaitable<bool> has_changes(link::GuestClient& guest, uint32_t id) {
  const link::ChangesRequest request{.id = id, .content = false};
  const link::StreamPtr stream = co_await guest.changes(request);
  std::array<uint8_t, 1024> buffer{};
  FirstRecord first;
  while (!first.is_known()) {
    const size_t count = co_await stream->read_some(buffer);
    if (count == 0) throw base::Error("the sandbox's list of changes is not whole");
    const std::span<const uint8_t> part(buffer.data(), count);
    first.feed(part);
  }
  if (first.is_something()) stream->reset();
  co_return first.is_something();
}

asio::awaitable<ChangesState> keep_changes(link::GuestClient& guest, KeepOptions options) {
  const std::string& sandbox_folder = options.sandbox_folder;
  const spec::Workspace& workspace = options.workspace;
  ChangesState state;
  state.id = workspace.id;
  const std::string path = kept_changes_path(sandbox_folder, workspace.id);
  const std::string part = path + ".part";
  try {
    base::make_folders(folder_of_kept(sandbox_folder));
    base::Scope remove_part([&] { ::unlink(part.c_str()); });
    link::ChangesRequest request{.id = workspace.id, .content = false};
    co_await receive(guest, request, part);
    // What reads the list and the host's files takes its time.
    asio::thread_pool pool(1);
    auto looking = look_at_names(part);
    const NameList names = co_await asio::co_spawn(pool, std::move(looking), asio::use_awaitable);
    const bool whole = names.content_bytes <= kMostKeptBytes;
    if (names.has_any) {
      request.content = true;
      if (whole) co_await receive(guest, request, part);
      auto counting = count_kept(sandbox_folder, &options.spec, &workspace, part);
      const changes::Counts counts = co_await asio::co_spawn(pool, std::move(counting), asio::use_awaitable);
      state.changed = counts.changed;
      state.added = counts.added;
      state.removed = counts.removed;
    }
    // That files are equal is not told by names, sizes and times.
    state.known = whole || !state.is_zero();
    if (!whole || state.is_zero()) co_return state;
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
  if (record && !is_same_object(record->object, object_of(root.fd(), workspace.host)))
    throw base::Error(base::in_quotes(workspace.host) + " is another folder than the one that the sandbox was given",
                      "if that one was moved or renamed, move it back to this place");
  // Without a record nothing of the host's is known to be old.
  const changes::Baseline baseline(record ? record->started_ns : 0, baseline_path(sandbox_folder, workspace.id));
  const changes::KnownNames names(known_names_path(sandbox_folder, workspace.id));
  const share::Masks masks(spec.masks, spec.unmasks, own_places_in(workspace.host));
  changes::Hidden hidden(masks, root);
  changes::ChangeSet set =
      changes::compare({.root = root,
                        .received = received,
                        .baseline = baseline,
                        .names = names,
                        .is_masked = [&](std::string_view path) { return hidden.by_path(path); },
                        .is_hidden = [&](const std::string& path) { return hidden.by_other_name(path); }});
  return {std::move(received), std::move(root), std::move(set)};
}

std::string changes_in_words(const std::vector<ChangesState>& states) {
  changes::Counts all;
  ChangesState of_clones;
  bool known = true;
  for (const ChangesState& state : states) {
    known = known && state.known;
    all.changed += state.changed;
    all.added += state.added;
    all.removed += state.removed;
    of_clones.commits += state.commits;
    of_clones.elsewhere += state.elsewhere;
    of_clones.uncommitted += state.uncommitted;
  }
  std::string words = changes::in_words(all);
  auto add = [&words](uint64_t count, const std::string& one, const std::string& what) {
    if (count == 0) return;
    words += (words.empty() ? "" : ", ") + std::to_string(count) + " " + one + (count == 1 ? " " : "s ") + what;
  };
  add(of_clones.commits, "commit", "not taken over");
  add(of_clones.elsewhere, "commit", "on other branches of the clone");
  add(of_clones.uncommitted, "file", "not committed in the clone");
  if (known) return words;
  return words.empty() ? "changes that could not be counted" : words + " at least";
}

}  // namespace caisson::keeper
