// SPDX-License-Identifier: Apache-2.0

#include "base/paths.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "base/install.h"
#include "base/temp_folder_for_test.h"

namespace caisson::base {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;

class Paths : public ::testing::Test {
 protected:
  TempFolder home_;
  ScopedEnvironment set_home_{"HOME", home_.path().c_str()};
  ScopedEnvironment no_data_{"XDG_DATA_HOME", nullptr};
  ScopedEnvironment no_cache_{"XDG_CACHE_HOME", nullptr};
  ScopedEnvironment no_config_{"XDG_CONFIG_HOME", nullptr};
};

unsigned mode_of_folder(const std::string& path) {
  struct stat info {};
  EXPECT_EQ(::lstat(path.c_str(), &info), 0) << path;
  return info.st_mode & 07777;
}

TEST_F(Paths, AFolderThatOthersMayWriteToIsRefused) {
  ScopedEnvironment data("XDG_DATA_HOME", home_.path().c_str());
  const std::string folder = data_folder();
  for (const mode_t mode : {0770, 0707, 0777}) {
    ASSERT_EQ(::chmod(folder.c_str(), mode), 0);
    try {
      data_folder();
      FAIL() << "used";
    } catch (const Error& error) {
      EXPECT_THAT(error.problem(), HasSubstr("another user owns it or may write to it"));
      EXPECT_THAT(error.hint(), HasSubstr("XDG_DATA_HOME"));
    }
  }
  ASSERT_EQ(::chmod(folder.c_str(), 0755), 0);
  EXPECT_EQ(data_folder(), folder);
}

TEST_F(Paths, AreBelowHomeByDefaultAndPrivate) {
  EXPECT_EQ(data_folder(), home_ / ".local/share/caisson");
  EXPECT_EQ(cache_folder(), home_ / ".cache/caisson");
  EXPECT_EQ(config_folder(), home_ / ".config/caisson");
  EXPECT_EQ(mode_of_folder(data_folder()), 0700U);
}

TEST_F(Paths, FollowTheXdgVariables) {
  const std::string place = home_ / "elsewhere";
  ScopedEnvironment data("XDG_DATA_HOME", place.c_str());
  EXPECT_EQ(data_folder(), place + "/caisson");
  EXPECT_EQ(cache_folder(), home_ / ".cache/caisson");
}

TEST_F(Paths, ARelativeXdgVariableIsIgnored) {
  ScopedEnvironment data("XDG_DATA_HOME", "relative");
  EXPECT_EQ(data_folder(), home_ / ".local/share/caisson");
}

TEST_F(Paths, AnUnusableFolderNamesTheVariable) {
  write_file_atomic(home_ / "file", "");
  ScopedEnvironment data("XDG_DATA_HOME", (home_ / "file").c_str());
  try {
    data_folder();
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.problem(), HasSubstr("/file"));
    EXPECT_THAT(error.hint(), HasSubstr("XDG_DATA_HOME"));
  }
}

TEST_F(Paths, AFileWithTheFoldersNameIsAnError) {
  write_file_atomic(home_ / "caisson", "");
  ScopedEnvironment data("XDG_DATA_HOME", home_.path().c_str());
  EXPECT_THROW(data_folder(), Error);
}

TEST_F(Paths, TheRuntimeFolderIsInXdgRuntimeDir) {
  ScopedEnvironment runtime("XDG_RUNTIME_DIR", home_.path().c_str());
  EXPECT_EQ(runtime_folder(), home_ / "caisson");
  EXPECT_EQ(mode_of_folder(runtime_folder()), 0700U);
}

TEST_F(Paths, ARuntimeFolderOthersCanEnterIsRefused) {
  make_folders(home_ / "caisson");
  ASSERT_EQ(::chmod((home_ / "caisson").c_str(), 0755), 0);
  ScopedEnvironment runtime("XDG_RUNTIME_DIR", home_.path().c_str());
  try {
    runtime_folder();
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.problem(), HasSubstr("only this user can enter"));
    EXPECT_THAT(error.hint(), HasSubstr("XDG_RUNTIME_DIR"));
  }
}

TEST_F(Paths, ARuntimeFolderThatIsALinkIsRefused) {
  make_folders(home_ / "real");
  std::filesystem::create_directory_symlink(home_ / "real", home_ / "caisson");
  ScopedEnvironment runtime("XDG_RUNTIME_DIR", home_.path().c_str());
  EXPECT_THROW(runtime_folder(), Error);
}

TEST(Install, FindsProgramsBesideTheExecutable) {
  const std::string self = own_executable();
  EXPECT_THAT(self, EndsWith("/base_test"));
  EXPECT_EQ(helper_program("base_test"), self);
  EXPECT_THROW(helper_program("no-such-helper"), Error);
  EXPECT_THROW(shared_file("no-such-file"), Error);
}

}  // namespace
}  // namespace caisson::base
