// SPDX-License-Identifier: Apache-2.0

#include "keeper/workspace_files.h"

#include <fcntl.h>
#include <sys/stat.h>

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

std::optional<WorkspaceRecord> read_workspace_record(const std::string& sandbox_folder, uint32_t id) {
  const std::string path = workspace_file(sandbox_folder, id, ".json");
  const auto text = base::read_file_if_exists(path, kMaxWorkspaceRecordBytes);
  if (!text) return std::nullopt;
  const base::Json json = base::parse_json_object(*text, base::in_quotes(path));
  base::JsonReader reader(json, base::in_quotes(path));
  WorkspaceRecord record;
  record.started_ns = reader.required<int64_t>("started_ns");
  record.inode = reader.required<uint64_t>("inode");
  reader.finish();
  return record;
}

WorkspaceRecord keep_workspace_record(const std::string& sandbox_folder, uint32_t id, uint64_t inode) {
  if (const auto record = read_workspace_record(sandbox_folder, id)) return *record;
  const WorkspaceRecord record{.started_ns = now_of_files(), .inode = inode};
  base::make_folders(sandbox_folder + "/workspaces");
  const std::string path = workspace_file(sandbox_folder, id, ".json");
  const std::string text = base::to_line(base::Json{{"started_ns", record.started_ns}, {"inode", record.inode}}) + "\n";
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

base::Fd open_baseline(const std::string& sandbox_folder, uint32_t id) {
  return base::open_file(baseline_path(sandbox_folder, id), O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW);
}

}  // namespace caisson::keeper
