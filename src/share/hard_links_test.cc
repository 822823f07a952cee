// SPDX-License-Identifier: Apache-2.0

// Files with several names, of which one is masked or outside of the folder.

#include <linux/fs.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <atomic>
#include <thread>

#include "share/hidden_files.h"
#include "share/writable_share_for_test.h"
#include "sys/capabilities.h"

namespace caisson::share {
namespace {

class HardLinksTest : public WritableShareTest {
 protected:
  void link_on_host(const std::string& from, const std::string& to) {
    std::filesystem::create_directories(std::filesystem::path(folder / to).parent_path());
    std::filesystem::create_hard_link(folder / from, folder / to);
  }
  // A file of the folder's that has a name outside of it as well.
  void link_outside(const std::string& name) {
    write(name, "theirs");
    std::filesystem::create_hard_link(folder / name, outside_ / std::filesystem::path(name).filename());
  }
  std::string outside(const std::string& name) { return base::read_file(outside_ / name); }
  int chmod(uint64_t node, uint32_t mode) {
    return set_attributes(node, FATTR_MODE, [mode](auto& in) { in.mode = mode; });
  }
  int truncate(uint64_t node) {
    return set_attributes(node, FATTR_SIZE, [](auto& in) { in.size = 0; });
  }
  int touch(uint64_t node) {
    return set_attributes(node, FATTR_MTIME, [](auto& in) { in.mtime = 1; });
  }
  int set_attribute(uint64_t node) {
    return client->call(FUSE_SETXATTR, node, bytes_of(uint32_t{1}, uint32_t{0}) + text_of("user.a") + "x").errnum;
  }
  // Opens it, writes, and closes it.
  int rewrite(uint64_t node, const std::string& text) {
    const Message opened = open(node, O_RDWR);
    if (opened.errnum != 0) return opened.errnum;
    const uint64_t handle = opened.fields<fuse_open_out>().fh;
    const int errnum = write_at(node, handle, 0, text).errnum;
    fuse_release_in in{};
    in.fh = handle;
    client->call(FUSE_RELEASE, node, bytes_of(in));
    return errnum;
  }
  mode_t mode_of(const std::string& name) {
    struct stat status {};
    EXPECT_EQ(::lstat((folder / name).c_str(), &status), 0);
    return status.st_mode & 07777;
  }
  base::TempFolder outside_;
};

TEST_F(HardLinksTest, WhatHasANameOutsideIsReadAndNotChanged) {
  link_outside("file");
  start_writable();
  const uint64_t node = look_up("file").nodeid;
  EXPECT_EQ(content(node), "theirs");
  EXPECT_EQ(open(node, O_WRONLY).errnum, EPERM);
  EXPECT_EQ(open(node, O_RDWR).errnum, EPERM);
  EXPECT_EQ(open(node, O_RDONLY | O_TRUNC).errnum, EPERM);
  EXPECT_EQ(create("file", O_WRONLY | O_TRUNC).errnum, EPERM);
  EXPECT_EQ(truncate(node), EPERM);
  EXPECT_EQ(chmod(node, 0600), EPERM);
  EXPECT_EQ(touch(node), EPERM);
  EXPECT_EQ(set_attribute(node), EPERM);
  EXPECT_EQ(client->call(FUSE_REMOVEXATTR, node, text_of("user.a")).errnum, EPERM);
  EXPECT_EQ(outside("file"), "theirs");
}

TEST_F(HardLinksTest, TheNamesOfSuchAFileAreTheGuests) {
  link_outside("file");
  start_writable();
  const uint64_t node = look_up("file").nodeid;
  EXPECT_EQ(link(node, "second"), 0);
  EXPECT_EQ(rename("file", "third"), 0);
  for (const char* name : {"second", "third"}) EXPECT_EQ(open(look_up(name).nodeid, O_WRONLY).errnum, EPERM) << name;
  EXPECT_EQ(unlink("second"), 0);
  EXPECT_EQ(open(node, O_WRONLY).errnum, EPERM);
  // As an editor does it: a new file under the old name.
  ASSERT_EQ(create("new").errnum, 0);
  EXPECT_EQ(rename("new", "third"), 0);
  EXPECT_EQ(rewrite(look_up("third").nodeid, "mine"), 0);
  EXPECT_EQ(outside("file"), "theirs");
}

TEST_F(HardLinksTest, WhatHasAllItsNamesInTheFolderIsChanged) {
  write("deps/program", "old");
  link_on_host("deps/program", "debug/program");
  start_writable();
  const uint64_t node = look_up("program", look_up("debug").nodeid).nodeid;
  EXPECT_EQ(rewrite(node, "new"), 0);
  EXPECT_EQ(rewrite(node, "NEW"), 0);
  EXPECT_EQ(chmod(node, 0700), 0);
  EXPECT_EQ(on_host("deps/program"), "NEW");
  EXPECT_EQ(mode_of("deps/program"), 0700U);
}

TEST_F(HardLinksTest, LinksThatTheGuestMakesAreItsOwn) {
  write("file", "old");
  start_writable();
  const uint64_t node = look_up("file").nodeid;
  EXPECT_EQ(link(node, "second"), 0);
  EXPECT_EQ(rewrite(node, "new"), 0);
  EXPECT_EQ(rename("second", "third"), 0);
  EXPECT_EQ(rewrite(node, "NEW"), 0);
  EXPECT_EQ(on_host("third"), "NEW");
  // Not so when the host has made one beside them.
  std::filesystem::create_hard_link(folder / "file", outside_ / "file");
  EXPECT_EQ(open(node, O_RDWR).errnum, EPERM);
  EXPECT_EQ(unlink("third"), 0);
  EXPECT_EQ(open(node, O_RDWR).errnum, EPERM);
  std::filesystem::remove(outside_ / "file");
  EXPECT_EQ(rewrite(node, "end"), 0);
}

TEST_F(HardLinksTest, AnOpenFileThatGetsANameOutsideIsNotChangedAnyMore) {
  write("file", "mine");
  write("from", "x");
  start_writable();
  const uint64_t node = look_up("file").nodeid;
  const uint64_t handle = open(node, O_RDWR).fields<fuse_open_out>().fh;
  EXPECT_EQ(write_at(node, handle, 0, "M").errnum, 0);
  std::filesystem::create_hard_link(folder / "file", outside_ / "file");
  EXPECT_EQ(write_at(node, handle, 0, "x").errnum, EPERM);
  EXPECT_EQ(write_at(node, handle, 0, "x", FUSE_WRITE_CACHE).errnum, EPERM);
  fuse_fallocate_in allocated{};
  allocated.fh = handle;
  allocated.length = 100;
  EXPECT_EQ(client->call(FUSE_FALLOCATE, node, bytes_of(allocated)).errnum, EPERM);
  fuse_copy_file_range_in range{};
  const uint64_t from = look_up("from").nodeid;
  range.fh_in = open(from).fields<fuse_open_out>().fh;
  range.nodeid_out = node;
  range.fh_out = handle;
  range.len = 1;
  EXPECT_EQ(client->call(FUSE_COPY_FILE_RANGE, from, bytes_of(range)).errnum, EPERM);
  const auto shorten = [handle](auto& in) { in.fh = handle; };
  EXPECT_EQ(set_attributes(node, FATTR_SIZE | FATTR_FH, shorten), EPERM);
  EXPECT_EQ(read(node, handle).body, "Mine");
  EXPECT_EQ(outside("file"), "Mine");
  std::filesystem::remove(outside_ / "file");
  EXPECT_EQ(write_at(node, handle, 0, "m").errnum, 0);
}

TEST_F(HardLinksTest, ASharedFileIsWrittenWhateverItsNamesAre) {
  link_outside("file");
  start({.mode = Mode::kReadWrite}, "file");
  EXPECT_EQ(rewrite(kRootId, "ours"), 0);
  EXPECT_EQ(outside("file"), "oursrs");
}

TEST_F(HardLinksTest, NoModeOfTheGuestsHidesAFolderFromTheServer) {
  write("secret/.env", "secret");
  link_on_host("secret/.env", "backup/settings");
  start_writable({".env"});
  for (const uint64_t node : {uint64_t{kRootId}, look_up("secret").nodeid}) EXPECT_EQ(chmod(node, 0), 0);
  EXPECT_EQ(errno_of_look_up("settings", look_up("backup").nodeid), ENOENT);
  EXPECT_EQ(mode_of("secret"), 0500U);
  EXPECT_EQ(chmod(kRootId, 0700), 0);
  EXPECT_EQ(client->call(FUSE_MKDIR, kRootId, bytes_of(fuse_mkdir_in{.mode = 0, .umask = 0}) + text_of("made")).errnum,
            0);
  EXPECT_EQ(mode_of("made"), 0500U);
}

TEST_F(HardLinksTest, WhatTheGuestTouchesIsNotShownForThat) {
  write("notes", "x");
  std::filesystem::create_directory(folder / "unseen");
  start_writable({".env"});
  const uint64_t node = look_up("notes").nodeid;
  link_on_host("notes", "unseen/.env");
  EXPECT_EQ(touch(node), ENOENT);
  EXPECT_EQ(chmod(node, 0600), ENOENT);
  EXPECT_EQ(set_attribute(node), ENOENT);
  EXPECT_EQ(
      client->call(FUSE_GETXATTR, node, bytes_of(fuse_getxattr_in{.size = 0, .padding = 0}) + text_of("user.a")).errnum,
      ENOENT);
  EXPECT_EQ(open(node).errnum, ENOENT);
}

// What the server itself knows, without a guest.
class HiddenFilesTest : public HardLinksTest {
 protected:
  struct stat status_of(const std::string& name) {
    struct stat status {};
    EXPECT_EQ(::lstat((folder / name).c_str(), &status), 0);
    return status;
  }
  const base::Fd root_ = base::open_file(folder.path(), O_PATH);
  const Masks masks_{{".env"}, {}};
  HiddenFiles hidden_{masks_, root_.get(), 0};
  bool hides(const std::string& name) { return hidden_.hides(root_.get(), status_of(name), name); }
};

TEST_F(HiddenFilesTest, WithoutEveryFolderOnlyWhatHasAllItsNamesIsShown) {
  write("closed/.env", "secret");
  link_on_host("closed/.env", "alias");
  write("one", "");
  link_on_host("one", "two");
  ASSERT_EQ(::chmod((folder / "closed").c_str(), 0), 0);
  // A thread has capabilities of its own.
  std::thread([this] {
    ASSERT_EQ(sys::drop_all_capabilities(), 0);
    EXPECT_TRUE(hides("alias"));
    EXPECT_FALSE(hides("one"));
    EXPECT_FALSE(hides("two"));
  }).join();
  ASSERT_EQ(::chmod((folder / "closed").c_str(), 0700), 0);
}

TEST_F(HiddenFilesTest, WithoutDescriptorsOnlyWhatHasAllItsNamesIsShown) {
  write("a/b/c/d/e/f/.env", "secret");
  link_on_host("a/b/c/d/e/f/.env", "alias");
  write("one", "");
  link_on_host("one", "two");
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const base::Fd lowest(::dup(root_.get()));
  const rlimit few{.rlim_cur = static_cast<rlim_t>(lowest.get()) + 5, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  EXPECT_TRUE(hides("alias"));
  EXPECT_FALSE(hides("one"));
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
}

TEST_F(HiddenFilesTest, AFolderThatTheGuestMovesIsWalkedOver) {
  write("x/moved/.env", "secret");
  link_on_host("x/moved/.env", "alias");
  std::filesystem::create_directory(folder / "y");
  for (int i = 0; i < 200; ++i) {
    HiddenFiles fresh(masks_, root_.get(), 0);
    std::atomic<bool> ended = false;
    std::thread moving([&] {
      while (!ended) {
        for (const auto& [from, to] : {std::pair("x/moved", "y/moved"), std::pair("y/moved", "x/moved")}) {
          const auto names = fresh.change_names();
          EXPECT_EQ(::renameat(root_.get(), from, root_.get(), to), 0);
        }
      }
    });
    EXPECT_TRUE(fresh.hides(root_.get(), status_of("alias"), "alias"));
    ended = true;
    moving.join();
  }
}

}  // namespace
}  // namespace caisson::share
