// SPDX-License-Identifier: Apache-2.0

// What is asked for: files from which the host's tools run programs.

#include "changes/classes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/text.h"
#include "changes/change_set_for_test.h"
#include "changes/class_rules.h"
#include "changes/git_folders.h"
#include "changes/git_index.h"
#include "link/big_endian.h"

namespace caisson::changes {
namespace {

TEST(Classes, OfToolsThatRunWhatTheFolderSays) {
  const auto is = [](std::string_view path, Class of) { return (classes_of_path(path) & bit_of(of)) != 0; };
  for (const char* path :
       {".lfsconfig", ".pre-commit-config.yaml", "lefthook-local.yml", ".lefthook/pre-commit/x", ".husky/pre-commit",
        ".hg/hgrc", "sub/.hg/requires", ".jj/repo/config.toml", ".sl/config", "_darcs/prefs/defaults"})
    EXPECT_TRUE(is(path, Class::kGit)) << path;
  for (const char* path : {".build.yml", ".builds/x.yml", ".readthedocs.yaml", "buildspec.yml", "cloudbuild.yaml"})
    EXPECT_TRUE(is(path, Class::kCi)) << path;
  for (const char* path : {".helix/languages.toml", ".exrc", ".nvim.lua", "sub/.vimrc", ".devcontainer/x/Dockerfile",
                           ".idea/workspace.xml", "x.sublime-project", ".luarc.json", ".bsp/x.json"})
    EXPECT_TRUE(is(path, Class::kEditor)) << path;
  for (const char* path : {"CLAUDE.md",
                           "docs/AGENTS.md",
                           "GEMINI.md",
                           ".kiro/settings/mcp.json",
                           ".roo/mcp.json",
                           ".roomodes",
                           ".clinerules/x.md",
                           ".clinerules",
                           ".windsurfrules",
                           ".windsurf/x",
                           ".continue/config.yaml",
                           ".envrc.local",
                           ".direnv/flake.rc",
                           ".autoenv.zsh",
                           ".venv/lib/python3/site-packages/x.pth",
                           "mise.toml",
                           "mise.local.toml",
                           ".mise/config.toml",
                           "mise/config.toml",
                           ".tool-versions",
                           ".cargo/config.toml",
                           ".cargo/config",
                           "rust-toolchain",
                           "rust-toolchain.toml",
                           ".npmrc",
                           ".yarnrc.yml",
                           ".yarn/plugins/x.cjs",
                           ".yarn/releases/yarn.cjs",
                           ".pnpmfile.cjs",
                           ".mvn/jvm.config",
                           ".bundle/config",
                           ".bazelrc",
                           "tools/bazel",
                           ".buckconfig",
                           ".gdbinit",
                           ".lldbinit",
                           ".pdbrc",
                           ".pythonrc.py",
                           "sitecustomize.py",
                           ".Rprofile",
                           ".irbrc",
                           ".ghci"})
    EXPECT_TRUE(is(path, Class::kAgent)) << path;
  // Of these the user's build or test is told, or nothing is run.
  for (const char* path : {"conftest.py", "Makefile", "package.json", "pyrightconfig.json", "tools/bazel/BUILD",
                           ".yarn/cache/x.zip", ".rooted", "cargo/config.toml", "mise/README.md", "setup.cfg"})
    EXPECT_EQ(classes_of_path(path), 0U) << path;
}

TEST(Classes, PatternsAreOfNames) {
  const auto matches = [](std::string_view pattern, const std::vector<std::string>& names) {
    return matches_rule(pattern, names);
  };
  EXPECT_TRUE(matches("a/b/", {"x", "a", "b", "c"}));
  EXPECT_TRUE(matches("a/b", {"a", "a", "b"}));
  EXPECT_FALSE(matches("a/b", {"a", "b", "c"}));
  EXPECT_FALSE(matches("a/b", {"a"}));
  EXPECT_TRUE(matches("a*b", {"ab"}));
  EXPECT_FALSE(matches("a*a", {"a"}));
  EXPECT_TRUE(matches("*.x", {"a", "b.x"}));
}

TEST(Classes, AllRulesAreLookedAt) {
  for (const ClassRule& rule : class_rules()) {
    std::string path(rule.pattern);
    if (const size_t star = path.find('*'); star != std::string::npos) path.replace(star, 1, "any");
    const std::vector<std::string> names = base::split("a/" + path + (path.ends_with('/') ? "b" : ""), '/');
    ClassSet each = 0;
    for (const ClassRule& other : class_rules()) {
      if (matches_rule(other.pattern, names)) each |= bit_of(other.of);
    }
    EXPECT_NE(each & bit_of(rule.of), 0U) << path;
    EXPECT_EQ(matching_rules(names), each) << path;
  }
}

TEST(Classes, RulesAreWrittenAsPathsAreCompared) {
  for (const ClassRule& rule : class_rules()) {
    for (const char byte : rule.pattern) EXPECT_FALSE(byte >= 'A' && byte <= 'Z') << rule.pattern;
    const std::string text(rule.pattern);
    EXPECT_EQ(text.find("//"), std::string::npos) << text;
    for (size_t from = 0, to = 0; to != std::string::npos; from = to + 1) {
      to = text.find('/', from);
      const std::string name = text.substr(from, to == std::string::npos ? to : to - from);
      EXPECT_LE(std::count(name.begin(), name.end(), '*'), 1) << text;
    }
  }
}

TEST(Classes, InAGitFolderOnlyDataIsNotAskedFor) {
  for (const char* path : {"objects/ab/cdef", "objects/pack/x.pack", "refs/heads/x", "logs/HEAD", "HEAD", "ORIG_HEAD",
                           "FETCH_HEAD", "packed-refs", "COMMIT_EDITMSG", "MERGE_HEAD", "MERGE_MSG", "shallow"}) {
    EXPECT_EQ(classes_of_path(std::string(".git/") + path), 0U) << path;
  }
  for (const char* path : {"config",
                           "config.worktree",
                           "hooks/pre-commit",
                           "info/attributes",
                           "info/exclude",
                           "commondir",
                           "gitdir",
                           "rebase-merge/git-rebase-todo",
                           "rebase-apply/next",
                           "sequencer/todo",
                           "sequencer/opts",
                           "modules/x/HEAD",
                           "worktrees/x/gitdir",
                           "branches/x",
                           "remotes/x",
                           "rr-cache/x/postimage",
                           "objects/info/alternates",
                           "sharedindex.0",
                           "index/x",
                           "refs-x",
                           "BISECT_LOG",
                           "something-new"}) {
    EXPECT_EQ(classes_of_path(std::string("sub/.Git/") + path), bit_of(Class::kGit)) << path;
  }
}

TEST(Classes, OfLinks) {
  const auto of = [](const std::string& path, const std::string& target) {
    Change change;
    change.path = path;
    change.after = FileType::kSymlink;
    change.target = target;
    return classify(change);
  };
  EXPECT_EQ(of(".git/refs/heads/x", "main"), bit_of(Class::kGit));
  EXPECT_EQ(of(".git", "x"), bit_of(Class::kGit));
  EXPECT_EQ(of("sub/.yarn", "elsewhere"), bit_of(Class::kAgent));
  EXPECT_EQ(of("a/.vscode", "elsewhere"), bit_of(Class::kEditor));
  EXPECT_EQ(of("src", "elsewhere"), 0U);
}

// --- The index.

std::string number(uint32_t value, size_t size = 4) {
  std::string bytes(size, '\0');
  auto* into = reinterpret_cast<uint8_t*>(bytes.data());
  size == 4 ? link::store32(value, into) : link::store16(static_cast<uint16_t>(value), into);
  return bytes;
}

std::string index_of(const std::vector<std::string>& paths, uint32_t version = 2, const std::string& extensions = {}) {
  std::string bytes = "DIRC" + number(version) + number(static_cast<uint32_t>(paths.size()));
  for (const std::string& path : paths) {
    std::string entry(24, '\0');
    entry += number(0100755) + std::string(12 + 20, '\0');
    entry += number(static_cast<uint32_t>(std::min<size_t>(path.size(), 0xfff)), 2) + path;
    entry.append(8 - entry.size() % 8, '\0');
    bytes += entry;
  }
  return bytes + extensions + std::string(20, 'c');
}

TEST(GitIndex, OneOfAWorkingTreeHasNoFlaw) {
  EXPECT_EQ(flaw_of_index(index_of({})), "");
  EXPECT_EQ(flaw_of_index(index_of({"a", "src/.gitignore", "x/" + std::string(60, 'y')})), "");
  EXPECT_EQ(flaw_of_index(index_of({"a/" + std::string(255, 'b') + "/c"})), "");
  EXPECT_EQ(flaw_of_index(index_of({"a"}, 2, "TREE" + number(3) + "abc" + "REUC" + number(0))), "");
}

TEST(GitIndex, NamesThatAreNoneOfAWorkingTree) {
  for (const char* path : {".git/hooks/post-checkout", "a/.GIT/config", ".git", "../x", "a/../../x", "/etc/x", "a//b",
                           "./a", "", "git~1/x", ".git ./x", ".git::$INDEX_ALLOCATION/x"}) {
    EXPECT_NE(flaw_of_index(index_of({"a", path})), "") << path;
  }
}

TEST(GitIndex, FilesThatGitDoesNotLookAt) {
  const auto with_flags = [](uint32_t flags, const std::string& extended) {
    std::string entry = std::string(24 + 4 + 12 + 20, '\0') + number(flags | 1, 2) + extended + "a";
    entry.append(8 - entry.size() % 8, '\0');
    return "DIRC" + number(3) + number(1) + entry + std::string(20, 'c');
  };
  EXPECT_EQ(flaw_of_index(with_flags(0, "")), "");
  EXPECT_EQ(flaw_of_index(with_flags(0x4000, number(0x2000, 2))), "") << "intent to add";
  EXPECT_THAT(flaw_of_index(with_flags(0x8000, "")), testing::HasSubstr("does not look at")) << "assume unchanged";
  EXPECT_THAT(flaw_of_index(with_flags(0x4000, number(0x4000, 2))), testing::HasSubstr("does not look at")) << "skip";
  for (const char* extension : {"FSMN", "UNTR"})
    EXPECT_NE(flaw_of_index(index_of({"a"}, 2, extension + number(0))), "") << extension;
}

TEST(GitIndex, CompressedNames) {
  std::string bytes = "DIRC" + number(4) + number(2);
  const auto add = [&](size_t length, const std::string& name) {
    bytes +=
        std::string(24 + 4 + 12 + 20, '\0') + number(static_cast<uint32_t>(length), 2) + name + std::string(1, '\0');
  };
  add(8, std::string(1, '\0') + ".gitx/aa");
  const std::string fine = bytes;
  add(8, std::string(1, '\2') + "bb");
  EXPECT_EQ(flaw_of_index(bytes + std::string(20, 'c')), "");
  bytes = fine;
  add(9, std::string(1, '\4') + "/hook");  // ".git/hook"
  EXPECT_EQ(flaw_of_index(bytes + std::string(20, 'c')), "has an entry in .git");
  bytes = fine;
  add(1, std::string(1, '\x7f') + "a");
  EXPECT_EQ(flaw_of_index(bytes + std::string(20, 'c')), "has an entry with a name that is none");
}

TEST(GitIndex, WhatCanBeReadInTwoWays) {
  EXPECT_EQ(flaw_of_index(index_of({"a"}, 2, "link" + number(0))), "has the extension 'link'");
  EXPECT_EQ(flaw_of_index(index_of({"a"}, 2, "IEOT" + number(0))), "has the extension 'IEOT'");
  EXPECT_EQ(flaw_of_index(index_of({"a"}, 2, "EOIE" + number(0))), "has the extension 'EOIE'");
  EXPECT_NE(flaw_of_index(index_of({std::string("a\0b", 3)})), "");
  EXPECT_NE(flaw_of_index(index_of({"a"}, 5)), "");
  const std::string whole = index_of({"abc", "d"});
  for (size_t size = 0; size < whole.size(); ++size) EXPECT_NE(flaw_of_index(whole.substr(0, size)), "") << size;
  EXPECT_NE(flaw_of_index(whole + "x"), "");
}

// --- Repositories that no name tells.

class RepositoriesTest : public ChangesTest {
 protected:
  // The paths that are asked for as git's.
  std::vector<std::string> asked(const Stream& stream) {
    ChangeSet set = compared(stream);
    classify_repositories(set, root(), *received_);
    std::vector<std::string> paths;
    for (const Change& change : set.changes) {
      if ((change.classes & bit_of(Class::kGit)) != 0) paths.push_back(change.path);
    }
    return paths;
  }
  using Paths = std::vector<std::string>;
  static inline const Tree kBare = {{"b", folder_node()},
                                    {"b/HEAD", file_node("ref: refs/heads/main\n")},
                                    {"b/config", file_node("[core]\n")},
                                    {"b/objects", folder_node()},
                                    {"b/refs", folder_node()}};
  const Node folder_ = folder_node();
  const Node evil_ = file_node("evil");
};

TEST_F(RepositoriesTest, ABareOneOfTheHosts) {
  host(kBare);
  EXPECT_EQ(asked(Stream()
                      .add("b", folder_)
                      .add("b/config", evil_)
                      .add("b/hooks", folder_)
                      .add("b/hooks/x", evil_)
                      .add("b/objects", folder_)
                      .add("b/objects/x", evil_)
                      .add("c", evil_)),
            (Paths{"b/config", "b/hooks/x"}));
}

TEST_F(RepositoriesTest, OneThatIsMade) {
  EXPECT_EQ(asked(Stream().opaque("b").add("b/HEAD", evil_).add("b/config", evil_).opaque("b/objects")),
            (Paths{"b/HEAD", "b/config"}));
}

TEST_F(RepositoriesTest, OneThatIsCompletedInTwoSteps) {
  host({{"b", folder_}, {"b/HEAD", file_node("x")}});
  EXPECT_EQ(asked(Stream().add("b", folder_).add("b/commondir", evil_).add("b/config", evil_)),
            (Paths{"b/commondir", "b/config"}));
}

TEST_F(RepositoriesTest, TheWorkspaceItself) {
  for (const auto& [path, node] : kBare) {
    if (path != "b") host({{path.substr(2), node}});
  }
  EXPECT_EQ(asked(Stream().add("config", evil_).add("refs", folder_).add("refs/x", evil_)), Paths{"config"});
}

TEST_F(RepositoriesTest, TheWorkspaceLiesInOne) {
  make_tree(temp_.path(), {{"HEAD", file_node("x")}, {"objects", folder_}});
  EXPECT_EQ(asked(Stream().add("update", evil_)), Paths{"update"});
}

TEST_F(RepositoriesTest, TheWorkspaceLiesInAFolderOfThatName) {
  host_ = temp_ / ".git/hooks";
  std::filesystem::create_directories(host_);
  EXPECT_EQ(asked(Stream().add("pre-commit", evil_)), Paths{"pre-commit"});
}

TEST_F(RepositoriesTest, AWorkingTreeInABareOneIsNone) {
  Tree tree = kBare;
  tree.insert({{"b/main", folder_}, {"b/main/.git", file_node("gitdir: ../worktrees/main\n")}});
  host(tree);
  EXPECT_EQ(asked(Stream()
                      .add("b", folder_)
                      .add("b/main", folder_)
                      .add("b/main/a.c", evil_)
                      .add("b/other", folder_)
                      .add("b/other/.git", evil_)
                      .add("b/other/a.c", evil_)),
            (Paths{"b/other/.git", "b/other/a.c"}));
}

TEST_F(RepositoriesTest, ALinkInOne) {
  host(kBare);
  EXPECT_EQ(asked(Stream().add("b", folder_).add("b/refs", folder_).add("b/refs/x", link_node("y"))),
            Paths{"b/refs/x"});
}

TEST_F(RepositoriesTest, AnIndexIsLookedInto) {
  host({{".git", folder_}, {".git/HEAD", file_node("x")}, {".git/objects", folder_}, {".git/config", file_node("")}});
  const auto with = [](const std::string& index) {
    return Stream().add(".git", folder_node()).add(".git/HEAD", file_node("y")).add(".git/index", file_node(index));
  };
  EXPECT_EQ(asked(with(index_of({"src/a"}))), Paths{});
  EXPECT_EQ(asked(with(index_of({".git/hooks/post-checkout"}))), Paths{".git/index"});
  EXPECT_EQ(asked(with("evil")), Paths{".git/index"});
}

TEST_F(RepositoriesTest, AnIndexOfLongNamesIsNotKnown) {
  host({{".git", folder_},
        {".git/HEAD", file_node("x")},
        {".git/objects", folder_},
        {".git/config", file_node("[extensions]\n\tobjectFormat = SHA256\n")}});
  EXPECT_EQ(asked(Stream().add(".git", folder_).add(".git/index", file_node(index_of({"src/a"})))),
            Paths{".git/index"});
}

}  // namespace
}  // namespace caisson::changes
