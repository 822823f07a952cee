// SPDX-License-Identifier: Apache-2.0

// A share in mode rw, spoken to in raw messages.

#include <gmock/gmock.h>
#include <linux/fs.h>
#include <sys/stat.h>

#include "share/writable_share_for_test.h"

namespace caisson::share {
namespace {

using ::testing::UnorderedElementsAre;

class ChangingTest : public WritableShareTest {};

TEST_F(ChangingTest, AFileIsMadeWrittenAndRead) {
  start_writable();
  const Message made = create("file", O_RDWR | O_EXCL, 06755);
  ASSERT_EQ(made.errnum, 0);
  const auto [entry, opened] = made.fields<Created>();
  EXPECT_EQ(entry.attr.mode, S_IFREG | 0755U);
  EXPECT_EQ(write_at(entry.nodeid, opened.fh, 0, "hello").fields<fuse_write_out>().size, 5U);
  EXPECT_EQ(write_at(entry.nodeid, opened.fh, 10, "world").errnum, 0);
  EXPECT_EQ(on_host("file"), std::string("hello\0\0\0\0\0world", 15));
  EXPECT_EQ(read(entry.nodeid, opened.fh, 10).body, "world");
  EXPECT_EQ(create("file", O_RDWR | O_EXCL).errnum, EEXIST);
  EXPECT_EQ(create("file").errnum, 0);
  EXPECT_EQ(on_host("file").size(), 15U);
  EXPECT_EQ(create("file", O_RDWR | O_TRUNC).errnum, 0);
  EXPECT_EQ(on_host("file"), "");
}

TEST_F(ChangingTest, WhatIsMadeIsOpenWhateverItsModeForbids) {
  start_writable();
  const Message made = create("file", O_RDWR | O_EXCL, 0000);
  ASSERT_EQ(made.errnum, 0);
  const auto [entry, opened] = made.fields<Created>();
  EXPECT_EQ(write_at(entry.nodeid, opened.fh, 0, "text").errnum, 0);
  EXPECT_EQ(read(entry.nodeid, opened.fh).body, "text");
}

TEST_F(ChangingTest, NothingIsOpenedToOtherUsers) {
  write("old", "");
  write("open", "");
  ASSERT_EQ(::chmod((folder / "old").c_str(), 0600), 0);
  ASSERT_EQ(::chmod((folder / "open").c_str(), 0660), 0);
  start_writable();
  ASSERT_EQ(create("new", O_RDWR, 0666).errnum, 0);
  ASSERT_EQ(mknod("special", S_IFREG | 0666), 0);
  ASSERT_EQ(
      client->call(FUSE_MKDIR, kRootId, bytes_of(fuse_mkdir_in{.mode = 0777, .umask = 0}) + text_of("made")).errnum, 0);
  const auto mode_of = [this](const char* name) {
    struct stat status {};
    EXPECT_EQ(::lstat((folder / name).c_str(), &status), 0);
    return status.st_mode & 07777;
  };
  EXPECT_EQ(mode_of("new"), 0644U);
  EXPECT_EQ(mode_of("special"), 0644U);
  EXPECT_EQ(mode_of("made"), 0755U);
  for (const auto& [name, mode] : {std::pair("old", 0755U), std::pair("open", 0775U), std::pair("made", 0755U)}) {
    EXPECT_EQ(set_attributes(look_up(name).nodeid, FATTR_MODE, [](auto& in) { in.mode = 0777; }), 0);
    EXPECT_EQ(mode_of(name), mode) << name;
  }
}

TEST_F(ChangingTest, CreatingOpensNoLinkAndNoPipe) {
  std::filesystem::create_symlink("/etc/passwd", folder / "link");
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  start_writable();
  EXPECT_EQ(create("link").errnum, ELOOP);
  EXPECT_EQ(create("pipe").errnum, EACCES);
}

TEST_F(ChangingTest, AppendingIsAtTheEndThatTheHostHas) {
  write("file", "one");
  start_writable();
  const uint64_t node = look_up("file").nodeid;
  const uint64_t handle = open(node, O_WRONLY | O_APPEND).fields<fuse_open_out>().fh;
  write("file", "longer");
  EXPECT_EQ(write_at(node, handle, 3, "!").errnum, 0);
  EXPECT_EQ(on_host("file"), "longer!");
  // What comes from a mapping has its place.
  EXPECT_EQ(write_at(node, handle, 0, "L", FUSE_WRITE_CACHE).errnum, 0);
  EXPECT_EQ(on_host("file"), "Longer!");
}

TEST_F(ChangingTest, AHandleWritesOnlyIfItWasOpenedForThat) {
  write("file", "text");
  start_writable();
  const uint64_t node = look_up("file").nodeid;
  const uint64_t handle = open(node, O_RDONLY).fields<fuse_open_out>().fh;
  EXPECT_EQ(write_at(node, handle, 0, "x").errnum, EBADF);
  EXPECT_EQ(write_at(kRootId, open(node, O_RDWR).fields<fuse_open_out>().fh, 0, "x").errnum, EBADF);
  EXPECT_EQ(write_at(node, 999, 0, "x").errnum, EBADF);
  EXPECT_EQ(write_at(node, open(node, O_RDWR).fields<fuse_open_out>().fh, INT64_MAX, "x").errnum, EFBIG);
}

TEST_F(ChangingTest, NamesAreMadeMovedAndRemoved) {
  write("file", "text");
  start_writable();
  EXPECT_EQ(mkdir("folder"), 0);
  EXPECT_EQ(mkdir("folder"), EEXIST);
  EXPECT_EQ(mknod("pipe", S_IFIFO | 0600), 0);
  EXPECT_EQ(mknod("socket", S_IFSOCK | 0600), 0);
  EXPECT_EQ(client->call(FUSE_SYMLINK, kRootId, text_of("link") + text_of("/any/where")).errnum, 0);
  EXPECT_EQ(link(look_up("file").nodeid, "second"), 0);
  EXPECT_EQ(look_up("second").attr.nlink, 2U);
  EXPECT_THAT(names_in(kRootId), UnorderedElementsAre("file", "folder", "pipe", "socket", "link", "second"));
  EXPECT_EQ(rename("file", "third"), 0);
  EXPECT_EQ(rename("third", "second", RENAME_NOREPLACE), EEXIST);
  EXPECT_EQ(rename("third", "folder", RENAME_EXCHANGE), 0);
  EXPECT_EQ(on_host("folder"), "text");
  EXPECT_EQ(rename("folder", "x", RENAME_WHITEOUT), EINVAL);
  EXPECT_EQ(rmdir("third"), 0);
  EXPECT_EQ(unlink("folder"), 0);
  EXPECT_EQ(rmdir("second"), ENOTDIR);
  for (const char* name : {"second", "pipe", "socket", "link"}) EXPECT_EQ(unlink(name), 0) << name;
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST_F(ChangingTest, NoDevicesAndNoSetuid) {
  write("file", "");
  start_writable();
  EXPECT_EQ(mknod("device", S_IFCHR | 0666), EPERM);
  EXPECT_EQ(mknod("device", S_IFBLK | 0666), EPERM);
  EXPECT_EQ(set_attributes(look_up("file").nodeid, FATTR_MODE, [](auto& in) { in.mode = S_IFREG | 06711; }), 0);
  struct stat status {};
  ASSERT_EQ(::stat((folder / "file").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0711U);
}

TEST_F(ChangingTest, AttributesAreSet) {
  write("file", "0123456789");
  std::filesystem::create_symlink("nowhere", folder / "link");
  start_writable();
  const uint64_t node = look_up("file").nodeid;
  EXPECT_EQ(set_attributes(node, FATTR_SIZE, [](auto& in) { in.size = 4; }), 0);
  EXPECT_EQ(on_host("file"), "0123");
  EXPECT_EQ(set_attributes(node, FATTR_SIZE, [](auto& in) { in.size = UINT64_MAX; }), EFBIG);
  EXPECT_EQ(set_attributes(node, FATTR_MTIME,
                           [](auto& in) {
                             in.mtime = 1000;
                             in.mtimensec = 5;
                           }),
            0);
  EXPECT_EQ(set_attributes(node, FATTR_MTIME, [](auto& in) { in.mtimensec = 1'000'000'000; }), EINVAL);
  struct stat status {};
  ASSERT_EQ(::stat((folder / "file").c_str(), &status), 0);
  EXPECT_EQ(status.st_mtim.tv_sec, 1000);
  EXPECT_EQ(set_attributes(look_up("link").nodeid, FATTR_MTIME, [](auto& in) { in.mtime = 2000; }), 0);
  ASSERT_EQ(::lstat((folder / "link").c_str(), &status), 0);
  EXPECT_EQ(status.st_mtim.tv_sec, 2000);
  EXPECT_EQ(set_attributes(node, FATTR_UID | FATTR_GID,
                           [](auto& in) {
                             in.uid = 1000;
                             in.gid = 1000;
                           }),
            0);
  EXPECT_EQ(set_attributes(node, FATTR_UID, [](auto& in) { in.uid = 0; }), EPERM);
  EXPECT_EQ(set_attributes(node, FATTR_GID, [](auto& in) { in.gid = 0; }), EPERM);
}

TEST_F(ChangingTest, MaskedNamesAreNotMade) {
  write("visible", "");
  write(".env", "secret");
  start_writable({".env*"});
  EXPECT_EQ(create(".ENV").errnum, EPERM);
  EXPECT_EQ(mkdir(".env.d"), EPERM);
  EXPECT_EQ(mknod(".env1", S_IFREG | 0600), EPERM);
  EXPECT_EQ(client->call(FUSE_SYMLINK, kRootId, text_of(".env2") + text_of("x")).errnum, EPERM);
  EXPECT_EQ(link(look_up("visible").nodeid, ".env3"), EPERM);
  EXPECT_EQ(rename("visible", ".env"), EPERM);
  EXPECT_EQ(rename(".env", "visible"), ENOENT);
  EXPECT_EQ(unlink(".env"), ENOENT);
  EXPECT_EQ(mkdir(".caisson-apply-1"), EPERM);
  EXPECT_EQ(on_host(".env"), "secret");
}

TEST_F(ChangingTest, AFolderOnTheWayToAMaskedPathKeepsItsName) {
  write("config/keys/master", "secret");
  start_writable({"config/keys/master"});
  const uint64_t config = look_up("config").nodeid;
  EXPECT_EQ(errno_of_look_up("master", look_up("keys", config).nodeid), ENOENT);
  EXPECT_EQ(rename("config", "other"), EPERM);
  EXPECT_EQ(mkdir("free"), 0);
  EXPECT_EQ(rename("config", "free", RENAME_EXCHANGE), EPERM);
  EXPECT_EQ(rename("free", "config", RENAME_EXCHANGE), EPERM);
  EXPECT_TRUE(exists("config/keys/master"));
}

TEST_F(ChangingTest, ALinkOnTheWayToAMaskedPathStaysWhatItIs) {
  write("kept/caisson/policy.json", "{}");
  std::filesystem::create_directory_symlink("kept", folder / "data");
  std::filesystem::create_directory_symlink("kept", folder / "other");
  start({.mode = Mode::kReadWrite, .own = {"data/caisson", "kept/caisson"}});
  EXPECT_EQ(errno_of_look_up("caisson", look_up("kept").nodeid), ENOENT);
  EXPECT_EQ(unlink("data"), EPERM);
  EXPECT_EQ(rename("data", "away"), EPERM);
  EXPECT_EQ(rename("other", "data"), EPERM);
  EXPECT_EQ(rename("other", "data", RENAME_EXCHANGE), EPERM);
  EXPECT_EQ(unlink("other"), 0);
  EXPECT_TRUE(std::filesystem::exists(folder / "data/caisson/policy.json"));
}

TEST_F(ChangingTest, UserAttributesOnly) {
  write("file", "");
  start_writable();
  const uint64_t node = look_up("file").nodeid;
  const auto set = [&](const std::string& name, const std::string& value) {
    return client
        ->call(FUSE_SETXATTR, node, bytes_of(static_cast<uint32_t>(value.size()), uint32_t{0}) + text_of(name) + value)
        .errnum;
  };
  const auto get = [&](const std::string& name, uint32_t size) {
    return client->call(FUSE_GETXATTR, node, bytes_of(fuse_getxattr_in{.size = size, .padding = 0}) + text_of(name));
  };
  EXPECT_EQ(set("user.a", "value"), 0);
  EXPECT_EQ(get("user.a", 100).body, "value");
  EXPECT_EQ(get("user.a", 0).fields<fuse_getxattr_out>().size, 5U);
  EXPECT_EQ(get("user.a", 2).errnum, ERANGE);
  EXPECT_EQ(get("user.none", 100).errnum, ENODATA);
  for (const char* name : {"security.capability", "trusted.x", "system.posix_acl_access", ""}) {
    EXPECT_EQ(set(name, "x"), EOPNOTSUPP) << name;
    EXPECT_EQ(get(name, 100).errnum, EOPNOTSUPP) << name;
    EXPECT_EQ(client->call(FUSE_REMOVEXATTR, node, text_of(name)).errnum, EOPNOTSUPP) << name;
  }
  const auto list = client->call(FUSE_LISTXATTR, node, bytes_of(fuse_getxattr_in{.size = 100, .padding = 0}));
  EXPECT_EQ(list.body, text_of("user.a"));
  EXPECT_EQ(client->call(FUSE_REMOVEXATTR, node, text_of("user.a")).errnum, 0);
  EXPECT_EQ(client->call(FUSE_SETXATTR, node, bytes_of(uint32_t{1U << 30}, uint32_t{0}) + text_of("user.b")).errnum,
            EINVAL);
}

TEST_F(ChangingTest, HolesAndRanges) {
  write("file", std::string(8192, 'x'));
  write("copy", "");
  start_writable();
  const uint64_t node = look_up("file").nodeid;
  const uint64_t handle = open(node, O_RDWR).fields<fuse_open_out>().fh;
  fuse_fallocate_in hole{};
  hole.fh = handle;
  hole.length = 4096;
  hole.mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
  EXPECT_EQ(client->call(FUSE_FALLOCATE, node, bytes_of(hole)).errnum, 0);
  EXPECT_EQ(read(node, handle, 0, 1).body, std::string(1, '\0'));
  fuse_lseek_in seek{};
  seek.fh = handle;
  seek.whence = SEEK_DATA;
  EXPECT_EQ(client->call(FUSE_LSEEK, node, bytes_of(seek)).fields<fuse_lseek_out>().offset, 4096U);
  seek.whence = SEEK_SET;
  EXPECT_EQ(client->call(FUSE_LSEEK, node, bytes_of(seek)).errnum, EINVAL);
  const uint64_t copy = look_up("copy").nodeid;
  fuse_copy_file_range_in range{};
  range.fh_in = handle;
  range.off_in = 4096;
  range.nodeid_out = copy;
  range.fh_out = open(copy, O_RDWR).fields<fuse_open_out>().fh;
  range.len = 100;
  EXPECT_EQ(client->call(FUSE_COPY_FILE_RANGE, node, bytes_of(range)).fields<fuse_write_out>().size, 100U);
  EXPECT_EQ(on_host("copy"), std::string(100, 'x'));
}

TEST_F(ChangingTest, ASingleFileIsWritten) {
  write("file", "text");
  start({.mode = Mode::kReadWrite}, "file");
  const uint64_t handle = open(kRootId, O_RDWR).fields<fuse_open_out>().fh;
  EXPECT_EQ(write_at(kRootId, handle, 0, "T").errnum, 0);
  EXPECT_EQ(on_host("file"), "Text");
  EXPECT_EQ(create("beside").errnum, ENOTDIR);
}

}  // namespace
}  // namespace caisson::share
