// SPDX-License-Identifier: Apache-2.0

#include "changes/class_rules.h"

namespace caisson::changes {
namespace {

constexpr ClassRule kRules[] = {
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

bool matches_name(std::string_view pattern, std::string_view name) {
  const size_t star = pattern.find('*');
  if (star == std::string_view::npos) return name == pattern;
  return name.size() + 1 >= pattern.size() && name.starts_with(pattern.substr(0, star)) &&
         name.ends_with(pattern.substr(star + 1));
}

}  // namespace

std::span<const ClassRule> class_rules() {
  return kRules;
}

bool matches_rule(std::string_view pattern, const std::vector<std::string>& names) {
  const bool with_below = pattern.ends_with('/');
  if (with_below) pattern.remove_suffix(1);
  for (size_t first = 0; first < names.size(); ++first) {
    // Most names are told from most patterns by this.
    if (pattern.front() != '*' && !names[first].starts_with(pattern.front())) continue;
    std::string_view rest = pattern;
    size_t at = first;
    while (at < names.size()) {
      const size_t slash = rest.find('/');
      if (!matches_name(rest.substr(0, slash), names[at])) break;
      ++at;
      if (slash == std::string_view::npos) {
        if (with_below || at == names.size()) return true;
        break;
      }
      rest.remove_prefix(slash + 1);
    }
  }
  return false;
}

}  // namespace caisson::changes
