// SPDX-License-Identifier: Apache-2.0

// Files and folders that the guest knows, or has open, and that become masked by what the host does then.

#include <gmock/gmock.h>
#include <linux/fs.h>
#include <sys/stat.h>

#include "share/writable_share_for_test.h"

namespace caisson::share {
namespace {

TEST(SettledChange, OneOfJustNowIsNone) {
  struct stat status {};
  ::clock_gettime(CLOCK_REALTIME, &status.st_ctim);
  EXPECT_EQ(settled_change_ns(status), 0);
  status.st_ctim.tv_sec -= 1;
  EXPECT_EQ(settled_change_ns(status), nanoseconds(status.st_ctim));
}

class PlacesTest : public WritableShareTest {
 protected:
  // Of what was changed in the top folder until now.
  void all_events_are_handled() {
    const std::string name = "last" + std::to_string(++last_);
    write(name, "");
    while (name_of(notified(FUSE_NOTIFY_INVAL_ENTRY)) != name) continue;
  }
  void rename_on_host(const std::string& from, const std::string& to) {
    std::filesystem::rename(folder / from, folder / to);
  }
  uint64_t opened(uint64_t node, uint32_t flags = O_RDONLY) { return open(node, flags).fields<fuse_open_out>().fh; }

 private:
  int last_ = 0;
};

TEST_F(PlacesTest, AnOpenFileThatGetsATokenIsReadNoMore) {
  write(".npmrc", "save-exact=true\n");
  start_writable();
  const uint64_t node = look_up(".npmrc").nodeid;
  const uint64_t handle = opened(node, O_RDWR);
  EXPECT_EQ(read(node, handle).body, "save-exact=true\n");
  write(".npmrc", "//r/:_authToken=x\n");
  all_events_are_handled();
  EXPECT_EQ(read(node, handle).errnum, ESTALE);
  EXPECT_EQ(write_at(node, handle, 0, "x").errnum, ESTALE);
  EXPECT_EQ(open(node, O_WRONLY | O_TRUNC).errnum, ENOENT);
  EXPECT_EQ(on_host(".npmrc"), "//r/:_authToken=x\n");
}

TEST_F(PlacesTest, ATokenFileWithoutATokenIsWritten) {
  write(".npmrc", "");
  start_writable();
  const uint64_t node = look_up(".npmrc").nodeid;
  EXPECT_EQ(write_at(node, opened(node, O_WRONLY | O_TRUNC), 0, "save-exact=true").errnum, 0);
  EXPECT_EQ(on_host(".npmrc"), "save-exact=true");
}

TEST_F(PlacesTest, AnOpenFileThatIsMovedToAMaskedNameIsReadNoMore) {
  write("notes", "text");
  write("copy", "");
  start_writable({".env"});
  const uint64_t node = look_up("notes").nodeid;
  const uint64_t handle = opened(node, O_RDWR);
  rename_on_host("notes", ".env");
  all_events_are_handled();
  write(".env", "secret");
  EXPECT_EQ(read(node, handle).errnum, ESTALE);
  EXPECT_EQ(write_at(node, handle, 0, "x").errnum, ESTALE);
  fuse_fallocate_in hole{};
  hole.fh = handle;
  hole.length = 1;
  EXPECT_EQ(client->call(FUSE_FALLOCATE, node, bytes_of(hole)).errnum, ESTALE);
  fuse_copy_file_range_in range{};
  range.fh_in = handle;
  range.nodeid_out = look_up("copy").nodeid;
  range.fh_out = opened(range.nodeid_out, O_RDWR);
  range.len = 6;
  EXPECT_EQ(client->call(FUSE_COPY_FILE_RANGE, node, bytes_of(range)).errnum, ESTALE);
  EXPECT_EQ(on_host(".env"), "secret");
}

TEST_F(PlacesTest, AFileIsNotOpenedWhereItIsMaskedByNow) {
  write("one", "text");
  write("two", "text");
  std::filesystem::create_directory(folder / "unseen");
  start_writable({".env*"});
  const uint64_t one = look_up("one").nodeid;
  const uint64_t two = look_up("two").nodeid;
  // To where nothing is told of.
  rename_on_host("one", "unseen/.env1");
  std::filesystem::create_hard_link(folder / "two", folder / "unseen/.env2");
  std::filesystem::remove(folder / "two");
  for (const uint64_t node : {one, two}) {
    EXPECT_EQ(open(node).errnum, ESTALE);
    EXPECT_EQ(set_attributes(node, FATTR_SIZE, [](auto& in) { in.size = 0; }), ESTALE);
    EXPECT_EQ(link(node, "again"), ESTALE);
    EXPECT_EQ(client->call(FUSE_LISTXATTR, node, bytes_of(fuse_getxattr_in{.size = 0, .padding = 0})).errnum, ESTALE);
  }
  EXPECT_EQ(on_host("unseen/.env1"), "text");
}

TEST_F(PlacesTest, WhatIsInAFolderThatIsMaskedByNowIsNotFound) {
  write("conf/deep/old", "");
  start({.masks = {".aws"}});
  const uint64_t conf = look_up("conf").nodeid;
  const uint64_t deep = look_up("deep", conf).nodeid;
  const uint64_t old = look_up("old", deep).nodeid;
  const uint64_t handle = opened(old);
  rename_on_host("conf", ".aws");
  write(".aws/credentials", "secret");
  write(".aws/deep/credentials", "secret");
  write(".aws/deep/old", "secret");
  all_events_are_handled();
  EXPECT_EQ(errno_of_look_up("credentials", conf), ESTALE);
  EXPECT_EQ(errno_of_look_up("credentials", deep), ESTALE);
  EXPECT_EQ(client->call(FUSE_OPENDIR, deep, bytes_of(fuse_open_in{})).errnum, ENOSYS);
  fuse_read_in in{};
  in.size = 4096;
  EXPECT_EQ(client->call(FUSE_READDIR, deep, bytes_of(in)).errnum, ESTALE);
  EXPECT_EQ(open(old).errnum, ESTALE);
  EXPECT_EQ(read(old, handle).errnum, ESTALE);
  for (const Message& one : client->notifications) {
    if (one.errnum != -FUSE_NOTIFY_INVAL_ENTRY) continue;
    EXPECT_NE(name_of(one), "credentials");
  }
}

TEST_F(PlacesTest, PathsThatAreMaskedAreThoseOfNow) {
  std::filesystem::create_directories(folder / "staging/keys");
  start_writable({"config/*.key", "config/keys/*"});
  const uint64_t staging = look_up("staging").nodeid;
  const uint64_t keys = look_up("keys", staging).nodeid;
  rename_on_host("staging", "config");
  all_events_are_handled();
  write("config/a.key", "secret");
  write("config/keys/b", "secret");
  EXPECT_EQ(errno_of_look_up("a.key", staging), ENOENT);
  EXPECT_EQ(errno_of_look_up("b", keys), ENOENT);
}

TEST_F(PlacesTest, AFolderThatTheGuestMovesIsMaskedAsItIsThere) {
  std::filesystem::create_directories(folder / "staging/keys");
  start_writable({"config/keys/*"});
  const uint64_t keys = look_up("keys", look_up("staging").nodeid).nodeid;
  ASSERT_EQ(rename("staging", "config"), 0);
  write("config/keys/b", "secret");
  EXPECT_EQ(errno_of_look_up("b", keys), ENOENT);
}

TEST_F(PlacesTest, AFolderThatIsMovedElsewhereStaysKnown) {
  write("conf/deep/file", "text");
  start({.masks = {".aws", "other/*.key"}});
  const uint64_t conf = look_up("conf").nodeid;
  const uint64_t deep = look_up("deep", conf).nodeid;
  const uint64_t file = look_up("file", deep).nodeid;
  const uint64_t handle = opened(file);
  for (const char* to : {"plain", "other"}) {
    rename_on_host(to == std::string("plain") ? "conf" : "plain", to);
    all_events_are_handled();
    EXPECT_EQ(errno_of_look_up("file", deep), 0) << to;
    EXPECT_EQ(read(file, handle).body, "text") << to;
    EXPECT_EQ(content(file), "text") << to;
  }
}

TEST_F(PlacesTest, AFileWithoutANameIsReadOn) {
  write("conf/file", "text");
  start_writable({".aws"});
  const uint64_t conf = look_up("conf").nodeid;
  const uint64_t file = look_up("file", conf).nodeid;
  const uint64_t handle = opened(file, O_RDWR);
  std::filesystem::remove(folder / "conf/file");
  write("x/y", "");
  rename_on_host("x", ".aws");
  all_events_are_handled();
  EXPECT_EQ(read(file, handle).body, "text");
  EXPECT_EQ(write_at(file, handle, 0, "T").errnum, 0);
}

TEST_F(PlacesTest, AFolderThatIsForgottenIsNotOverlooked) {
  write("top/conf/old", "");
  start({.masks = {".aws"}});
  const uint64_t top = look_up("top").nodeid;
  const uint64_t conf = look_up("conf", top).nodeid;
  client->send(FUSE_FORGET, top, bytes_of(fuse_forget_in{.nlookup = 1}));
  errno_of_look_up("it is done");
  rename_on_host("top/conf", "top/.aws");
  write("top/.aws/credentials", "secret");
  // Not all at once: at the latest after a second.
  int errnum = 0;
  while (errnum == 0) errnum = errno_of_look_up("old", conf);
  EXPECT_EQ(errnum, ESTALE);
  EXPECT_EQ(errno_of_look_up("credentials", conf), ESTALE);
}

TEST_F(PlacesTest, FilesOfAMaskedFolderAreAbsentUnderTheirOtherNames) {
  write("conf/file", "text");
  std::filesystem::create_hard_link(folder / "conf/file", folder / "alias");
  start({.masks = {".aws"}});
  EXPECT_EQ(errno_of_look_up("alias"), 0);
  rename_on_host("conf", ".aws");
  all_events_are_handled();
  EXPECT_EQ(errno_of_look_up("alias"), ENOENT);
}

}  // namespace
}  // namespace caisson::share
