// SPDX-License-Identifier: Apache-2.0

#include "config/config_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "base/temp_folder_for_test.h"
#include "config/folder_config.h"

namespace caisson::config {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class ConfigFileTest : public testing::Test {
 protected:
  ConfigFileTest() { std::filesystem::create_directory(folder_ / "project"); }
  // Without links, as whoever asks has it.
  std::string project() const { return std::filesystem::canonical(folder_ / "project").string(); }
  std::string path() const { return project() + "/.caisson.toml"; }

  std::string refusal() const {
    try {
      read_config_file(project());
    } catch (const base::Error& error) {
      return error.what();
    }
    return {};
  }

  base::TempFolder folder_;
};

TEST_F(ConfigFileTest, IsReadWithItsDigest) {
  base::write_file_atomic(path(), "version = 1\n");
  const auto file = read_config_file(project());
  ASSERT_TRUE(file);
  EXPECT_EQ(file->folder, project());
  EXPECT_EQ(file->path, path());
  EXPECT_EQ(file->bytes, "version = 1\n");
  // printf 'version = 1\n' | sha256sum
  EXPECT_EQ(file->digest, "dbab12665d98aef021ba64953c61b0ed8a908cfb56a1c01e2fcb4b052b71a2a1");
}

TEST_F(ConfigFileTest, OnlyTheFolderItselfHasOne) {
  EXPECT_FALSE(read_config_file(project()));
  base::write_file_atomic(folder_ / ".caisson.toml", "version = 1\n");
  EXPECT_FALSE(read_config_file(project()));
  EXPECT_FALSE(read_config_file(project() + "/nowhere"));
}

TEST_F(ConfigFileTest, ALinkIsNotFollowed) {
  base::write_file_atomic(folder_ / "real.toml", "version = 1\n");
  std::filesystem::create_symlink("../real.toml", path());
  EXPECT_THAT(refusal(), AllOf(HasSubstr("'" + path() + "': it is a link"), HasSubstr("--no-config")));
  std::filesystem::remove(path());
  std::filesystem::create_symlink("nowhere", path());
  EXPECT_THAT(refusal(), HasSubstr("it is a link"));
}

TEST_F(ConfigFileTest, NorIsOneThatTheFolderHasBecome) {
  const std::string before = project();
  base::write_file_atomic(path(), "version = 1\n");
  std::filesystem::rename(before, folder_ / "elsewhere");
  std::filesystem::create_symlink("elsewhere", folder_ / "project");
  EXPECT_THROW(read_config_file(before), base::Error);
}

TEST_F(ConfigFileTest, WhatIsNoFileIsRefused) {
  ASSERT_EQ(::mkfifo(path().c_str(), 0600), 0);
  EXPECT_THAT(refusal(), HasSubstr("it is not a file"));
  std::filesystem::remove(path());
  std::filesystem::create_directory(path());
  EXPECT_THAT(refusal(), HasSubstr("it is not a file"));
}

TEST_F(ConfigFileTest, ItsSizeIsBounded) {
  base::write_file_atomic(path(), std::string(kMaxFileBytes, '#'));
  EXPECT_EQ(refusal(), "");
  base::write_file_atomic(path(), std::string(kMaxFileBytes + 1, '#'));
  EXPECT_THAT(refusal(), AllOf(HasSubstr("'" + path() + "'"), HasSubstr("--no-config")));
}

}  // namespace
}  // namespace caisson::config
