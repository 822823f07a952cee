// SPDX-License-Identifier: Apache-2.0

#include "changes/class_rules.h"

#include <array>

namespace caisson::changes {
namespace {

constexpr ClassRule kRules[] = {
    // git's own are in git_folders.cc.
    {Class::kGit, ".gitmodules"},
    // Others' own folders, with configuration that they obey.
    {Class::kGit, ".hg/"},
    {Class::kGit, ".hgsub*"},
    {Class::kGit, ".jj/"},
    {Class::kGit, ".sl/"},
    {Class::kGit, ".svn/"},
    {Class::kGit, ".bzr/"},
    {Class::kGit, "_darcs/"},
    {Class::kGit, ".pijul/"},
    {Class::kGit, ".fslckout"},
    {Class::kGit, "_fossil_"},
    {Class::kGit, ".lfsconfig"},
    {Class::kGit, ".githooks/"},
    {Class::kGit, ".husky/"},
    {Class::kGit, ".huskyrc*"},
    {Class::kGit, ".pre-commit-config.y*"},
    {Class::kGit, "prek.toml"},
    {Class::kGit, "lefthook*.yml"},
    {Class::kGit, "lefthook*.yaml"},
    {Class::kGit, "lefthook*.toml"},
    {Class::kGit, "lefthook*.json"},
    {Class::kGit, ".lefthook*/"},
    {Class::kGit, ".overcommit.yml"},
    {Class::kGit, ".git-hooks/"},
    {Class::kGit, ".lintstagedrc*"},
    {Class::kGit, "lint-staged.config.*"},
    {Class::kGit, ".commitlintrc*"},
    {Class::kGit, "commitlint.config.*"},
    {Class::kGit, "simple-git-hooks.*"},
    {Class::kGit, ".simple-git-hooks.*"},

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
    {Class::kCi, ".build.y*"},
    {Class::kCi, ".builds/"},
    {Class::kCi, ".readthedocs.y*"},
    {Class::kCi, "readthedocs.y*"},
    {Class::kCi, "buildspec*"},
    {Class::kCi, "cloudbuild*"},
    {Class::kCi, ".semaphore/"},
    {Class::kCi, "wercker.yml"},
    {Class::kCi, "codefresh.yml"},

    // Editors, and the language servers and build importers that they start when a folder is opened.
    {Class::kEditor, ".vscode/"},
    {Class::kEditor, "*.code-workspace"},
    {Class::kEditor, ".theia/"},
    {Class::kEditor, ".vs/"},
    {Class::kEditor, ".idea/"},
    {Class::kEditor, ".run/"},
    {Class::kEditor, ".fleet/"},
    {Class::kEditor, ".project"},
    {Class::kEditor, ".externaltoolbuilders/"},
    {Class::kEditor, ".settings/"},
    {Class::kEditor, "nbproject/"},
    {Class::kEditor, ".zed/"},
    {Class::kEditor, ".nova/"},
    {Class::kEditor, ".helix/"},
    {Class::kEditor, ".kateproject*"},
    {Class::kEditor, "*.sublime-project"},
    {Class::kEditor, "*.sublime-workspace"},
    {Class::kEditor, "*.sublime-build"},
    {Class::kEditor, ".vim/"},
    {Class::kEditor, ".nvim/"},
    {Class::kEditor, ".vimrc"},
    {Class::kEditor, "_vimrc"},
    {Class::kEditor, ".gvimrc"},
    {Class::kEditor, ".exrc"},
    {Class::kEditor, "_exrc"},
    {Class::kEditor, ".nvimrc"},
    {Class::kEditor, ".nvim.lua"},
    {Class::kEditor, ".lazy.lua"},
    {Class::kEditor, ".neoconf.json"},
    {Class::kEditor, ".lvimrc"},
    {Class::kEditor, ".dir-locals*"},
    {Class::kEditor, ".emacs"},
    {Class::kEditor, ".emacs.d/"},
    {Class::kEditor, ".devcontainer/"},
    {Class::kEditor, ".devcontainer.json"},
    {Class::kEditor, ".gitpod.*"},
    {Class::kEditor, ".ycm_extra_conf.py"},
    {Class::kEditor, ".luarc.json*"},
    {Class::kEditor, "hie.yaml"},
    {Class::kEditor, ".bsp/"},
    {Class::kEditor, ".metals/"},

    // Agents: what they are told, what they may do without asking, and the servers that they start.
    {Class::kAgent, ".caisson.toml"},
    {Class::kAgent, "agent.md"},
    {Class::kAgent, "agents.md"},
    {Class::kAgent, "agents.*.md"},
    {Class::kAgent, ".agent/"},
    {Class::kAgent, ".agents/"},
    {Class::kAgent, ".mcp.json"},
    {Class::kAgent, "mcp.json"},
    {Class::kAgent, "claude.md"},
    {Class::kAgent, "claude.*.md"},
    {Class::kAgent, ".claude/"},
    {Class::kAgent, ".claude.json"},
    {Class::kAgent, ".claude-plugin/"},
    {Class::kAgent, ".cursor/"},
    {Class::kAgent, ".cursorrules"},
    {Class::kAgent, ".codex/"},
    {Class::kAgent, ".gemini/"},
    {Class::kAgent, "gemini.md"},
    {Class::kAgent, ".qwen/"},
    {Class::kAgent, "qwen.md"},
    {Class::kAgent, ".opencode/"},
    {Class::kAgent, "opencode.json*"},
    {Class::kAgent, ".crush/"},
    {Class::kAgent, "crush.json"},
    {Class::kAgent, ".crush.json"},
    {Class::kAgent, "crush.md"},
    {Class::kAgent, ".goose*/"},
    {Class::kAgent, ".amp/"},
    {Class::kAgent, ".factory/"},
    {Class::kAgent, ".openhands/"},
    {Class::kAgent, ".windsurf*/"},
    {Class::kAgent, ".continue/"},
    {Class::kAgent, ".continuerc.json"},
    {Class::kAgent, ".kiro/"},
    {Class::kAgent, ".roo/"},
    {Class::kAgent, ".roorules*/"},
    {Class::kAgent, ".roomodes"},
    {Class::kAgent, ".cline*/"},
    {Class::kAgent, ".kilocode*/"},
    {Class::kAgent, ".trae/"},
    {Class::kAgent, ".junie/"},
    {Class::kAgent, ".augment*/"},
    {Class::kAgent, ".amazonq/"},
    {Class::kAgent, ".aiassistant/"},
    {Class::kAgent, ".copilot/"},
    {Class::kAgent, ".rules"},
    {Class::kAgent, "warp.md"},
    {Class::kAgent, ".aider.conf.*"},
    {Class::kAgent, ".aider.model.*"},

    // Shells, and what changes the environment when a folder is entered.
    {Class::kAgent, ".envrc*"},
    {Class::kAgent, ".direnv/"},
    {Class::kAgent, ".autoenv*"},
    {Class::kAgent, ".env.leave"},
    {Class::kAgent, "mise*.toml"},
    {Class::kAgent, ".mise*.toml"},
    {Class::kAgent, ".mise/"},
    {Class::kAgent, "mise/config*.toml"},
    {Class::kAgent, ".rtx*.toml"},
    {Class::kAgent, ".tool-versions"},
    {Class::kAgent, "devbox.json"},
    {Class::kAgent, ".flox/"},
    {Class::kAgent, "devenv*.nix"},
    {Class::kAgent, "devenv*.yaml"},
    {Class::kAgent, "flake.nix"},
    {Class::kAgent, "shell.nix"},
    {Class::kAgent, ".bashrc"},
    {Class::kAgent, ".bash_*"},
    {Class::kAgent, ".profile"},
    {Class::kAgent, ".zsh*"},
    {Class::kAgent, ".zprofile"},
    {Class::kAgent, ".zlog*"},
    {Class::kAgent, ".*cshrc"},
    {Class::kAgent, ".*kshrc"},
    {Class::kAgent, ".login"},
    {Class::kAgent, ".inputrc"},
    {Class::kAgent, ".tmux.conf"},
    {Class::kAgent, ".gitconfig"},
    {Class::kAgent, ".ssh/"},
    {Class::kAgent, ".config/"},

    // Package managers and build tools whose every command, also one that only looks, runs what these name.
    {Class::kAgent, ".cargo/"},
    {Class::kAgent, "rust-toolchain*"},
    {Class::kAgent, ".npmrc"},
    {Class::kAgent, ".yarnrc*"},
    {Class::kAgent, ".yarn/releases/"},
    {Class::kAgent, ".yarn/plugins/"},
    {Class::kAgent, ".yarn/sdks/"},
    {Class::kAgent, ".pnp.*"},
    {Class::kAgent, "pnpmfile.*"},
    {Class::kAgent, ".pnpmfile.*"},
    {Class::kAgent, "bunfig.toml"},
    {Class::kAgent, ".mvn/"},
    {Class::kAgent, "gradle/wrapper/"},
    {Class::kAgent, ".sbtopts"},
    {Class::kAgent, ".jvmopts"},
    {Class::kAgent, ".bundle/"},
    {Class::kAgent, ".bazelrc"},
    {Class::kAgent, ".bazeliskrc"},
    {Class::kAgent, ".bazelversion"},
    {Class::kAgent, "tools/bazel"},
    {Class::kAgent, ".buckconfig*/"},
    {Class::kAgent, "ansible.cfg"},

    // Debuggers and interpreters that read these where they are started.
    {Class::kAgent, ".gdb*init"},
    {Class::kAgent, ".lldbinit*"},
    {Class::kAgent, ".perldb"},
    {Class::kAgent, ".pdbrc*"},
    {Class::kAgent, ".pythonrc*"},
    {Class::kAgent, ".pythonstartup*"},
    {Class::kAgent, "sitecustomize.py"},
    {Class::kAgent, "usercustomize.py"},
    {Class::kAgent, "*.pth"},
    {Class::kAgent, "sitecustomize/"},
    {Class::kAgent, "usercustomize/"},
    {Class::kAgent, ".irbrc"},
    {Class::kAgent, ".pryrc"},
    {Class::kAgent, ".ghci"},
    {Class::kAgent, ".ocamlinit"},
    {Class::kAgent, ".iex.exs"},
    {Class::kAgent, ".erlang"},
    {Class::kAgent, ".rprofile"},
    {Class::kAgent, ".renviron"},
    {Class::kAgent, ".rdata"},
    {Class::kAgent, ".octaverc"},
};

bool matches_name(std::string_view pattern, std::string_view name) {
  const size_t star = pattern.find('*');
  if (star == std::string_view::npos) return name == pattern;
  return name.size() + 1 >= pattern.size() && name.starts_with(pattern.substr(0, star)) &&
         name.ends_with(pattern.substr(star + 1));
}

// Whether the names from the one at `at` on are the pattern's.
bool matches_from(std::string_view pattern, const std::vector<std::string>& names, size_t at) {
  const bool with_below = pattern.ends_with('/');
  if (with_below) pattern.remove_suffix(1);
  while (at < names.size()) {
    const size_t slash = pattern.find('/');
    if (!matches_name(pattern.substr(0, slash), names[at])) return false;
    ++at;
    if (slash == std::string_view::npos) return with_below || at == names.size();
    pattern.remove_prefix(slash + 1);
  }
  return false;
}

// Of the rules those whose first name may be a given one: a guest may have a million files, each far down.
class RulesByFirstByte {
 public:
  RulesByFirstByte() {
    for (const ClassRule& rule : kRules) {
      for (size_t byte = 0; byte < rules_.size(); ++byte) {
        if (rule.pattern.front() == '*' || static_cast<unsigned char>(rule.pattern.front()) == byte)
          rules_[byte].push_back(&rule);
      }
    }
  }
  const std::vector<const ClassRule*>& of(std::string_view name) const {
    return rules_[name.empty() ? 0 : static_cast<unsigned char>(name.front())];
  }

 private:
  std::array<std::vector<const ClassRule*>, 256> rules_;
};

}  // namespace

std::span<const ClassRule> class_rules() {
  return kRules;
}

ClassSet matching_rules(const std::vector<std::string>& names) {
  static const RulesByFirstByte kByFirstByte;
  ClassSet set = 0;
  for (size_t first = 0; first < names.size(); ++first) {
    for (const ClassRule* rule : kByFirstByte.of(names[first])) {
      if (matches_from(rule->pattern, names, first)) set |= bit_of(rule->of);
    }
  }
  return set;
}

bool matches_rule(std::string_view pattern, const std::vector<std::string>& names) {
  for (size_t first = 0; first < names.size(); ++first) {
    if (matches_from(pattern, names, first)) return true;
  }
  return false;
}

}  // namespace caisson::changes
