// SPDX-License-Identifier: Apache-2.0

#include "keeper/workspace_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cstdio>
#include <ctime>

#include "base/error.h"
#include "base/file.h"
#include "base/json_reader.h"
#include "base/text.h"

namespace caisson::keeper {
namespace {

constexpr size_t kMaxWorkspaceRecordBytes = 4096;

std::string workspace_file(const std::string& sandbox_folder, uint32_t id, const char* ending) {
  return sandbox_folder + "/workspaces/" + std::to_string(id) + ending;
}

// The time that a file changed now would get.
int64_t now_of_files() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
  return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

}  // namespace

WorkspaceObject object_of(int opened, std::string_view name) {
  struct statx info {};
  if (::statx(opened, "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME, &info) != 0)
    throw base::system_error("cannot look at", name);
  WorkspaceObject object;
  object.inode = info.stx_ino;
  object.device = makedev(info.stx_dev_major, info.stx_dev_minor);
  if ((info.stx_mask & STATX_BTIME) != 0)
    object.born_ns = info.stx_btime.tv_sec * 1'000'000'000LL + info.stx_btime.tv_nsec;
  object.boot = base::trimmed(base::read_file_if_exists("/proc/sys/kernel/random/boot_id").value_or(""));
  return object;
}

bool is_same_object(const WorkspaceObject& one, const WorkspaceObject& other) {
  if (one.inode != other.inode) return false;
  if (one.device == other.device || one.device == 0 || other.device == 0) return true;
  if (one.born_ns != 0 && other.born_ns != 0) return one.born_ns == other.born_ns;
  return one.boot != other.boot;
}

std::optional<WorkspaceRecord> read_workspace_record(const std::string& sandbox_folder, uint32_t id) {
  const std::string path = workspace_file(sandbox_folder, id, ".json");
  const auto text = base::read_file_if_exists(path, kMaxWorkspaceRecordBytes);
  if (!text) return std::nullopt;
  const base::Json json = base::parse_json_object(*text, base::in_quotes(path));
  base::JsonReader reader(json, base::in_quotes(path));
  WorkspaceRecord record;
  record.started_ns = reader.required<int64_t>("started_ns");
  record.object.inode = reader.required<uint64_t>("inode");
  record.object.device = reader.optional<uint64_t>("device", 0);
  record.object.born_ns = reader.optional<int64_t>("born_ns", 0);
  record.object.boot = reader.optional<std::string>("boot", "");
  reader.finish();
  return record;
}

WorkspaceRecord keep_workspace_record(const std::string& sandbox_folder, uint32_t id, const WorkspaceObject& object) {
  if (const auto record = read_workspace_record(sandbox_folder, id)) return *record;
  WorkspaceRecord record{.started_ns = now_of_files(), .object = object};
  base::make_folders(sandbox_folder + "/workspaces");
  const std::string path = workspace_file(sandbox_folder, id, ".json");
  const std::string text = base::to_line(base::Json{{"started_ns", record.started_ns},
                                                    {"inode", object.inode},
                                                    {"device", object.device},
                                                    {"born_ns", object.born_ns},
                                                    {"boot", object.boot}}) +
                           "\n";
  // Whole or not there; not synced, for the start does not wait for the disk.
  const std::string beside = path + ".new";
  {
    const base::Fd file = base::open_file(beside, O_WRONLY | O_CREAT | O_TRUNC);
    base::write_all(file.get(), {text.data(), text.size()}, beside);
  }
  if (::rename(beside.c_str(), path.c_str()) != 0) throw base::system_error("cannot write", path);
  return record;
}

std::string baseline_path(const std::string& sandbox_folder, uint32_t id) {
  return workspace_file(sandbox_folder, id, ".baseline");
}

std::string known_names_path(const std::string& sandbox_folder, uint32_t id) {
  return workspace_file(sandbox_folder, id, ".names");
}

base::Fd open_baseline(const std::string& sandbox_folder, uint32_t id) {
  return base::open_file(baseline_path(sandbox_folder, id), O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW);
}

}  // namespace caisson::keeper
