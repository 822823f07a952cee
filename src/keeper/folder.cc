// SPDX-License-Identifier: Apache-2.0

// How a sandbox's folder appears and goes.
//
// sandboxes/.lock is held for the moment in which a hidden folder has no lock of its own yet: from mkdtemp to that
// lock. The sweeper looks at hidden folders only while it holds it, so it never sees such a moment; it deletes with the
// folder's lock alone.
//
// What is removed only gets another name in the same folder: that takes no room on a disk that is full.

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "base/error.h"
#include "base/random.h"
#include "base/scope.h"
#include "base/text.h"
#include "engine/registry.h"
#include "keeper/abandoned.h"
#include "keeper/record.h"

namespace caisson::keeper {
namespace {

// A keeper that ends gives its lock back last, after what tells that it ends: there is no event for it. One that hangs
// never does.
std::optional<base::FileLock> lock_within(const std::string& path, std::chrono::milliseconds patience) {
  constexpr int kTurnMs = 10;
  for (auto left = patience.count();; left -= kTurnMs) {
    std::optional<base::FileLock> lock = base::FileLock::try_acquire(path);
    if (lock || left <= 0) return lock;
    ::poll(nullptr, 0, kTurnMs);
  }
}

base::Error unusable(const base::Error& error) {
  return base::Error("cannot make a sandbox: " + error.problem(), "set XDG_DATA_HOME to a folder that can be written",
                     error.errnum());
}

std::string parent_of(const std::string& folder) {
  return folder.substr(0, folder.rfind('/'));
}
std::string name_of(const std::string& folder) {
  return folder.substr(folder.rfind('/') + 1);
}

base::Error taken(const std::string& parent, const std::string& name) {
  const std::string what = "there is a sandbox " + base::in_quotes(name) + " already";
  const std::string another = ", --name gives the new one another name";
  if (base::FileLock::is_held(parent + "/" + name + "/lock"))
    return base::Error(what + ", and it runs",
                       "`caisson exec " + name + " CMD` runs a command in it, `caisson rm --force " + name +
                           "` ends and removes it" + another,
                       EEXIST);
  return base::Error(
      what, "`caisson rm " + name + "` removes it, `caisson start " + name + "` starts it again" + another, EEXIST);
}

void write_new_file(const std::string& path, const base::Json& json, Durability durability) {
  const std::string text = base::to_line(json) + "\n";
  const base::Fd file = base::open_file(path, O_WRONLY | O_CREAT | O_EXCL);
  base::write_all(file.get(), {text.data(), text.size()}, path);
  if (durability == Durability::kSynced && ::fsync(file.get()) != 0) throw base::system_error("cannot sync", path);
}

void destroy_quietly(engine::Engine& engine, const std::string& folder) {
  try {
    engine.destroy(folder);
  } catch (const base::Error&) {
    // What is left outside the folder is the engine's to find again; the folder must go all the same.
  }
}

// For a record that does not say which engine it is of, every engine cleans up what it knows by this name.
void destroy_by_record(const std::string& folder) {
  try {
    destroy_quietly(*engine_named(read_plan(folder).engine), folder);
  } catch (const base::Error&) {
    for (std::unique_ptr<engine::Engine>& engine : engine::all_engines()) destroy_quietly(*engine, folder);
  }
}

// The caller holds its lock, so nobody else starts or removes it. False where it had a machine already.
bool discard_if_unstarted(const std::string& folder) {
  // The record itself: a sandbox that is locked reads as running.
  const base::Json state = base::parse_json_object(base::read_file(folder + "/state.json"), "the sandbox's state");
  if (state_from_json(state).status != Status::kCreated) return false;
  const std::string hidden = hide_folder(folder);
  destroy_by_record(hidden);
  delete_hidden(hidden, nullptr);
  return true;
}

struct Leftover {
  std::string folder;
  base::FileLock lock;
};

std::vector<Leftover> find_leftovers(const std::string& parent) {
  namespace fs = std::filesystem;
  std::vector<Leftover> found;
  std::error_code error;
  for (auto entry = fs::directory_iterator(parent, error); !error && entry != fs::directory_iterator();
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (!name.starts_with(".new-") && !name.starts_with(".gone-")) continue;
    const std::string folder = entry->path().string();
    std::optional<base::FileLock> lock = base::FileLock::try_acquire(folder + "/lock");
    if (lock) found.push_back({folder, std::move(*lock)});
  }
  return found;
}

}  // namespace

NewSandbox::NewSandbox(const std::string& name) : name_(name) {
  spec::validate_name(name);
  sweep_leftovers();
  collect_abandoned(name);
  const std::string parent = sandboxes_folder();
  struct stat info {};
  if (::lstat((parent + "/" + name).c_str(), &info) == 0) throw taken(parent, name);
  try {
    const base::FileLock making = base::FileLock::acquire(parent + "/.lock");
    std::string folder = parent + "/.new-" + name + "-XXXXXX";
    if (::mkdtemp(folder.data()) == nullptr) throw base::system_error("cannot make a folder in", parent);
    folder_ = std::move(folder);
    lock_ = base::FileLock::acquire(folder_ + "/lock");
  } catch (const base::Error& error) {
    if (!folder_.empty()) delete_hidden(folder_, nullptr);
    throw unusable(error);
  }
}

NewSandbox::~NewSandbox() {
  if (!folder_.empty()) delete_hidden(folder_, nullptr);
}

Claim NewSandbox::commit(const engine::Plan& plan, const gate::Policy& policy) && {
  const std::string parent = parent_of(folder_);
  const std::string folder = parent + "/" + name_;
  const Durability durability = plan.spec.remove_at_end ? Durability::kNotSynced : Durability::kSynced;
  State state;
  state.created = now();
  write_new_file(folder_ + "/spec.json", spec::to_json(plan.spec), durability);
  write_new_file(folder_ + "/plan.json", to_json(plan), durability);
  write_new_file(folder_ + "/policy.json", to_json(policy), durability);
  write_new_file(folder_ + "/state.json", to_json(state), durability);
  if (::renameat2(AT_FDCWD, folder_.c_str(), AT_FDCWD, folder.c_str(), RENAME_NOREPLACE) != 0) {
    if (errno == EEXIST) throw taken(parent, name_);
    throw unusable(base::system_error("cannot rename to", folder));
  }
  if (durability == Durability::kSynced) ::fsync(base::open_file(parent, O_RDONLY | O_DIRECTORY).get());
  folder_.clear();
  return Claim{folder, std::move(*lock_)};
}

void remove_sandbox(const Sandbox& sandbox) {
  std::optional<base::FileLock> lock = base::FileLock::try_acquire(sandbox.folder + "/lock");
  if (!lock)
    throw base::Error(
        "cannot remove " + base::in_quotes(sandbox.name) + ": it is running",
        "`caisson stop " + sandbox.name + "` stops it, `caisson rm --force " + sandbox.name + "` does both");
  // A killed keeper leaves its socket.
  ::unlink(sandbox.socket.c_str());
  ::rmdir(parent_of(sandbox.socket).c_str());
  const std::string hidden = hide_folder(sandbox.folder);
  destroy_by_record(hidden);
  delete_hidden(hidden, nullptr);
}

void discard_unstarted(const std::string& folder, std::chrono::milliseconds patience) {
  try {
    const std::optional<base::FileLock> lock = lock_within(folder + "/lock", patience);
    if (lock) discard_if_unstarted(folder);
  } catch (const base::Error&) {
    // Its keeper has removed it, or it cannot be read: `rm` says how that is mended.
  }
}

bool collect_abandoned(const std::string& name) {
  try {
    spec::validate_name(name);
    const std::string folder = sandboxes_folder() + "/" + name;
    if (!std::filesystem::exists(folder + "/state.json")) return false;
    const std::optional<base::FileLock> lock = base::FileLock::try_acquire(folder + "/lock");
    return lock && discard_if_unstarted(folder);
  } catch (const base::Error&) {
    return false;  // as above
  }
}

std::string hide_folder(const std::string& folder) {
  std::string hidden = parent_of(folder) + "/.gone-" + name_of(folder) + "-" + base::random_hex(8);
  if (::rename(folder.c_str(), hidden.c_str()) != 0) throw base::system_error("cannot remove", folder);
  return hidden;
}

void delete_hidden(const std::string& hidden, engine::Engine* engine) {
  if (engine != nullptr) destroy_quietly(*engine, hidden);
  std::error_code ignored;  // what cannot be deleted now is a leftover for the next command
  std::filesystem::remove_all(hidden, ignored);
}

void sweep_leftovers() {
  try {
    const std::string parent = sandboxes_folder();
    std::vector<Leftover> leftovers;
    {
      std::optional<base::FileLock> looking = base::FileLock::try_acquire(parent + "/.lock");
      if (!looking) return;
      leftovers = find_leftovers(parent);
    }
    for (const Leftover& leftover : leftovers) {
      destroy_by_record(leftover.folder);
      delete_hidden(leftover.folder, nullptr);
    }
  } catch (const base::Error&) {
    // A state folder that cannot be written is reported by the command that has to write.
  }
}

}  // namespace caisson::keeper
