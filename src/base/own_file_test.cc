// SPDX-License-Identifier: Apache-2.0

#include "base/own_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/temp_folder_for_test.h"

namespace caisson::base {
namespace {

TEST(OwnFile, IsOpenedWhereNobodyElseHasIt) {
  const TempFolder folder;
  EXPECT_FALSE(open_own_file(folder / "none", 077));
  write_file_atomic(folder / "file", "content", 0600);
  EXPECT_EQ(read_all(open_own_file(folder / "file", 077).get(), 100, "file"), "content");
  ASSERT_EQ(::chmod((folder / "file").c_str(), 0644), 0);
  EXPECT_TRUE(open_own_file(folder / "file", 022));
  EXPECT_THROW(open_own_file(folder / "file", 077), Error);
  ASSERT_EQ(::chmod((folder / "file").c_str(), 0620), 0);
  EXPECT_THROW(open_own_file(folder / "file", 022), Error);
}

TEST(OwnFile, IsAFileAndNoLink) {
  const TempFolder folder;
  write_file_atomic(folder / "file", "content", 0600);
  ASSERT_EQ(::symlink("file", (folder / "link").c_str()), 0);
  EXPECT_THROW(open_own_file(folder / "link", 022), Error);
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  EXPECT_THROW(open_own_file(folder / "pipe", 022), Error);
  make_folders(folder / "folder");
  EXPECT_THROW(open_own_file(folder / "folder", 022), Error);
}

TEST(OwnFile, OfAnotherUserIsRefused) {
  const TempFolder folder;
  std::string path = "/etc/passwd";
  if (::geteuid() == 0) {
    path = folder / "file";
    write_file_atomic(path, "content", 0600);
    ASSERT_EQ(::chown(path.c_str(), 12345, 12345), 0);
  }
  EXPECT_THROW(open_own_file(path, 022), Error);
}

}  // namespace
}  // namespace caisson::base
