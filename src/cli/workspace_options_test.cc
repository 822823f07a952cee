// SPDX-License-Identifier: Apache-2.0

#include "cli/workspace_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "base/error.h"
#include "base/temp_folder_for_test.h"

namespace caisson::cli {
namespace {

using spec::WorkspaceMode;
using testing::AllOf;
using testing::HasSubstr;

class WorkspaceOptions : public testing::Test {
 protected:
  WorkspaceOptions() {
    std::filesystem::create_directories(root() + "/project/src");
    std::filesystem::create_directories(root() + "/data");
    std::filesystem::create_symlink("data", root() + "/link");
    std::ofstream(root() + "/file") << "x";
    ::mkfifo((root() + "/pipe").c_str(), 0600);
  }
  std::string root() const { return std::filesystem::canonical(folder_ / "").string(); }
  Standing in(const std::string& below) const { return {.folder = root() + below, .home = "/home/nobody-here"}; }

  std::string refusal(const std::vector<std::string>& wishes, const Standing& standing) {
    try {
      spec::validate_workspaces(make_workspaces(wishes, standing));
      return "";
    } catch (const base::Error& error) {
      return error.what();
    }
  }

  base::TempFolder folder_;
};

TEST_F(WorkspaceOptions, TheCurrentFolderIsAnOverlayAtItsPlace) {
  const auto made = make_workspaces({}, in("/project"));
  ASSERT_EQ(made.size(), 1U);
  EXPECT_EQ(made[0].id, 1U);
  EXPECT_EQ(made[0].host, root() + "/project");
  EXPECT_EQ(made[0].guest, made[0].host);
  EXPECT_EQ(made[0].mode, WorkspaceMode::kOverlay);
  EXPECT_FALSE(made[0].file);
}

TEST_F(WorkspaceOptions, APolicyFileThatTheSandboxCouldWriteIsRefused) {
  std::filesystem::create_symlink(root() + "/file", root() + "/project/src/out");
  std::filesystem::create_symlink("project/src/out", root() + "/in-and-out");
  const auto made = make_workspaces({"src:rw", root() + "/link:ro", "../file:/etc/settings:rw"}, in("/project"));
  for (const char* path : {"src/p.toml", "./src/../src/new/p.toml", "src/out", "../in-and-out", "../file"}) {
    try {
      check_place_of_rules("the policy file", path, made, in("/project"));
      ADD_FAILURE() << path;
    } catch (const base::Error& error) {
      EXPECT_THAT(error.what(), AllOf(HasSubstr(std::string("'") + path + "'"), HasSubstr("keep the file outside")));
    }
  }
  for (const std::string path : {"p.toml", "src/../p.toml", "../link/p.toml", "/nowhere/p.toml"})
    EXPECT_NO_THROW(check_place_of_rules("the policy file", path, made, in("/project"))) << path;
}

TEST_F(WorkspaceOptions, WishesAreLookedAt) {
  const auto made =
      make_workspaces({"src", root() + "/link:ro", "../file:/etc/settings", "../data:/mnt/d:rw"}, in("/project"));
  ASSERT_EQ(made.size(), 4U);
  EXPECT_EQ(made[0].guest, root() + "/project/src");
  EXPECT_EQ(made[0].mode, WorkspaceMode::kOverlay);
  // It is opened without links, and found at the place that was named.
  EXPECT_EQ(made[1].host, root() + "/data");
  EXPECT_EQ(made[1].guest, root() + "/link");
  EXPECT_EQ(made[1].mode, WorkspaceMode::kReadOnly);
  EXPECT_TRUE(made[2].file);
  EXPECT_EQ(made[2].mode, WorkspaceMode::kReadOnly);
  EXPECT_EQ(made[2].guest, "/etc/settings");
  EXPECT_EQ(made[3].mode, WorkspaceMode::kReadWrite);
  EXPECT_EQ(made[3].id, 4U);
  EXPECT_TRUE(make_workspaces({"none"}, in("/project")).empty());
  EXPECT_EQ(make_workspaces({".:clone"}, in("/project")).at(0).mode, WorkspaceMode::kClone);
}

TEST_F(WorkspaceOptions, MistakesSayWhatToDo) {
  EXPECT_EQ(refusal({"nowhere"}, in("/project")),
            "the workspace 'nowhere' does not exist (create it, or share nothing: -w none)");
  EXPECT_THAT(refusal({"../pipe"}, in("/project")), HasSubstr("neither a folder nor a regular file"));
  EXPECT_THAT(refusal({"../file:overlay"}, in("/project")), HasSubstr("share it with :ro or :rw"));
  EXPECT_THAT(refusal({"none", "."}, in("/project")), HasSubstr("-w none stands beside other workspaces"));
  EXPECT_THAT(refusal({".", "src"}, in("/project")), HasSubstr("in one another"));
  EXPECT_THAT(refusal({"/etc"}, in("/project")), HasSubstr("-w /etc:/PLACE"));
  EXPECT_EQ(refusal({"/etc:/mnt/etc:ro"}, in("/project")), "");
  EXPECT_THAT(refusal({}, {.folder = "", .home = "/root"}), HasSubstr("the current folder is gone"));
  EXPECT_THAT(refusal({"."}, {.folder = "", .home = "/root"}), HasSubstr("the current folder is gone"));
}

TEST_F(WorkspaceOptions, WhatIsTooBroadIsNotSharedUnasked) {
  Standing at_home = in("/project");
  at_home.home = at_home.folder;
  EXPECT_EQ(refusal({}, at_home), "the current folder '" + at_home.folder +
                                      "' is not shared unasked: it is your home (cd into a project; -w none shares "
                                      "nothing, -w . shares it)");
  EXPECT_EQ(refusal({"."}, at_home), "");
  Standing above = in("");
  above.home = root() + "/project";
  EXPECT_THAT(refusal({}, above), HasSubstr("your home is in it"));
  for (const char* folder : {"/", "/etc", "/usr", "/var", "/tmp", "/home", "/opt", "/proc", "/sys"})
    EXPECT_THAT(refusal({}, {.folder = folder, .home = "/home/nobody-here"}), HasSubstr("is not shared unasked"))
        << folder;
  EXPECT_THAT(refusal({}, {.folder = "/etc", .home = ""}), HasSubstr("-w .:/PLACE"));
  EXPECT_EQ(why_too_broad("/tmp/x", "/srv/me"), "");
  EXPECT_EQ(why_too_broad("/srv/me/x", "/srv/me"), "");
}

TEST_F(WorkspaceOptions, ACommandBeginsWhereTheUserIs) {
  const auto made = make_workspaces({"../file", ".:/work", "../data"}, in("/project"));
  EXPECT_EQ(begin_folder(made, in("/project/src")), "/work/src");
  EXPECT_EQ(begin_folder(made, in("/data")), root() + "/data");
  EXPECT_EQ(begin_folder(made, in("")), "/work");
  EXPECT_EQ(begin_folder({made[0]}, in("")), "");
  EXPECT_EQ(begin_folder({}, in("/project")), "");
}

}  // namespace
}  // namespace caisson::cli
