// SPDX-License-Identifier: Apache-2.0

#include "changes/classes.h"

#include <algorithm>
#include <vector>

#include "base/ascii.h"
#include "base/text.h"
#include "changes/change_set.h"
#include "changes/class_rules.h"
#include "changes/git_folders.h"

namespace caisson::changes {
namespace {

// A link that takes the place of a folder in which a rule has names: what is in it is elsewhere.
ClassSet classes_of_link(std::string_view path) {
  const std::vector<std::string> name = {base::ascii_lower(name_of(path))};
  ClassSet set = 0;
  for (const ClassRule& rule : class_rules()) {
    if (matches_rule(rule.pattern.substr(0, rule.pattern.find('/')), name)) set |= bit_of(rule.of);
  }
  return set;
}

}  // namespace

const std::array<ClassText, 7>& class_texts() {
  static constexpr std::array<ClassText, 7> kTexts{{
      {Class::kGit, "git", "hooks, configuration and whatever else version control runs programs from"},
      {Class::kCi, "ci", "what the continuous integration runs"},
      {Class::kEditor, "editor", "tasks and settings that an editor takes from the folder"},
      {Class::kAgent, "agent", "configuration of agents, shells and other tools that run what it names"},
      {Class::kExecutable, "executable", "files that become executable"},
      {Class::kSymlink, "symlink", "links that lead out of the folder"},
      {Class::kMasked, "masked", "files that are hidden from the sandbox"},
  }};
  return kTexts;
}

ClassSet classes_of_path(std::string_view path) {
  const std::string lower = base::ascii_lower(path);
  const std::vector<std::string> names = base::split(lower, '/');
  ClassSet set = matching_rules(names);
  bool in_git = false;
  size_t behind = 0;
  for (const std::string& name : names) {
    behind += name.size() + 1;
    if (name != ".git") continue;
    in_git = true;
    if (behind < lower.size() && part_of_git(std::string_view(lower).substr(behind)) == GitPart::kMachinery)
      set |= bit_of(Class::kGit);
  }
  // A folder that has this is a bare repository to git, with a configuration that it obeys.
  if (!in_git && names.back() == "head") set |= bit_of(Class::kGit);
  return set;
}

bool leads_out(std::string_view path, std::string_view target) {
  if (target.starts_with('/')) return true;
  size_t depth = static_cast<size_t>(std::count(path.begin(), path.end(), '/'));
  bool named = false;
  for (const std::string& name : base::split(target, '/')) {
    if (name.empty() || name == ".") continue;
    if (name != "..") {
      named = true;
      continue;
    }
    if (named || depth == 0) return true;
    --depth;
  }
  return false;
}

ClassSet classify(const Change& change) {
  // A folder alone runs nothing: what is in it has its own classes.
  if (change.after == FileType::kFolder) return 0;
  ClassSet set = classes_of_path(change.path);
  // A `.git` that is a file or a link names the repository to work on; removing one removes nothing that could be run.
  // Links in such a folder git follows, and makes none.
  const std::string path = "/" + base::ascii_lower(change.path);
  const bool is_git =
      path.ends_with("/.git") && (change.after == FileType::kFile || change.after == FileType::kSymlink);
  const bool is_link_in_git = path.find("/.git/") != std::string::npos && change.after == FileType::kSymlink;
  if (is_git || is_link_in_git) set |= bit_of(Class::kGit);
  if (change.after == FileType::kSymlink) set |= classes_of_link(change.path);
  if (change.after == FileType::kSymlink && leads_out(change.path, change.target)) set |= bit_of(Class::kSymlink);
  const bool was_executable = change.before.type == FileType::kFile && (change.before.mode & 0111U) != 0;
  if (change.after == FileType::kFile && (change.mode & 0111U) != 0 && !was_executable)
    set |= bit_of(Class::kExecutable);
  return set;
}

}  // namespace caisson::changes
