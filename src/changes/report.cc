// SPDX-License-Identifier: Apache-2.0

#include "changes/report.h"

#include <fmt/format.h>

#include <map>

#include "base/bytes.h"
#include "base/text.h"
#include "changes/classes.h"

namespace caisson::changes {
namespace {

const char* name_of_type(FileType type) {
  switch (type) {
    case FileType::kNone:
      return "none";
    case FileType::kFolder:
      return "folder";
    case FileType::kFile:
      return "file";
    case FileType::kSymlink:
      return "symlink";
    case FileType::kOther:
      break;
  }
  return "other";
}

bool is_shown_type(FileType type) {
  return type == FileType::kFile || type == FileType::kSymlink;
}

// The repository's own folder that the path is in: "sub/.git".
std::string git_folder_of(const std::string& path) {
  const std::vector<std::string> names = base::split(path, '/');
  std::string folder;
  for (const std::string& name : names) {
    folder += (folder.empty() ? "" : "/") + name;
    if (name == ".git") return folder;
  }
  return path;
}

std::string plural(uint64_t number, const char* one, const char* many) {
  return fmt::format("{} {}", number, number == 1 ? one : many);
}

std::string beside(const Change& change, const GitView& view) {
  const std::string path = base::in_quotes(change.path);
  if (change.after == FileType::kFolder && change.before.type == FileType::kFolder)
    return fmt::format("the mode of the folder {}: {:03o}, was {:03o}", path, change.mode, change.before.mode & 0777U);
  if (change.after == FileType::kFolder && !change.before.exists()) return "the new folder " + path;
  if (change.is_removal() && change.before.type == FileType::kFolder) return "the folder " + path + " is removed";
  const std::string sizes = fmt::format("{}: {} bytes, was {}; ", path, change.size, change.before.size);
  if (change.size > kMostShownBytes || change.before.size > kMostShownBytes) return sizes + "too large to be shown";
  return sizes + "not shown: in all it would be more than " + base::to_string(view.most_of_a_side);
}

}  // namespace

Counts count(const ChangeSet& set) {
  Counts counts;
  for (size_t i = 0; i < set.changes.size(); ++i) {
    const Change& change = set.changes[i];
    const bool folder =
        !is_shown_type(change.after) && !is_shown_type(change.before.type) && change.before.type != FileType::kOther;
    const bool full = i + 1 < set.changes.size() && is_below(set.changes[i + 1].path, change.path);
    if (folder && full) continue;
    if (change.is_removal()) {
      ++counts.removed;
    } else if (change.is_addition()) {
      ++counts.added;
    } else {
      ++counts.changed;
    }
  }
  return counts;
}

std::string in_words(const Counts& counts) {
  std::vector<std::string> parts;
  if (counts.changed > 0) parts.push_back(plural(counts.changed, "file changed", "files changed"));
  if (counts.added > 0)
    parts.push_back(parts.empty() ? plural(counts.added, "file added", "files added")
                                  : fmt::format("{} added", counts.added));
  if (counts.removed > 0)
    parts.push_back(parts.empty() ? plural(counts.removed, "file removed", "files removed")
                                  : fmt::format("{} removed", counts.removed));
  return base::join(parts, ", ");
}

std::vector<std::string> notes_beside_git(const ChangeSet& set, const GitView& view) {
  std::vector<std::string> notes;
  std::map<std::string, uint64_t> repositories;
  const std::vector<bool> shown = in_view(set.changes, view);
  for (size_t i = 0; i < set.changes.size(); ++i) {
    const Change& change = set.changes[i];
    if (change.conflict)
      notes.push_back(base::in_quotes(change.path) + " " + host_side(change) + " since the sandbox read it");
    if (shown[i]) {
      const uint32_t was = change.before.mode & 0777U;
      const bool more = change.after == FileType::kFile && change.before.type == FileType::kFile &&
                        was != change.mode && ((was ^ change.mode) & 0100U) == 0;
      if (more)
        notes.push_back(
            fmt::format("the mode of {}: {:03o}, was {:03o}", base::in_quotes(change.path), change.mode, was));
      continue;
    }
    if (git_folder_of(change.path) != change.path || name_of(change.path) == ".git") {
      ++repositories[git_folder_of(change.path)];
      continue;
    }
    const bool full = i + 1 < set.changes.size() && is_below(set.changes[i + 1].path, change.path);
    if (!full || change.before.exists() == !change.is_removal()) notes.push_back(beside(change, view));
  }
  for (const auto& [folder, files] : repositories)
    notes.push_back(
        fmt::format("in the repository {}: {}", base::in_quotes(folder), plural(files, "change", "changes")));
  for (const std::string& path : set.left_out)
    notes.push_back(base::in_quotes(path) + " is left out: it is no file, folder or link");
  return notes;
}

std::string name_line(const Change& change) {
  const char* letter = change.is_removal()                  ? "D"
                       : change.is_addition()               ? "A"
                       : change.before.type != change.after ? "T"
                                                            : "M";
  const bool folder = change.is_removal() ? change.before.type == FileType::kFolder : change.after == FileType::kFolder;
  return fmt::format("{}\t{}{}", letter, base::escaped(change.path), folder ? "/" : "");
}

std::string host_side(const Change& change) {
  if (!change.before.exists()) return "was removed on the host";
  return change.before.type == FileType::kFolder ? "became a folder on the host" : "was changed on the host";
}

base::Json to_json(const Change& change) {
  base::Json json{{"path", base::escaped(change.path)},
                  {"before", name_of_type(change.before.type)},
                  {"after", name_of_type(change.after)},
                  {"conflict", change.conflict}};
  if (base::escaped(change.path) != change.path) json["path_hex"] = base::hex(change.path);
  if (change.before.type == FileType::kFile) json["size_before"] = change.before.size;
  if (change.after == FileType::kFile) json["size_after"] = change.size;
  if (change.before.exists()) json["mode_before"] = fmt::format("{:03o}", change.before.mode & 0777U);
  if (change.after == FileType::kFile || change.after == FileType::kFolder)
    json["mode_after"] = fmt::format("{:03o}", change.mode);
  if (change.after == FileType::kSymlink) json["target"] = base::escaped(change.target);
  json["classes"] = base::Json::array();
  for (const ClassText& text : class_texts()) {
    if ((change.classes & bit_of(text.of)) != 0) json["classes"].push_back(text.name);
  }
  return json;
}

}  // namespace caisson::changes
