// SPDX-License-Identifier: Apache-2.0

// A share in mode ro, spoken to in raw messages.

#include <gmock/gmock.h>

#include "share/share_for_test.h"

namespace caisson::share {
namespace {

using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class ReadingTest : public ShareTest {};

TEST_F(ReadingTest, FilesFoldersAndLinksAreFoundAndRead) {
  write("a/b/file", "text");
  std::filesystem::create_symlink("b/../../outside", folder / "a/link");
  start();
  const uint64_t a = look_up("a").nodeid;
  const uint64_t b = look_up("b", a).nodeid;
  const fuse_entry_out file = look_up("file", b);
  EXPECT_EQ(file.attr.size, 4U);
  EXPECT_EQ(file.attr.uid, 1000U);
  EXPECT_EQ(file.attr.gid, 1000U);
  EXPECT_EQ(content(file.nodeid), "text");
  EXPECT_EQ(client->call(FUSE_READLINK, look_up("link", a).nodeid, "").body, "b/../../outside");
  EXPECT_EQ(client->call(FUSE_READLINK, a, "").errnum, EINVAL);
  EXPECT_EQ(errno_of_look_up("nothing"), ENOENT);
  EXPECT_EQ(errno_of_look_up("x", file.nodeid), ENOTDIR);
}

TEST_F(ReadingTest, FoldersAreListedInAnyNumberOfPieces) {
  for (int i = 0; i < 500; ++i) write("many/" + std::string(60, 'n') + std::to_string(i), "");
  start();
  const uint64_t many = look_up("many").nodeid;
  EXPECT_EQ(names_in(many).size(), 500U);
  EXPECT_EQ(names_in(many, true).size(), 500U);
  EXPECT_THAT(names_in(kRootId), UnorderedElementsAre("many"));
}

TEST_F(ReadingTest, NothingIsChanged) {
  write("file", "text");
  start();
  const uint64_t file = look_up("file").nodeid;
  for (const uint32_t flags : {O_WRONLY, O_RDWR, O_RDONLY | O_TRUNC}) EXPECT_EQ(open(file, flags).errnum, EROFS);
  for (const uint32_t opcode :
       {FUSE_SETATTR, FUSE_SYMLINK, FUSE_MKNOD, FUSE_MKDIR, FUSE_UNLINK, FUSE_RMDIR, FUSE_RENAME, FUSE_RENAME2,
        FUSE_LINK, FUSE_WRITE, FUSE_CREATE, FUSE_SETXATTR, FUSE_REMOVEXATTR, FUSE_FALLOCATE, FUSE_COPY_FILE_RANGE})
    EXPECT_EQ(client->call(opcode, file, std::string(512, '\0')).errnum, EROFS) << opcode;
}

TEST_F(ReadingTest, SetuidIsNotShown) {
  write("program", "");
  std::filesystem::permissions(folder / "program", static_cast<std::filesystem::perms>(06755));
  start();
  EXPECT_EQ(look_up("program").attr.mode, S_IFREG | 0755U);
}

TEST_F(ReadingTest, WhatIsNoNameIsRefused) {
  write("a/file", "");
  start();
  for (const std::string& name : {std::string(), std::string("."), std::string(".."), std::string("a/file"),
                                  std::string("/etc"), std::string("../x")})
    EXPECT_EQ(errno_of_look_up(name), EINVAL) << name;
  EXPECT_EQ(errno_of_look_up(std::string(256, 'n')), ENAMETOOLONG);
  EXPECT_EQ(client->call(FUSE_LOOKUP, kRootId, "without an end").errnum, EINVAL);
  // What is behind the first NUL is not the name's.
  EXPECT_EQ(errno_of_look_up(std::string("a\0/file", 7)), 0);
}

TEST_F(ReadingTest, MaskedNamesAreAbsent) {
  write(".env", "secret");
  write("a/key.PEM", "secret");
  write("a/shown", "");
  write(".npmrc", "//r/:_authToken=x");
  write("a/.npmrc", "save-exact=true");
  start({.masks = {".env*", "*.pem"}});
  EXPECT_EQ(errno_of_look_up(".env"), ENOENT);
  EXPECT_EQ(errno_of_look_up(".npmrc"), ENOENT);
  const uint64_t a = look_up("a").nodeid;
  EXPECT_EQ(errno_of_look_up("key.PEM", a), ENOENT);
  for (const bool with_attributes : {false, true}) {
    EXPECT_THAT(names_in(kRootId, with_attributes), UnorderedElementsAre("a"));
    EXPECT_THAT(names_in(a, with_attributes), UnorderedElementsAre("shown", ".npmrc"));
  }
}

TEST_F(ReadingTest, WhatIsForgottenIsGoneAndItsNumberIsNotUsedAgain) {
  write("file", "text");
  // By one thread, so that what is forgotten is forgotten before the next request is looked at.
  start({.limits = {.threads = 1}});
  const uint64_t node = look_up("file").nodeid;
  EXPECT_EQ(look_up("file").nodeid, node);
  client->send(FUSE_FORGET, node, bytes_of(fuse_forget_in{.nlookup = 2}));
  EXPECT_EQ(open(node).errnum, ESTALE);
  EXPECT_NE(look_up("file").nodeid, node);
  // The top is never forgotten.
  client->send(FUSE_FORGET, kRootId, bytes_of(fuse_forget_in{.nlookup = UINT64_MAX}));
  look_up("file");
}

TEST_F(ReadingTest, ASingleFileIsTheTop) {
  write("file", "text");
  start({}, "file");
  EXPECT_EQ(content(kRootId), "text");
  EXPECT_EQ(errno_of_look_up("x"), ENOTDIR);
}

TEST_F(ReadingTest, TheEndOfTheStreamIsTheEnd) {
  start();
  stop();
  EXPECT_EQ(result, 0);
}

TEST_F(ReadingTest, WhatBreaksTheProtocolEndsIt) {
  for (const uint32_t length : {1U, 39U, static_cast<uint32_t>(kMaxMessageBytes) + 1, UINT32_MAX}) {
    start();
    client->send(FUSE_GETATTR, kRootId, std::string(16, '\0'), length);
    EXPECT_EQ(client->receive(), std::nullopt);
    stop();
    EXPECT_EQ(result, 1) << length;
  }
  start_without_greeting();
  client->send(FUSE_GETATTR, kRootId, std::string(16, '\0'));
  EXPECT_EQ(client->receive(), std::nullopt);
  stop();
  EXPECT_EQ(result, 1);
}

TEST_F(ReadingTest, EveryRequestThatIsTooShortIsRefused) {
  start();
  for (uint32_t opcode = 1; opcode < 64; ++opcode) {
    if (opcode == FUSE_FORGET || opcode == FUSE_BATCH_FORGET || opcode == FUSE_INTERRUPT || opcode == FUSE_INIT)
      continue;
    const Message answer = client->call(opcode, kRootId, "");
    EXPECT_THAT(answer.errnum, testing::AnyOf(0, EINVAL, EROFS, ENOSYS)) << opcode;
  }
  EXPECT_EQ(client->call(4096, kRootId, "").errnum, ENOSYS);
  EXPECT_EQ(client->call(FUSE_READ, kRootId, std::string(39, '\0')).errnum, EINVAL);
}

}  // namespace
}  // namespace caisson::share
