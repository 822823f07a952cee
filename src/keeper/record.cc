// SPDX-License-Identifier: Apache-2.0

#include "keeper/record.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "base/error.h"
#include "base/paths.h"
#include "base/text.h"
#include "engine/registry.h"
#include "keeper/abandoned.h"

namespace caisson::keeper {
namespace {

constexpr size_t kMaxRecordBytes = 8U << 20;

// FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv/): two state folders that share a runtime folder do not share
// sockets.
std::string short_hash(std::string_view text) {
  uint32_t hash = 2166136261U;
  for (const char c : text) hash = (hash ^ static_cast<uint8_t>(c)) * 16777619U;
  std::string bytes(4, '\0');
  for (int i = 0; i < 4; ++i) bytes[i] = static_cast<char>(hash >> (24 - 8 * i));
  return base::hex(bytes);
}

base::Json read_object(const std::string& path) {
  return base::parse_json_object(base::read_file(path, kMaxRecordBytes), base::in_quotes(path));
}

// What the lock says goes before what was written.
void settle_status(Sandbox& sandbox) {
  State& state = sandbox.state;
  if (base::FileLock::is_held(sandbox.folder + "/lock")) {
    // Its keeper may not have written that it runs yet.
    state.status = Status::kRunning;
    return;
  }
  if (state.status != Status::kRunning) return;
  state.status = Status::kStopped;
  state.reason = kKeeperKilled;
  state.keeper_pid = 0;
  state.engine_pid = 0;
}

bool folder_exists(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

Sandbox read_parts(const std::string& folder) {
  Sandbox sandbox;
  sandbox.folder = folder;
  sandbox.name = folder.substr(folder.rfind('/') + 1);
  sandbox.socket = base::runtime_folder() + "/" + sandbox.name + "." + short_hash(folder) + "/api.sock";
  return sandbox;
}

void fill(Sandbox& sandbox) {
  engine::Plan plan = read_plan(sandbox.folder);
  sandbox.engine = plan.engine;
  if (const auto digest = plan.details.find("image_digest"); digest != plan.details.end() && digest->is_string())
    sandbox.image_digest = digest->get<std::string>();
  sandbox.spec = std::move(plan.spec);
  if (sandbox.spec.name != sandbox.name) throw base::Error("its plan is that of " + base::in_quotes(sandbox.spec.name));
  sandbox.state = state_from_json(read_object(sandbox.folder + "/state.json"));
  settle_status(sandbox);
}

void write_beside(const std::string& path, const std::string& text, Durability durability) {
  if (durability == Durability::kSynced) return base::write_file_atomic(path, text);
  const std::string beside = path + ".new";
  {
    const base::Fd file = base::open_file(beside, O_WRONLY | O_CREAT | O_TRUNC);
    base::write_all(file.get(), {text.data(), text.size()}, beside);
  }
  if (::rename(beside.c_str(), path.c_str()) != 0) throw base::system_error("cannot replace", path);
}

// On a full disk, the block that the file has already takes the new content. Not atomic, but an old record would be
// untrue for certain.
void write_over(const std::string& path, const std::string& text) {
  ::unlink((path + ".new").c_str());
  const base::Fd file = base::open_file(path, O_WRONLY);
  base::write_all(file.get(), {text.data(), text.size()}, path);
  if (::ftruncate(file.get(), static_cast<off_t>(text.size())) != 0) throw base::system_error("cannot write", path);
}

}  // namespace

Time now() {
  return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

std::string sandboxes_folder() {
  std::string folder = base::data_folder() + "/sandboxes";
  base::make_folders(folder);
  return folder;
}

engine::Plan read_plan(const std::string& folder) {
  return plan_from_json(read_object(folder + "/plan.json"));
}

Sandbox read_sandbox_folder(const std::string& folder) {
  Sandbox sandbox = read_parts(folder);
  try {
    fill(sandbox);
  } catch (const base::Error& error) {
    throw base::Error("cannot read the record of " + base::in_quotes(sandbox.name) + ": " + error.problem(),
                      "`caisson rm --force " + sandbox.name + "` removes it", error.errnum());
  }
  return sandbox;
}

Sandbox read_sandbox(const std::string& name) {
  spec::validate_name(name);
  const std::string folder = sandboxes_folder() + "/" + name;
  if (!folder_exists(folder))
    throw base::Error("there is no sandbox " + base::in_quotes(name), "`caisson ls` lists them", ENOENT);
  return read_sandbox_folder(folder);
}

std::vector<Sandbox> list_sandboxes() {
  sweep_leftovers();
  std::vector<Sandbox> found;
  const std::string parent = sandboxes_folder();
  std::error_code error;
  for (auto entry = std::filesystem::directory_iterator(parent, error); entry != std::filesystem::directory_iterator();
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (name.starts_with('.') || !folder_exists(parent + "/" + name)) continue;
    Sandbox sandbox = read_parts(parent + "/" + name);
    try {
      fill(sandbox);
    } catch (const base::Error& problem) {
      // Removed by another command since the folder was listed.
      if (!folder_exists(sandbox.folder)) continue;
      sandbox = read_parts(sandbox.folder);
      sandbox.problem = problem.what();
    }
    const bool unstarted = sandbox.problem.empty() && sandbox.state.status == Status::kCreated;
    if (unstarted && collect_abandoned(name)) continue;
    found.push_back(std::move(sandbox));
  }
  if (error) throw base::system_error("cannot list", parent, error.value());
  std::sort(found.begin(), found.end(), [](const Sandbox& a, const Sandbox& b) { return a.name < b.name; });
  return found;
}

std::unique_ptr<engine::Engine> engine_named(const std::string& name) {
  for (std::unique_ptr<engine::Engine>& engine : engine::all_engines()) {
    if (engine->name() == name) return std::move(engine);
  }
  throw base::Error("this caisson has no engine " + base::in_quotes(name),
                    "the sandbox was made by another version; remove it, or use that version");
}

void write_state(const std::string& folder, const State& state, Durability durability) {
  const std::string path = folder + "/state.json";
  const std::string text = base::to_line(to_json(state)) + "\n";
  try {
    write_beside(path, text, durability);
  } catch (const base::Error& error) {
    if (error.errnum() != ENOSPC && error.errnum() != EDQUOT) throw;
    write_over(path, text);
  }
}

void sync_record(const std::string& folder) {
  for (const char* name : {"/spec.json", "/plan.json", "/policy.json"}) {
    const base::Fd file = base::open_file(folder + name, O_RDONLY);
    if (::fsync(file.get()) != 0) throw base::system_error("cannot sync", folder + name);
  }
  for (const std::string& place : {folder, folder + "/.."}) {
    const base::Fd opened = base::open_file(place, O_RDONLY | O_DIRECTORY);
    if (::fsync(opened.get()) != 0) throw base::system_error("cannot sync", place);
  }
}

Claim claim_sandbox(const Sandbox& sandbox) {
  std::optional<base::FileLock> lock = base::FileLock::try_acquire(sandbox.folder + "/lock");
  if (!lock)
    throw base::Error(
        base::in_quotes(sandbox.name) + " is running already",
        "`caisson exec " + sandbox.name + " CMD` runs a command in it; `caisson stop " + sandbox.name + "` stops it");
  return Claim{sandbox.folder, std::move(*lock)};
}

}  // namespace caisson::keeper
