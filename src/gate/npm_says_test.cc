// SPDX-License-Identifier: Apache-2.0

#include "gate/npm_says.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "base/file.h"
#include "base/temp_folder_for_test.h"

namespace caisson::gate {
namespace {

namespace fs = std::filesystem;

// An npm of the test's own in bin/, and a workspace beside it.
class NpmSays : public ::testing::Test {
 protected:
  NpmSays() {
    for (const char* name : {"bin", "home", "workspace"}) fs::create_directories(folder_ / name);
    sources_.home = folder_ / "home";
    sources_.workspaces = {folder_ / "workspace"};
    sources_.environment = {{"PATH", folder_ / "bin"}};
  }

  void write_npm(const std::string& path, const std::string& script) {
    fs::create_directories(fs::path(folder_ / path).parent_path());
    base::write_file_atomic(folder_ / path, "#!/bin/sh\n" + script, 0700);
  }

  base::TempFolder folder_;
  RegistrySources sources_;
};

TEST_F(NpmSays, WhatItPrintsAsTheRegistry) {
  write_npm("bin/npm", "[ \"$*\" = 'config get registry' ] && [ \"$PWD\" = / ] && echo https://a.example/\n");
  EXPECT_EQ(npm_says(sources_), "https://a.example/");
}

TEST_F(NpmSays, ItReadsNoSettingsAndNoVariablesOfOurs) {
  sources_.environment["NODE_OPTIONS"] = "--require ./x.js";
  sources_.environment["npm_config_registry"] = "https://b.example/";
  write_npm("bin/npm",
            "[ -z \"$NODE_OPTIONS$npm_config_registry\" ] && [ \"$npm_config_userconfig\" = /dev/null ] && "
            "[ \"$HOME\" = '" +
                sources_.home + "' ] && echo https://a.example/\n");
  EXPECT_EQ(npm_says(sources_), "https://a.example/");
}

TEST_F(NpmSays, NothingWhereItIsMissingFailsOrPrintsSomethingElse) {
  EXPECT_EQ(npm_says(sources_), std::nullopt);
  write_npm("bin/npm", "exit 1\n");
  EXPECT_EQ(npm_says(sources_), std::nullopt);
  write_npm("bin/npm", "echo undefined\n");
  EXPECT_EQ(npm_says(sources_), std::nullopt);
  write_npm("bin/npm", "while echo https://a.example/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa; do :; done\n");
  EXPECT_EQ(npm_says(sources_), std::nullopt);
  fs::permissions(folder_ / "bin/npm", fs::perms::owner_read);
  EXPECT_EQ(npm_says(sources_), std::nullopt);
}

TEST_F(NpmSays, NothingWhereItTakesTooLongAndItIsEnded) {
  ASSERT_EQ(::mkfifo((folder_ / "never").c_str(), 0600), 0);
  write_npm("bin/npm", "exec 3<> '" + (folder_ / "never") + "'\nread -r line <&3\necho https://a.example/\n");
  EXPECT_EQ(npm_says_within(sources_, std::chrono::milliseconds(50)), std::nullopt);
}

TEST_F(NpmSays, NothingOfTheWorkspaceIsExecuted) {
  const std::string mark = folder_ / "mark";
  const std::string script = "echo x > '" + mark + "'; echo https://evil.example/\n";
  write_npm("workspace/bin/npm", script);
  fs::create_directory_symlink(folder_ / "workspace/bin", folder_ / "link");
  fs::create_symlink(folder_ / "workspace/bin/npm", folder_ / "bin/npm");
  sources_.environment["PATH"] =
      "bin:.:" + (folder_ / "workspace/bin") + ":" + (folder_ / "link") + ":" + (folder_ / "bin");
  EXPECT_EQ(npm_says(sources_), std::nullopt);
  EXPECT_FALSE(fs::exists(mark));
}

TEST_F(NpmSays, NoInterpreterOfTheWorkspaceIsExecuted) {
  const std::string mark = folder_ / "mark";
  write_npm("workspace/tools/node", "echo x > '" + mark + "'; echo https://evil.example/\n");
  base::write_file_atomic(folder_ / "bin/npm", "#!/usr/bin/env node\n", 0700);
  fs::create_symlink(folder_ / "workspace/tools/node", folder_ / "bin/node");
  sources_.environment["PATH"] = folder_ / "bin";
  EXPECT_EQ(npm_says(sources_), std::nullopt);
  // Another folder's is searched for as well.
  write_npm("other/x", "");
  fs::rename(folder_ / "bin/node", folder_ / "other/node");
  sources_.environment["PATH"] = (folder_ / "other") + ":" + (folder_ / "bin");
  EXPECT_EQ(npm_says(sources_), std::nullopt);
  EXPECT_FALSE(fs::exists(mark));
}

TEST_F(NpmSays, NothingOfASecondWorkspaceIsExecuted) {
  write_npm("second/bin/npm", "echo https://evil.example/\n");
  sources_.workspaces.push_back(folder_ / "second");
  sources_.environment["PATH"] = folder_ / "second/bin";
  EXPECT_EQ(npm_says(sources_), std::nullopt);
}

TEST_F(NpmSays, ItSearchesNoFolderOfTheWorkspaceItself) {
  sources_.environment["PATH"] = (folder_ / "workspace/bin") + ":" + (folder_ / "bin") + ":relative";
  write_npm("bin/npm", "[ \"$PATH\" = '" + (folder_ / "bin") + "' ] && echo https://a.example/\n");
  EXPECT_EQ(npm_says(sources_), "https://a.example/");
}

TEST_F(NpmSays, ItIsNotAskedWhereHomeIsTheWorkspace) {
  write_npm("bin/npm", "echo https://a.example/\n");
  sources_.home = sources_.workspaces[0] + "/home";
  EXPECT_EQ(npm_says(sources_), std::nullopt);
}

}  // namespace
}  // namespace caisson::gate
