// SPDX-License-Identifier: Apache-2.0

// What the guest may keep, and what it is told when the host changes it.

#include <gmock/gmock.h>

#include "share/share_for_test.h"

namespace caisson::share {
namespace {

constexpr uint64_t kHour = 3600;

class WatchesTest : public ShareTest {};

TEST_F(WatchesTest, WhatIsWatchedIsKeptForLong) {
  write("a/file", "");
  start();
  const fuse_entry_out a = look_up("a");
  EXPECT_EQ(a.entry_valid, kHour);
  // What is in it changes its own times, and nobody has looked into it yet.
  EXPECT_EQ(a.attr_valid, 1U);
  const fuse_entry_out file = look_up("file", a.nodeid);
  EXPECT_EQ(file.entry_valid, kHour);
  EXPECT_EQ(file.attr_valid, kHour);
  const Message absent = client->call(FUSE_LOOKUP, a.nodeid, text_of("absent"));
  EXPECT_EQ(absent.fields<fuse_entry_out>().nodeid, 0U);
  EXPECT_GT(absent.fields<fuse_entry_out>().entry_valid, 1U);
}

TEST_F(WatchesTest, WithoutAWatchItIsKeptForASecond) {
  write("file", "");
  start({.limits = {.watches = 0}});
  EXPECT_EQ(look_up("file").entry_valid, 1U);
  EXPECT_EQ(look_up("file").attr_valid, 1U);
  EXPECT_EQ(client->call(FUSE_LOOKUP, kRootId, text_of("absent")).errnum, ENOENT);
}

TEST_F(WatchesTest, AFileWithTwoNamesIsKeptForASecond) {
  write("file", "");
  std::filesystem::create_hard_link(folder / "file", folder / "second");
  start();
  EXPECT_EQ(look_up("file").attr_valid, 1U);
}

TEST_F(WatchesTest, ChangesOfTheHostAreTold) {
  write("file", "text");
  start();
  const uint64_t node = look_up("file").nodeid;
  errno_of_look_up("later");
  write("later", "");
  const Message entry = notified(FUSE_NOTIFY_INVAL_ENTRY);
  EXPECT_EQ(entry.fields<fuse_notify_inval_entry_out>().parent, kRootId);
  EXPECT_EQ(name_of(entry), "later");
  EXPECT_EQ(entry.body.back(), '\0');
  std::ofstream(folder / "file") << "changed";
  EXPECT_EQ(notified(FUSE_NOTIFY_INVAL_INODE).fields<fuse_notify_inval_inode_out>().ino, node);
  std::filesystem::rename(folder / "file", folder / "moved");
  EXPECT_EQ(name_of(notified(FUSE_NOTIFY_INVAL_ENTRY)), "file");
  EXPECT_EQ(name_of(notified(FUSE_NOTIFY_INVAL_ENTRY)), "moved");
  std::filesystem::remove(folder / "moved");
  EXPECT_EQ(name_of(notified(FUSE_NOTIFY_INVAL_ENTRY)), "moved");
}

TEST_F(WatchesTest, MaskedNamesAreNotTold) {
  write("file", "");
  start({.masks = {".env*"}});
  look_up("file");
  write(".env", "");
  write(".env.local", "");
  write("told", "");
  EXPECT_EQ(name_of(notified(FUSE_NOTIFY_INVAL_ENTRY)), "told");
}

TEST_F(WatchesTest, OwnChangesAreNoNews) {
  start({.mode = Mode::kReadWrite});
  errno_of_look_up("x");
  EXPECT_EQ(
      client->call(FUSE_MKDIR, kRootId, bytes_of(fuse_mkdir_in{.mode = 0755, .umask = 0}) + text_of("own")).errnum, 0);
  EXPECT_EQ(client->call(FUSE_RMDIR, kRootId, text_of("own")).errnum, 0);
  EXPECT_EQ(client->call(FUSE_RMDIR, kRootId, text_of("own")).errnum, ENOENT);
  write("told", "");
  EXPECT_EQ(name_of(notified(FUSE_NOTIFY_INVAL_ENTRY)), "told");
  // The same name by the host is news.
  std::filesystem::create_directory(folder / "own");
  EXPECT_EQ(name_of(notified(FUSE_NOTIFY_INVAL_ENTRY)), "own");
}

TEST_F(WatchesTest, ASingleFileIsWatched) {
  write("file", "text");
  start({}, "file");
  client->call(FUSE_GETATTR, kRootId, bytes_of(fuse_getattr_in{}));
  content(kRootId);
  std::ofstream(folder / "file") << "changed";
  EXPECT_EQ(notified(FUSE_NOTIFY_INVAL_INODE).fields<fuse_notify_inval_inode_out>().ino, kRootId);
}

TEST_F(WatchesTest, TheBaselineHasWhatWasReadSinceTheStart) {
  write("old", "x");
  struct stat old {};
  ASSERT_EQ(::stat((folder / "old").c_str(), &old), 0);
  const std::string log = folder / "../" + std::filesystem::path(folder.path()).filename().string() + ".log";
  start({.baseline = base::open_file(log, O_WRONLY | O_CREAT | O_APPEND), .started_ns = nanoseconds(old.st_ctim) + 1});
  content(look_up("old").nodeid);
  EXPECT_EQ(std::filesystem::file_size(log), 0U);
  // Its time of change moves on only with the clock of the file system.
  struct stat fresh {};
  do {
    write("new", "text");
    ASSERT_EQ(::stat((folder / "new").c_str(), &fresh), 0);
  } while (nanoseconds(fresh.st_ctim) <= nanoseconds(old.st_ctim));
  content(look_up("new").nodeid);
  content(look_up("new").nodeid);
  std::ifstream lines(log);
  std::string line;
  std::getline(lines, line);
  EXPECT_EQ(line, "{\"device\":" + std::to_string(fresh.st_dev) + ",\"inode\":" + std::to_string(fresh.st_ino) +
                      ",\"size\":4,\"mtime_ns\":" + std::to_string(nanoseconds(fresh.st_mtim)) +
                      ",\"ctime_ns\":" + std::to_string(nanoseconds(fresh.st_ctim)) + "}");
  EXPECT_FALSE(std::getline(lines, line));
  std::filesystem::remove(log);
}

}  // namespace
}  // namespace caisson::share
