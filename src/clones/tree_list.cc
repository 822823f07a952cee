// SPDX-License-Identifier: Apache-2.0

#include "clones/tree_list.h"

#include <set>

#include "base/error.h"
#include "base/text.h"

namespace caisson::clones {

std::vector<TreeEntry> list_tree(GitCall git, const std::string& commit, const std::string& doing) {
  git.arguments = {"ls-tree", "-r", "-t", "-z", "--full-tree", commit};
  std::set<std::string> folders = {""};
  std::set<std::string> others;
  std::vector<TreeEntry> entries;
  // "100644 blob NAME\tPATH"; a folder comes before what is in it.
  for (const std::string& line : base::split(git_output(git, doing), '\0')) {
    const size_t tab = line.find('\t');
    const std::vector<std::string> words = base::split(line.substr(0, tab), ' ');
    if (tab == std::string::npos || words.size() != 3) continue;
    const std::string path = line.substr(tab + 1);
    const size_t slash = path.rfind('/');
    const bool is_folder = words[1] == "tree";
    const bool is_new = folders.count(path) == 0 && others.count(path) == 0;
    if (!is_new || folders.count(slash == std::string::npos ? "" : path.substr(0, slash)) == 0)
      throw base::Error(
          doing + ": its commit has " + base::in_quotes(path) + (is_new ? " in what is no folder" : " twice"),
          "`git fsck` says what else is wrong with it");
    (is_folder ? folders : others).insert(path);
    if (is_folder) continue;
    entries.push_back({.kind = words[1] == "commit" ? TreeEntry::Kind::kSubmodule : TreeEntry::Kind::kFile,
                       .object = words[2],
                       .path = path});
  }
  return entries;
}

}  // namespace caisson::clones
