// SPDX-License-Identifier: Apache-2.0

#include "changes/classes.h"

#include <algorithm>
#include <vector>

#include "base/text.h"
#include "changes/change_set.h"

namespace caisson::changes {
namespace {

struct Rule {
  Class of;
  std::string_view pattern;  // "NAME" anywhere, "NAME/" for all in folders of that name, "*END", "BEGIN*"
};

// The tools that read these run what they say: at a commit, at a push, when a folder is opened or entered.
constexpr Rule kRules[] = {
    {Class::kGit, ".husky/"},
    {Class::kGit, ".githooks/"},
    {Class::kGit, ".pre-commit-config.yaml"},
    {Class::kGit, ".gitmodules"},
    {Class::kGit, "lefthook.y*"},
    {Class::kGit, ".lefthook.y*"},
    {Class::kGit, ".overcommit.yml"},
    {Class::kCi, ".github/"},
    {Class::kCi, ".gitea/"},
    {Class::kCi, ".forgejo/"},
    {Class::kCi, ".gitlab/"},
    {Class::kCi, ".gitlab-ci.*"},
    {Class::kCi, ".circleci/"},
    {Class::kCi, ".buildkite/"},
    {Class::kCi, ".woodpecker/"},
    {Class::kCi, ".woodpecker.*"},
    {Class::kCi, ".teamcity/"},
    {Class::kCi, ".azure-pipelines/"},
    {Class::kCi, "azure-pipelines*"},
    {Class::kCi, "bitbucket-pipelines.*"},
    {Class::kCi, ".travis.*"},
    {Class::kCi, ".drone.*"},
    {Class::kCi, ".cirrus.*"},
    {Class::kCi, ".appveyor.*"},
    {Class::kCi, "appveyor.*"},
    {Class::kCi, "jenkinsfile*"},
    {Class::kEditor, ".vscode/"},
    {Class::kEditor, ".idea/"},
    {Class::kEditor, ".fleet/"},
    {Class::kEditor, ".zed/"},
    {Class::kEditor, ".vim/"},
    {Class::kEditor, ".nvim/"},
    {Class::kEditor, ".devcontainer/"},
    {Class::kEditor, ".devcontainer.json"},
    {Class::kEditor, "*.code-workspace"},
    {Class::kEditor, "*.sublime-project"},
    {Class::kEditor, ".vimrc"},
    {Class::kEditor, ".exrc"},
    {Class::kEditor, ".nvimrc"},
    {Class::kEditor, ".nvim.lua"},
    {Class::kEditor, ".lvimrc"},
    {Class::kEditor, ".dir-locals*"},
    {Class::kAgent, ".envrc"},
    {Class::kAgent, ".caisson.toml"},
    {Class::kAgent, ".mcp.json"},
    {Class::kAgent, ".claude/"},
    {Class::kAgent, ".claude.json"},
    {Class::kAgent, ".cursor/"},
    {Class::kAgent, ".cursorrules"},
    {Class::kAgent, ".codex/"},
    {Class::kAgent, ".gemini/"},
    {Class::kAgent, ".opencode/"},
    {Class::kAgent, "opencode.json*"},
    {Class::kAgent, ".windsurf/"},
    {Class::kAgent, ".continue/"},
    {Class::kAgent, ".aider.conf.yml"},
    {Class::kAgent, "mise.toml"},
    {Class::kAgent, ".mise.toml"},
    {Class::kAgent, ".bashrc"},
    {Class::kAgent, ".bash_*"},
    {Class::kAgent, ".profile"},
    {Class::kAgent, ".zsh*"},
    {Class::kAgent, ".zprofile"},
    {Class::kAgent, ".zlogin"},
    {Class::kAgent, ".login"},
    {Class::kAgent, ".inputrc"},
    {Class::kAgent, ".tmux.conf"},
    {Class::kAgent, ".gitconfig"},
    {Class::kAgent, ".ssh/"},
    {Class::kAgent, ".config/"},
};

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char byte) { return static_cast<char>(byte >= 'A' && byte <= 'Z' ? byte + 32 : byte); });
  return out;
}

bool matches(std::string_view pattern, const std::string& name, bool is_last) {
  if (pattern.ends_with('/')) return name == pattern.substr(0, pattern.size() - 1);
  if (!is_last) return false;
  if (pattern.starts_with('*')) return name.ends_with(pattern.substr(1));
  if (pattern.ends_with('*')) return name.starts_with(pattern.substr(0, pattern.size() - 1));
  return name == pattern;
}

// In a repository's own folder, everything but what commits and branches are made of: hooks, configuration, and the
// files that say where another repository is.
bool is_git_machinery(const std::vector<std::string>& names, size_t git) {
  if (git + 1 == names.size()) return false;
  static constexpr std::string_view kData[] = {
      "objects",     "refs",         "logs",           "index",      "head",       "orig_head",
      "fetch_head",  "packed-refs",  "commit_editmsg", "merge_head", "merge_msg",  "merge_mode",
      "rr-cache",    "description",  "shallow",        "auto_merge", "branches",   "cherry_pick_head",
      "revert_head", "rebase-merge", "rebase-apply",   "gc.log",     "squash_msg", "lost-found"};
  const std::string& first = names[git + 1];
  return std::find(std::begin(kData), std::end(kData), first) == std::end(kData);
}

}  // namespace

const std::array<ClassText, 7>& class_texts() {
  static constexpr std::array<ClassText, 7> kTexts{{
      {Class::kGit, "git", "hooks and configuration, from which git runs programs"},
      {Class::kCi, "ci", "what the continuous integration runs"},
      {Class::kEditor, "editor", "tasks and settings that an editor takes from the folder"},
      {Class::kAgent, "agent", "configuration of agents and shells"},
      {Class::kExecutable, "executable", "files that become executable"},
      {Class::kSymlink, "symlink", "links that lead out of the folder"},
      {Class::kMasked, "masked", "files that are hidden from the sandbox"},
  }};
  return kTexts;
}

ClassSet classes_of_path(std::string_view path) {
  std::vector<std::string> names = base::split(lower(path), '/');
  ClassSet set = 0;
  bool in_git = false;
  for (size_t i = 0; i < names.size(); ++i) {
    const bool is_last = i + 1 == names.size();
    for (const Rule& rule : kRules) {
      if (matches(rule.pattern, names[i], is_last)) set |= bit_of(rule.of);
    }
    if (names[i] != ".git") continue;
    in_git = true;
    if (is_git_machinery(names, i)) set |= bit_of(Class::kGit);
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
  ClassSet set = classes_of_path(change.path);
  // A `.git` that is a file or a link names the repository to work on; removing one removes nothing that could be run.
  const bool is_git = lower(name_of(change.path)) == ".git";
  if (is_git && (change.after == FileType::kFile || change.after == FileType::kSymlink)) set |= bit_of(Class::kGit);
  if (change.after == FileType::kSymlink && leads_out(change.path, change.target)) set |= bit_of(Class::kSymlink);
  const bool was_executable = change.before.type == FileType::kFile && (change.before.mode & 0111U) != 0;
  if (change.after == FileType::kFile && (change.mode & 0111U) != 0 && !was_executable)
    set |= bit_of(Class::kExecutable);
  // A folder alone runs nothing: what is in it has its own classes.
  if (change.after == FileType::kFolder) set = 0;
  return set;
}

}  // namespace caisson::changes
