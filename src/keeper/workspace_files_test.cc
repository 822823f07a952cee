// SPDX-License-Identifier: Apache-2.0

#include "keeper/workspace_files.h"

#include <fcntl.h>
#include <gmock/gmock.h>

#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "keeper/kept_changes.h"
#include "keeper/testing/sandbox_for_test.h"

namespace caisson::keeper {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class WorkspaceFiles : public testing::Test {
 protected:
  WorkspaceFiles() {
    fs::create_directory(project_);
    fs::create_directory(sandbox_);
  }

  WorkspaceObject project() const { return object_of(base::open_file(project_, O_PATH).get(), project_); }
  // Why what the sandbox has changed is not compared with the folder.
  std::string refusal() const {
    const spec::Workspace workspace{.id = 1, .host = project_, .guest = "/work"};
    try {
      compare_changes(sandbox_, spec_of("kt-a", {"true"}), workspace, changes::Received::none());
      return "";
    } catch (const base::Error& error) {
      return error.what();
    }
  }

  StateFolder state_;
  base::TempFolder folder_;
  std::string project_ = fs::canonical(folder_.path()).string() + "/project";
  std::string sandbox_ = folder_ / "sandbox";
};

TEST_F(WorkspaceFiles, TheFirstRecordStays) {
  const WorkspaceRecord kept = keep_workspace_record(sandbox_, 1, project());
  EXPECT_GT(kept.started_ns, 0);
  EXPECT_NE(kept.object.device, 0U);
  WorkspaceObject another = project();
  ++another.inode;
  for (const auto& record : {keep_workspace_record(sandbox_, 1, another), *read_workspace_record(sandbox_, 1)}) {
    EXPECT_EQ(record.started_ns, kept.started_ns);
    EXPECT_EQ(record.object.inode, project().inode);
    EXPECT_EQ(record.object.device, project().device);
    EXPECT_EQ(record.object.born_ns, project().born_ns);
    EXPECT_EQ(record.object.boot, project().boot);
  }
}

TEST_F(WorkspaceFiles, AnOlderRecordHasTheInodeAlone) {
  base::make_folders(sandbox_ + "/workspaces");
  const std::string path = sandbox_ + "/workspaces/1.json";
  base::write_file_atomic(path, R"({"started_ns":1,"inode":)" + std::to_string(project().inode) + "}\n");
  EXPECT_EQ(refusal(), "");
  base::write_file_atomic(path, R"({"started_ns":1,"inode":)" + std::to_string(project().inode + 1) + "}\n");
  EXPECT_THAT(refusal(), HasSubstr("is another folder than the one that the sandbox was given"));
}

TEST_F(WorkspaceFiles, TheSameNumberOnAnotherDeviceIsAnotherFolder) {
  const WorkspaceObject one{.inode = 2, .device = 7, .born_ns = 5, .boot = "a"};
  EXPECT_TRUE(is_same_object(one, one));
  EXPECT_FALSE(is_same_object(one, {.inode = 3, .device = 7, .born_ns = 5, .boot = "a"}));
  EXPECT_FALSE(is_same_object(one, {.inode = 2, .device = 8, .born_ns = 6, .boot = "b"}));
  // The device has another number by now.
  EXPECT_TRUE(is_same_object(one, {.inode = 2, .device = 8, .born_ns = 5, .boot = "b"}));
  EXPECT_FALSE(is_same_object(one, {.inode = 2, .device = 8, .born_ns = 0, .boot = "a"}));
  EXPECT_TRUE(is_same_object(one, {.inode = 2, .device = 8, .born_ns = 0, .boot = "b"}));
  WorkspaceObject elsewhere = project();
  ++elsewhere.device;
  ++elsewhere.born_ns;
  keep_workspace_record(sandbox_, 1, elsewhere);
  EXPECT_THAT(refusal(), HasSubstr("is another folder than the one that the sandbox was given"));
}

// As another sandbox might do that may write around it.
TEST_F(WorkspaceFiles, ALinkInTheWayToTheFolderIsNotFollowed) {
  keep_workspace_record(sandbox_, 1, project());
  EXPECT_EQ(refusal(), "");
  fs::rename(project_, folder_ / "moved");
  fs::create_directory_symlink("moved", project_);
  EXPECT_THAT(refusal(), HasSubstr("a symbolic link stands in the way to '" + project_ + "'"));
}

TEST_F(WorkspaceFiles, AFolderThatWasRenamedIsToBeMovedBack) {
  keep_workspace_record(sandbox_, 1, project());
  fs::rename(project_, folder_ / "renamed");
  EXPECT_THAT(refusal(), HasSubstr("the folder '" + project_ + "' is not there any more"));
  EXPECT_THAT(refusal(), HasSubstr("move it back"));
  fs::create_directory(project_);
  EXPECT_THAT(refusal(), HasSubstr("is another folder than the one that the sandbox was given"));
  EXPECT_THAT(refusal(), HasSubstr("move it back"));
  fs::remove(project_);
  fs::rename(folder_ / "renamed", project_);
  EXPECT_EQ(refusal(), "");
}

}  // namespace
}  // namespace caisson::keeper
