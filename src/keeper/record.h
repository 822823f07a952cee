// SPDX-License-Identifier: Apache-2.0

// The sandboxes' folders: data_folder()/sandboxes/NAME.
//
//   spec.json      what the user asked for (spec::SandboxSpec)
//   plan.json      what the engine made of it
//   policy.json    what its network may reach (network_policy.h)
//   workspaces/    what is known of its workspaces since their first start (workspace_files.h)
//   views/         what is made of its changes to show them (changes/view_folder.h)
//   state.json     State, replaced atomically
//   lock           held (base::FileLock) by whoever makes, runs or removes the sandbox; a held lock is what
//                  "running" means, so a sandbox whose keeper was killed reads as stopped
//   output.log, output.log.1, console.log, ledger.jsonl, allowed.jsonl, keeper.log, and the engine's files in vm/
//
// A folder appears under its name complete, by one rename, and goes the same way: sandboxes/.new-NAME-XXXXXX and
// sandboxes/.gone-NAME-X… are what is being made and removed. What a crash leaves there is swept by the next command.
//
// Blocking file work; used by the CLI and, for its own sandbox, by the keeper. All functions throw base::Error.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/file.h"
#include "engine/engine.h"
#include "keeper/exit.h"
#include "keeper/network_policy.h"
#include "spec/sandbox_spec.h"

namespace caisson::keeper {

using Time = std::chrono::sys_time<std::chrono::milliseconds>;
Time now();

enum class Status { kCreated, kRunning, kStopped };
std::string_view to_string(Status status);

// What serves a workspace (shares.h).
struct ShareState {
  uint32_t id = 0;   // the workspace's
  int64_t pid = 0;   // 0 when it does not run
  std::string lost;  // how it ended before the sandbox did
};

// What a sandbox had changed in a workspace of mode overlay or clone when it last ended, and what was neither applied
// nor discarded since (kept_changes.h, commits.h).
struct ChangesState {
  uint32_t id = 0;     // the workspace's
  bool known = false;  // the counts are; else the guest could not be asked, and there may be any
  uint64_t changed = 0;
  uint64_t added = 0;
  uint64_t removed = 0;
  // Of a clone:
  uint64_t commits = 0;      // fetched, and on no branch of the user's repository
  uint64_t elsewhere = 0;    // not fetched: on other branches than the one that was checked out, or stashed
  uint64_t uncommitted = 0;  // files

  bool is_zero() const {
    return changed == 0 && added == 0 && removed == 0 && commits == 0 && elsewhere == 0 && uncommitted == 0;
  }
  bool is_nothing() const { return known && is_zero(); }
};

// The reason of a sandbox whose keeper did not come to its end.
inline constexpr const char* kKeeperKilled = "the sandbox's keeper was killed";

// state.json
struct State {
  Status status = Status::kCreated;
  std::string accelerator;  // "kvm", "tcg"; "" before the first start
  Time created;
  std::optional<Time> started;  // of the last start
  std::optional<Time> ended;
  std::optional<int> exit_code;    // of the main command of the last run
  std::string reason;              // why the last run ended, in words; "" while it runs
  std::string paused;              // why the machine stands still although it runs, in words; "" when it does not
  std::vector<std::string> notes;  // limits that were hit
  int64_t keeper_pid = 0;          // 0 when not running
  int64_t engine_pid = 0;
  std::vector<spec::PortPublish> ports;  // as they are bound: no host port is 0
  std::vector<engine::WallPart> wall;
  std::vector<ShareState> shares;
  std::vector<ChangesState> changes;
  Stages stages_us;
  // What the network has carried in all of its runs, both ways together. While it runs, and of one whose keeper was
  // killed, it is what may have been carried at most where there is a limit (Budget::on_reserve); else it is that of
  // the runs before.
  uint64_t network_bytes = 0;
  // Of the last run; while it runs the keeper knows them (GET /v1/sandbox).
  gate::Refusals refusals;
  gate::Uses uses;
};

struct Sandbox {
  std::string name;
  std::string folder;  // absolute
  std::string socket;  // of the keeper's API; there while it runs
  spec::SandboxSpec spec;
  std::string engine;  // the one that was chosen
  std::string image_digest;
  State state;          // its status is the truth: the lock was asked
  std::string problem;  // not empty: the record cannot be read, why; spec, engine and state are then empty
};

// The object that `inspect` prints and GET /v1/sandbox answers.
base::Json to_json(const Sandbox& sandbox);

// data_folder()/sandboxes, made when missing.
std::string sandboxes_folder();

// All of them by name, the broken ones too.
std::vector<Sandbox> list_sandboxes();
// Throws when there is none of that name, or its record cannot be read.
Sandbox read_sandbox(const std::string& name);
// The same for any folder that holds one.
Sandbox read_sandbox_folder(const std::string& folder);
engine::Plan read_plan(const std::string& folder);
// The engine of that name, without a probe.
std::unique_ptr<engine::Engine> engine_named(const std::string& name);

// A sandbox that goes away with its command anyway need not outlive a power failure, and is spared the wait for the
// disk.
enum class Durability { kSynced, kNotSynced };
void write_state(const std::string& folder, const State& state, Durability durability = Durability::kSynced);

// Brings to the disk what was not when the sandbox was made: it was to go with its command, and stays.
void sync_record(const std::string& folder);

// A sandbox's folder that belongs to this process: nobody else starts or removes it while the lock lives.
struct Claim {
  std::string folder;
  base::FileLock lock;
};

// A sandbox that is being made, in a hidden folder:
//
//   NewSandbox made(plan.spec.name);         // throws when the name is taken
//   engine.create(plan, made.folder());
//   Claim claim = std::move(made).commit(plan);
//
// Without commit() the folder is removed again.
class NewSandbox {
 public:
  explicit NewSandbox(const std::string& name);
  ~NewSandbox();
  NewSandbox(NewSandbox&& other) noexcept = default;
  NewSandbox& operator=(NewSandbox&&) = delete;

  const std::string& folder() const { return folder_; }
  // Writes spec, plan, policy and state, and renames the folder to its name; throws when another was faster.
  Claim commit(const engine::Plan& plan, const gate::Policy& policy = gate::Policy()) &&;

 private:
  std::string name_;
  std::string folder_;  // sandboxes/.new-NAME-XXXXXX; "" when there is nothing to remove
  std::optional<base::FileLock> lock_;
};

// For `start`: throws when it runs already.
Claim claim_sandbox(const Sandbox& sandbox);

// Removes a sandbox that does not run (also one whose record is broken): renames it away, lets the engine clean up,
// deletes. Throws when it runs.
void remove_sandbox(const Sandbox& sandbox);

// Removes a sandbox whose keeper ended before there was a machine: nothing of the user's is in it, and its name is
// wanted for the next try. Waits so long for the keeper's end; leaves every other sandbox alone; never fails.
void discard_unstarted(const std::string& folder, std::chrono::milliseconds patience = std::chrono::seconds(5));

// Takes the folder, whose lock the caller holds, out of sight by one rename; returns where it is now. The name is free
// after this.
std::string hide_folder(const std::string& folder);
// Deletes what hide_folder() returned; `engine` may be null.
void delete_hidden(const std::string& hidden, engine::Engine* engine);

// Removes what crashed commands and keepers have left in .new-* and .gone-*; never fails. Called by NewSandbox and
// list_sandboxes.
void sweep_leftovers();

base::Json to_json(const State& state);
// Strict; throws base::Error.
State state_from_json(const base::Json& json);
base::Json to_json(const engine::Plan& plan);
engine::Plan plan_from_json(const base::Json& json);

}  // namespace caisson::keeper
