// SPDX-License-Identifier: Apache-2.0

// What could lead out of the shared folder, or to what is masked: names that change while they are used, second names,
// links; from the host's side and from the guest's.

#include <gmock/gmock.h>
#include <linux/fs.h>
#include <sys/stat.h>

#include <atomic>

#include "base/file.h"
#include "share/share_for_test.h"

namespace caisson::share {
namespace {

class AttacksTest : public ShareTest {
 protected:
  AttacksTest() {
    std::filesystem::create_directory(outside_ / "secrets");
    std::ofstream(outside_ / "secrets/file") << "outside";
  }
  std::string attribute_errno(uint64_t node) {
    return std::to_string(client->call(FUSE_GETATTR, node, bytes_of(fuse_getattr_in{})).errnum);
  }
  // Of the top folder's changes until now.
  void all_events_are_handled() {
    write("last", "");
    while (name_of(notified(FUSE_NOTIFY_INVAL_ENTRY)) != "last") continue;
  }
  base::TempFolder outside_;
};

TEST_F(AttacksTest, AFolderThatIsSwappedWithALinkNeverLeadsOutside) {
  write("swapped/file", "inside");
  std::filesystem::create_symlink(outside_ / "secrets", folder / "other");
  start({.mode = Mode::kReadWrite});
  std::atomic<bool> ended = false;
  std::thread swapping([&] {
    const base::Fd top = base::open_file(folder.path(), O_PATH);
    while (!ended) ::renameat2(top.get(), "swapped", top.get(), "other", RENAME_EXCHANGE);
  });
  int inside = 0;
  for (int i = 0; i < 3000; ++i) {
    const Message found = client->call(FUSE_LOOKUP, kRootId, text_of("swapped"));
    const auto entry = found.errnum == 0 ? found.fields<fuse_entry_out>() : fuse_entry_out{};
    if (!S_ISDIR(entry.attr.mode)) continue;
    const Message file = client->call(FUSE_LOOKUP, entry.nodeid, text_of("file"));
    if (file.errnum != 0 || file.fields<fuse_entry_out>().nodeid == 0) continue;
    const Message opened = open(file.fields<fuse_entry_out>().nodeid);
    if (opened.errnum != 0) continue;
    EXPECT_EQ(read(file.fields<fuse_entry_out>().nodeid, opened.fields<fuse_open_out>().fh).body, "inside");
    ++inside;
  }
  ended = true;
  swapping.join();
  EXPECT_GT(inside, 0);
}

TEST_F(AttacksTest, AFileThatIsReplacedByALinkWhileItIsOpenStaysWhatItIs) {
  write("file", "inside");
  start();
  const uint64_t node = look_up("file").nodeid;
  const uint64_t handle = open(node).fields<fuse_open_out>().fh;
  std::filesystem::remove(folder / "file");
  std::filesystem::create_symlink(outside_ / "secrets/file", folder / "file");
  EXPECT_EQ(read(node, handle).body, "inside");
  // Opened anew by its node it is still the same file, though it has no name any more.
  EXPECT_EQ(content(node), "inside");
  const fuse_entry_out link = look_up("file");
  EXPECT_TRUE(S_ISLNK(link.attr.mode));
  EXPECT_EQ(open(link.nodeid).errnum, ELOOP);
}

TEST_F(AttacksTest, WhatIsMovedOutsideIsNotFoundThere) {
  write("a/b/file", "inside");
  // So few descriptors that nodes are opened again by their names.
  start({.limits = {.descriptors = 8}});
  const uint64_t a = look_up("a").nodeid;
  const uint64_t b = look_up("b", a).nodeid;
  const uint64_t file = look_up("file", b).nodeid;
  for (int i = 0; i < 10; ++i) write("more/" + std::to_string(i), "");
  const uint64_t more = look_up("more").nodeid;
  for (int i = 0; i < 10; ++i) look_up(std::to_string(i), more);
  std::filesystem::rename(folder / "a", outside_ / "a");
  std::filesystem::create_directory_symlink(outside_ / "a", folder / "a");
  EXPECT_EQ(open(file).errnum, ESTALE);
  EXPECT_EQ(errno_of_look_up("file", b), ESTALE);
}

TEST_F(AttacksTest, AnotherFileUnderTheSameNameIsNotTheSameNode) {
  write("file", "first");
  start({.limits = {.descriptors = 8}});
  const uint64_t node = look_up("file").nodeid;
  for (int i = 0; i < 10; ++i) write("more/" + std::to_string(i), "");
  const uint64_t more = look_up("more").nodeid;
  for (int i = 0; i < 10; ++i) look_up(std::to_string(i), more);
  write("second", "second");
  std::filesystem::rename(folder / "second", folder / "file");
  EXPECT_EQ(open(node).errnum, ESTALE);
  EXPECT_EQ(content(look_up("file").nodeid), "second");
}

TEST_F(AttacksTest, LinksAreTextForTheGuestOnly) {
  std::filesystem::create_symlink(outside_ / "secrets", folder / "link");
  std::filesystem::create_symlink("/proc/self/root", folder / "magic");
  start({.mode = Mode::kReadWrite});
  for (const char* name : {"link", "magic"}) {
    const fuse_entry_out link = look_up(name);
    EXPECT_TRUE(S_ISLNK(link.attr.mode));
    EXPECT_EQ(errno_of_look_up("file", link.nodeid), ENOTDIR);
    EXPECT_EQ(open(link.nodeid).errnum, ELOOP);
    EXPECT_EQ(client->call(FUSE_OPENDIR, link.nodeid, bytes_of(fuse_open_in{})).errnum, ENOTDIR);
    fuse_setattr_in mode{};
    mode.valid = FATTR_MODE;
    EXPECT_EQ(client->call(FUSE_SETATTR, link.nodeid, bytes_of(mode)).errnum, EOPNOTSUPP);
    fuse_setattr_in size{};
    size.valid = FATTR_SIZE;
    EXPECT_EQ(client->call(FUSE_SETATTR, link.nodeid, bytes_of(size)).errnum, ELOOP);
  }
  EXPECT_EQ(base::read_file(outside_ / "secrets/file"), "outside");
}

TEST_F(AttacksTest, PipesAndSocketsAreNotOpened) {
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  start({.mode = Mode::kReadWrite});
  EXPECT_EQ(open(look_up("pipe").nodeid).errnum, EACCES);
  EXPECT_EQ(open(look_up("pipe").nodeid, O_WRONLY).errnum, EACCES);
}

TEST_F(AttacksTest, AMaskedFileIsAbsentUnderItsOtherNames) {
  write("a/.env", "secret");
  write(".ssh/key", "secret");
  std::filesystem::create_hard_link(folder / "a/.env", folder / "visible");
  std::filesystem::create_hard_link(folder / ".ssh/key", folder / "b");
  write("two", "");
  std::filesystem::create_hard_link(folder / "two", folder / "three");
  start({.masks = {".env", ".ssh"}});
  EXPECT_EQ(errno_of_look_up("visible"), ENOENT);
  EXPECT_EQ(errno_of_look_up("b"), ENOENT);
  EXPECT_THAT(names_in(kRootId, true), testing::UnorderedElementsAre("a", "two", "three"));
  EXPECT_THAT(names_in(kRootId), testing::UnorderedElementsAre("a", "two", "three"));
}

TEST_F(AttacksTest, ALinkThatIsMadeLaterIsAbsentToo) {
  write(".env", "secret");
  write("plain", "");
  std::filesystem::create_hard_link(folder / "plain", folder / "plain2");
  start({.masks = {".env"}});
  EXPECT_EQ(errno_of_look_up("plain"), 0);
  std::filesystem::create_hard_link(folder / ".env", folder / "later");
  EXPECT_EQ(errno_of_look_up("later"), ENOENT);
}

TEST_F(AttacksTest, WhatWasMaskedStaysSoUnderANewName) {
  write(".env", "secret");
  write("other", "");
  start({.masks = {".env"}});
  EXPECT_EQ(errno_of_look_up(".env"), ENOENT);
  std::filesystem::rename(folder / ".env", folder / "renamed");
  EXPECT_EQ(errno_of_look_up("renamed"), ENOENT);
  // Another file that has its number is another file.
  std::filesystem::remove(folder / "renamed");
  write("renamed", "new");
  all_events_are_handled();
  EXPECT_EQ(content(look_up("renamed").nodeid), "new");
}

TEST_F(AttacksTest, WhatIsMadeWhereAMaskedFileWasMovedToIsShown) {
  start({.masks = {".env"}});
  errno_of_look_up("0");
  // The events are read while the names change, so that some are late.
  for (int i = 0; i < 300; ++i) {
    write(".env", "secret");
    std::filesystem::rename(folder / ".env", folder / std::to_string(i));
    std::filesystem::remove(folder / std::to_string(i));
    write(std::to_string(i), "new");
  }
  all_events_are_handled();
  for (int i = 0; i < 300; ++i) EXPECT_EQ(content(look_up(std::to_string(i)).nodeid), "new");
}

TEST_F(AttacksTest, AMaskedFileIsFollowedOverSeveralNames) {
  start({.masks = {".env"}});
  errno_of_look_up("0");
  for (int i = 0; i < 300; ++i) {
    const std::string name = std::to_string(i);
    write(".env", "secret");
    std::filesystem::rename(folder / ".env", folder / ("over" + name));
    std::filesystem::rename(folder / ("over" + name), folder / name);
  }
  all_events_are_handled();
  for (int i = 0; i < 300; ++i) EXPECT_EQ(errno_of_look_up(std::to_string(i)), ENOENT);
}

TEST_F(AttacksTest, AMaskedFileIsNotReachedByANodeThatWasTold) {
  write("visible", "text");
  start({.masks = {".env"}});
  const uint64_t node = look_up("visible").nodeid;
  std::filesystem::create_hard_link(folder / "visible", folder / ".env");
  EXPECT_EQ(open(node).errnum, ENOENT);
}

TEST_F(AttacksTest, NoRenameUncoversOrReplacesWhatIsMasked) {
  write(".env", "secret");
  write("mine", "x");
  std::filesystem::create_hard_link(folder / ".env", folder / "alias");
  start({.mode = Mode::kReadWrite, .masks = {".env"}});
  const auto rename = [&](const std::string& from, const std::string& to, uint32_t flags) {
    return client
        ->call(FUSE_RENAME2, kRootId,
               bytes_of(fuse_rename2_in{.newdir = kRootId, .flags = flags, .padding = 0}) + text_of(from) + text_of(to))
        .errnum;
  };
  EXPECT_EQ(rename("mine", "alias", 0), EPERM);
  EXPECT_EQ(rename("mine", "alias", RENAME_EXCHANGE), EPERM);
  EXPECT_EQ(rename("alias", "mine", 0), ENOENT);
  EXPECT_EQ(client->call(FUSE_UNLINK, kRootId, text_of("alias")).errnum, ENOENT);
  EXPECT_EQ(base::read_file(folder / "alias"), "secret");
}

TEST_F(AttacksTest, ATokenThatComesLaterHidesTheFile) {
  write(".npmrc", "save-exact=true");
  start();
  const uint64_t node = look_up(".npmrc").nodeid;
  write(".npmrc", "//r/:_password=x");
  EXPECT_EQ(open(node).errnum, ENOENT);
  EXPECT_EQ(errno_of_look_up(".npmrc"), ENOENT);
}

TEST_F(AttacksTest, ATokensFileIsAbsentUnderItsOtherNames) {
  write("a/.npmrc", "//r/:_authToken=x");
  std::filesystem::create_hard_link(folder / "a/.npmrc", folder / "alias");
  start();
  EXPECT_EQ(errno_of_look_up("alias"), ENOENT);
}

TEST_F(AttacksTest, AGuestThatDoesNotForgetIsBounded) {
  for (int i = 0; i < 64; ++i) write("file" + std::to_string(i), "");
  start({.limits = {.nodes = 32}});
  int refused = 0;
  for (int i = 0; i < 64; ++i) refused += errno_of_look_up("file" + std::to_string(i)) == ENFILE ? 1 : 0;
  EXPECT_EQ(refused, 64 - 31);
  // It was asked to.
  const auto is_asked = [](const Message& one) { return one.errnum == -FUSE_NOTIFY_INVAL_ENTRY; };
  while (std::none_of(client->notifications.begin(), client->notifications.end(), is_asked)) {
    const auto message = client->receive();
    ASSERT_TRUE(message);
    client->notifications.push_back(*message);
  }
}

TEST_F(AttacksTest, HandlesAreBounded) {
  write("file", "");
  start({.limits = {.descriptors = 64}});
  const uint64_t node = look_up("file").nodeid;
  int refused = 0;
  for (int i = 0; i < 64; ++i) refused += open(node).errnum == ENFILE ? 1 : 0;
  EXPECT_EQ(refused, 32);
}

}  // namespace
}  // namespace caisson::share
