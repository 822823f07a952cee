// SPDX-License-Identifier: Apache-2.0

// `cp`'s archives on this machine: docker cp's rules for honest ones, and exactly nothing outside for hostile ones.

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/temp_folder_for_test.h"
#include "cli/archive_pack.h"
#include "cli/archive_unpack.h"

namespace caisson::cli {
namespace {

namespace fs = std::filesystem;

struct Item {
  std::string name;
  mode_t type = AE_IFREG;
  std::string text = {};  // content, or what a link points to
  mode_t mode = 0644;
  bool hard_link = false;
};

Item folder(std::string name, mode_t mode = 0755) {
  return {std::move(name), AE_IFDIR, "", mode};
}
Item file(std::string name, std::string text = "text", mode_t mode = 0644) {
  return {std::move(name), AE_IFREG, std::move(text), mode};
}
Item symlink_to(std::string name, std::string to) {
  return {std::move(name), AE_IFLNK, std::move(to), 0777};
}
Item hard_link_to(std::string name, std::string to) {
  return {std::move(name), AE_IFREG, std::move(to), 0644, true};
}

// A tar of any entries, names unchecked.
std::string tar_of(const std::vector<Item>& items) {
  std::string buffer(1U << 20, '\0');
  size_t used = 0;
  archive* writer = archive_write_new();
  archive_write_set_format_ustar(writer);
  archive_write_set_bytes_in_last_block(writer, 1);
  archive_write_open_memory(writer, buffer.data(), buffer.size(), &used);
  for (const Item& item : items) {
    archive_entry* entry = archive_entry_new();
    archive_entry_set_pathname(entry, item.name.c_str());
    archive_entry_set_filetype(entry, item.type);
    archive_entry_set_perm(entry, item.mode);
    archive_entry_set_mtime(entry, 1'000'000'000, 0);
    const bool has_data = item.type == AE_IFREG && !item.hard_link;
    archive_entry_set_size(entry, has_data ? static_cast<int64_t>(item.text.size()) : 0);
    if (item.type == AE_IFLNK) archive_entry_set_symlink(entry, item.text.c_str());
    if (item.hard_link) archive_entry_set_hardlink(entry, item.text.c_str());
    EXPECT_EQ(archive_write_header(writer, entry), ARCHIVE_OK) << archive_error_string(writer);
    if (has_data) archive_write_data(writer, item.text.data(), item.text.size());
    archive_entry_free(entry);
  }
  archive_write_close(writer);
  archive_write_free(writer);
  buffer.resize(used);
  return buffer;
}

class ArchiveTest : public testing::Test {
 protected:
  ArchiveTest() {
    fs::create_directory(target_);
    signal(SIGPIPE, SIG_IGN);  // a copy may be refused before anything of it is read
  }

  std::vector<std::string> unpack_bytes(const std::string& bytes, const std::string& top, const std::string& to) {
    base::FdPair pipe = base::make_pipe();
    std::thread writer([&] {
      try {
        base::write_all(pipe.second.get(), bytes, "pipe");
      } catch (const base::Error&) {
      }
      pipe.second.reset();
    });
    std::vector<std::string> left_out;
    std::string problem;
    try {
      left_out = unpack({.input = pipe.first.get(), .top = top, .target = open_target(to)});
    } catch (const base::Error& error) {
      problem = error.what();
    }
    pipe.first.reset();
    writer.join();
    if (!problem.empty()) throw base::Error(problem);
    return left_out;
  }
  std::vector<std::string> unpack_items(const std::vector<Item>& items, const std::string& top, const std::string& to) {
    return unpack_bytes(tar_of(items), top, to);
  }
  std::string refusal(const std::vector<Item>& items) {
    try {
      unpack_items(items, "x", target_);
      return "";
    } catch (const base::Error& error) {
      return error.what();
    }
  }
  // Everything below the test's folder, as "path" or "path/" or "path -> target".
  std::vector<std::string> tree() const {
    std::vector<std::string> found;
    for (const auto& entry : fs::recursive_directory_iterator(root_.path())) {
      std::string line = fs::relative(entry.path().parent_path(), root_.path()) / entry.path().filename();
      if (line.starts_with("./")) line.erase(0, 2);
      if (entry.is_symlink()) {
        line += " -> " + fs::read_symlink(entry.path()).string();
      } else if (entry.is_directory()) {
        line += "/";
      }
      found.push_back(line);
    }
    std::sort(found.begin(), found.end());
    return found;
  }
  void write(const std::string& path, const std::string& text) const { std::ofstream(root_ / path) << text; }
  std::string content(const std::string& path) const { return base::read_file(root_ / path); }
  mode_t mode(const std::string& path) const {
    struct stat status {};
    EXPECT_EQ(lstat((root_ / path).c_str(), &status), 0) << path;
    return status.st_mode & 07777;
  }

  base::TempFolder root_;
  std::string target_ = root_ / "target";
};

using testing::ElementsAre;
using testing::HasSubstr;

// --- where it goes (docker cp)

TEST_F(ArchiveTest, AFileGoesIntoAFolderOrTakesTheName) {
  unpack_items({file("x", "1")}, "x", target_);
  unpack_items({file("x", "2")}, "x", target_ + "/named");
  unpack_items({file("x", "3")}, "x", target_ + "/named");
  EXPECT_THAT(tree(), ElementsAre("target/", "target/named", "target/x"));
  EXPECT_EQ(content("target/x"), "1");
  EXPECT_EQ(content("target/named"), "3");
}

TEST_F(ArchiveTest, AFolderGoesIntoAFolderOrTakesTheName) {
  const std::vector<Item> items = {folder("x/"), file("x/a"), folder("x/b/"), file("x/b/c")};
  unpack_items(items, "x", target_);
  unpack_items(items, "x", target_ + "/named");
  unpack_items(items, "x", target_ + "/slash/");
  EXPECT_THAT(tree(), ElementsAre("target/", "target/named/", "target/named/a", "target/named/b/", "target/named/b/c",
                                  "target/slash/", "target/slash/a", "target/slash/b/", "target/slash/b/c", "target/x/",
                                  "target/x/a", "target/x/b/", "target/x/b/c"));
}

TEST_F(ArchiveTest, AFoldersContentGoesIntoTheFolderItself) {
  unpack_items({folder("./"), file("./a"), folder("./b/"), file("./b/c")}, ".", target_);
  unpack_items({folder("./"), file("./a")}, ".", target_ + "/new");
  EXPECT_THAT(tree(), ElementsAre("target/", "target/a", "target/b/", "target/b/c", "target/new/", "target/new/a"));
}

TEST_F(ArchiveTest, PlacesThatCannotBeAreRefused) {
  write("file", "old");
  EXPECT_THROW(unpack_items({file("x")}, "x", target_ + "/none/"), base::Error);
  EXPECT_THROW(unpack_items({file("x")}, "x", target_ + "/none/y"), base::Error);
  EXPECT_THROW(unpack_items({folder("x/")}, "x", root_ / "file"), base::Error);
  EXPECT_THROW(unpack_items({file("x")}, "x", root_ / "file/"), base::Error);
  fs::create_symlink("nowhere", root_ / "dangling");
  EXPECT_THROW(unpack_items({file("x")}, "x", root_ / "dangling"), base::Error);
  EXPECT_THAT(tree(), ElementsAre("dangling -> nowhere", "file", "target/"));
  EXPECT_EQ(content("file"), "old");
}

// An earlier copy from the same sandbox may have made it.
TEST_F(ArchiveTest, ALinkInTheTargetsPathIsNotFollowed) {
  fs::create_directory(root_ / "real");
  write("real/file", "old");
  fs::create_symlink("real", root_ / "link");
  fs::create_symlink("real/file", root_ / "file-link");
  for (const char* target : {"link", "link/", "link/new", "link/file", "file-link"}) {
    try {
      unpack_items({file("x", "new")}, "x", root_ / target);
      ADD_FAILURE() << target << " was followed";
    } catch (const base::Error& error) {
      EXPECT_NE(std::string(error.what()).find("there is a symbolic link in that path"), std::string::npos)
          << error.what();
    }
  }
  EXPECT_THAT(tree(), ElementsAre("file-link -> real/file", "link -> real", "real/", "real/file", "target/"));
  EXPECT_EQ(content("real/file"), "old");
}

TEST_F(ArchiveTest, FoldersMergeAndFilesAreReplacedNotWrittenThrough) {
  fs::create_directory(target_ + "/x");
  write("target/x/kept", "kept");
  write("outside", "outside");
  fs::create_hard_link(root_ / "outside", target_ + "/x/hard");
  fs::create_symlink("../../outside", target_ + "/x/soft");
  unpack_items({folder("x/"), file("x/hard", "new"), file("x/soft", "new")}, "x", target_);
  EXPECT_EQ(content("outside"), "outside");
  EXPECT_EQ(content("target/x/hard"), "new");
  EXPECT_EQ(content("target/x/soft"), "new");
  EXPECT_EQ(content("target/x/kept"), "kept");
  EXPECT_FALSE(fs::is_symlink(target_ + "/x/soft"));
}

TEST_F(ArchiveTest, ModesAndTimesAreKept) {
  umask(022);
  unpack_items({folder("x/", 0555), file("x/run", "", 0755), file("x/private", "", 0600), file("x/open", "", 0666)},
               "x", target_);
  EXPECT_EQ(mode("target/x"), 0555U);
  EXPECT_EQ(mode("target/x/run"), 0755U);
  EXPECT_EQ(mode("target/x/private"), 0600U);
  EXPECT_EQ(mode("target/x/open"), 0644U);
  struct stat status {};
  for (const char* path : {"target/x", "target/x/run"}) {
    ASSERT_EQ(stat((root_ / path).c_str(), &status), 0);
    EXPECT_EQ(status.st_mtim.tv_sec, 1'000'000'000) << path;
  }
  fs::permissions(target_ + "/x", fs::perms::owner_all);
}

TEST_F(ArchiveTest, LinksAreMadeAsTheyAre) {
  unpack_items({folder("x/"), symlink_to("x/absolute", "/etc/passwd"), symlink_to("x/up", "../.."), file("x/a", "1"),
                hard_link_to("x/b", "x/a")},
               "x", target_ + "/y");
  EXPECT_THAT(tree(), ElementsAre("target/", "target/y/", "target/y/a", "target/y/absolute -> /etc/passwd",
                                  "target/y/b", "target/y/up -> ../.."));
  EXPECT_EQ(fs::hard_link_count(target_ + "/y/a"), 2U);
}

// --- what a hostile archive tries

TEST_F(ArchiveTest, NamesThatLeadOutAreRefused) {
  EXPECT_THAT(refusal({folder("x/"), file("x/../../escaped")}), HasSubstr("refused the name 'x/../../escaped'"));
  EXPECT_THAT(refusal({folder("x/"), file("../escaped")}), HasSubstr("refused the name '../escaped'"));
  EXPECT_THAT(refusal({folder("x/"), file("/escaped")}), HasSubstr("refused the name '/escaped'"));
  EXPECT_THAT(refusal({folder("x/"), file("neighbour")}), HasSubstr("refused 'neighbour'"));
  EXPECT_THAT(refusal({file(".bashrc")}), HasSubstr("does not begin with 'x'"));
  EXPECT_THAT(refusal({file("x/a")}), HasSubstr("does not begin with 'x'"));
  EXPECT_THAT(refusal({file("../x")}), HasSubstr("refused the name '../x'"));
  EXPECT_THAT(tree(), ElementsAre("target/", "target/x/"));
}

TEST_F(ArchiveTest, ASymbolicLinkIsNeverWalkedThrough) {
  fs::create_directory(root_ / "outside");
  EXPECT_THAT(refusal({folder("x/"), symlink_to("x/l", root_ / "outside"), file("x/l/f")}),
              HasSubstr("refused to follow a symbolic link in 'x/l'"));
  EXPECT_THAT(refusal({folder("x/"), symlink_to("x/l", "../../outside"), folder("x/l/d/")}),
              HasSubstr("refused to follow a symbolic link in 'x/l'"));
  EXPECT_THAT(refusal({folder("x/"), folder("x/real/"), symlink_to("x/in", "real"), file("x/in/f")}),
              HasSubstr("refused to follow a symbolic link in 'x/in'"));
  EXPECT_TRUE(fs::is_empty(root_ / "outside"));
  EXPECT_TRUE(fs::is_empty(target_ + "/x/real"));
}

TEST_F(ArchiveTest, AFolderEntryOverALinkIsRefused) {
  fs::create_directory(root_ / "outside");
  EXPECT_THAT(refusal({folder("x/"), symlink_to("x/l", "../../outside"), folder("x/l/", 0777)}),
              HasSubstr("refused to follow a symbolic link in 'l'"));
  fs::remove_all(target_ + "/x");
  EXPECT_THAT(refusal({symlink_to("x", "../outside"), file("x/f")}),
              HasSubstr("refused to follow a symbolic link in 'x'"));
  EXPECT_TRUE(fs::is_empty(root_ / "outside"));
}

TEST_F(ArchiveTest, ATopThatIsALinkOnThisMachineIsRefused) {
  fs::create_directory(root_ / "outside");
  fs::create_symlink("../outside", target_ + "/x");
  EXPECT_THAT(refusal({folder("x/"), file("x/f")}), HasSubstr("refused to follow a symbolic link in 'x'"));
  EXPECT_TRUE(fs::is_empty(root_ / "outside"));
}

TEST_F(ArchiveTest, HardLinksOutsideAreRefused) {
  write("secret", "secret");
  EXPECT_THAT(refusal({folder("x/"), hard_link_to("x/h", "../secret")}), HasSubstr("refused the name '../secret'"));
  EXPECT_THAT(refusal({folder("x/"), hard_link_to("x/h", root_ / "secret")}), HasSubstr("refused the name"));
  EXPECT_THAT(refusal({folder("x/"), symlink_to("x/l", "../../secret"), hard_link_to("x/h", "x/l")}),
              HasSubstr("refused to follow a symbolic link in 'x/l'"));
  EXPECT_THAT(refusal({folder("x/"), folder("x/d/"), hard_link_to("x/h", "x/d")}), HasSubstr("is not a file"));
  EXPECT_FALSE(fs::exists(target_ + "/x/h"));
  EXPECT_EQ(fs::hard_link_count(root_ / "secret"), 1U);
}

TEST_F(ArchiveTest, DevicesAndPipesAreLeftOutAndSaid) {
  const auto left_out = unpack_items(
      {folder("x/"), {"x/null", AE_IFCHR, ""}, {"x/disk", AE_IFBLK, ""}, {"x/pipe", AE_IFIFO, ""}, file("x/f")}, "x",
      target_);
  EXPECT_THAT(left_out, ElementsAre("'x/null' is no file, folder or link", "'x/disk' is no file, folder or link",
                                    "'x/pipe' is no file, folder or link"));
  EXPECT_THAT(tree(), ElementsAre("target/", "target/x/", "target/x/f"));
  EXPECT_THAT(refusal({{"x", AE_IFIFO, ""}}), HasSubstr("cannot copy: 'x' is no file, folder or link"));
}

TEST_F(ArchiveTest, SetuidAndItsLikeAreDropped) {
  umask(022);
  unpack_items({folder("x/", 07777), file("x/su", "", 04755), file("x/sg", "", 02755)}, "x", target_);
  EXPECT_EQ(mode("target/x"), 0755U);
  EXPECT_EQ(mode("target/x/su"), 0755U);
  EXPECT_EQ(mode("target/x/sg"), 0755U);
}

TEST_F(ArchiveTest, AFolderIsNotReplacedByAFile) {
  fs::create_directories(target_ + "/x/d");
  write("target/x/d/kept", "kept");
  EXPECT_THAT(refusal({folder("x/"), file("x/d")}), HasSubstr("cannot replace 'x/d': it is a folder"));
  EXPECT_EQ(content("target/x/d/kept"), "kept");
  EXPECT_THAT(tree(), ElementsAre("target/", "target/x/", "target/x/d/", "target/x/d/kept"));
}

TEST_F(ArchiveTest, ACopyThatWasCutOffIsNoticedEverywhere) {
  const std::string whole = tar_of({folder("x/"), file("x/a", std::string(600, 'a')), file("x/b", "b")});
  for (size_t length = 0; length + 512 <= whole.size() - 512; length += 512) {
    EXPECT_THROW(unpack_bytes(whole.substr(0, length), "x", target_), base::Error) << length;
  }
  EXPECT_NO_THROW(unpack_bytes(whole, "x", target_));
}

TEST_F(ArchiveTest, ACopyThatWasCutOffIsCalledThat) {
  const std::string whole = tar_of({folder("x/"), file("x/a", std::string(6000, 'a')), file("x/b", "b")});
  // In a header, at an entry's border, in a file.
  for (const size_t length : {100U, 512U, 2048U}) {
    try {
      unpack_bytes(whole.substr(0, length), "x", target_);
      ADD_FAILURE() << length;
    } catch (const base::Error& error) {
      EXPECT_THAT(error.what(), testing::StartsWith("the copy from the sandbox was cut off (the sandbox has ended, or"))
          << length;
    }
  }
}

TEST_F(ArchiveTest, WhatIsNoTarIsRefused) {
  EXPECT_THROW(unpack_bytes("", "x", target_), base::Error);
  EXPECT_THROW(unpack_bytes(std::string(5000, 'z'), "x", target_), base::Error);
  EXPECT_THROW(unpack_bytes(std::string(10240, '\0'), "x", target_), base::Error);
  EXPECT_THROW(unpack_bytes("\x1f\x8b\x08" + std::string(500, '\0'), "x", target_), base::Error);
  EXPECT_THAT(tree(), ElementsAre("target/"));
}

// --- there and back

TEST_F(ArchiveTest, ATreeSurvivesTheRoundTrip) {
  umask(022);
  fs::create_directories(root_ / "src/empty");
  fs::create_directories(root_ / "src/deep/er");
  write("src/deep/er/file", std::string(700'000, 'q'));
  write("src/with space\nand newline", "odd");
  write("src/\xff invalid", "utf-8");
  write("src/" + std::string(200, 'n'), "long");
  write("src/nothing", "");
  fs::create_hard_link(root_ / "src/nothing", root_ / "src/second");
  fs::create_symlink("deep/er/file", root_ / "src/link");
  ASSERT_EQ(mkfifo((root_ / "src/pipe").c_str(), 0600), 0);
  fs::permissions(root_ / "src/nothing", fs::perms(0500));

  const std::string archive_path = root_ / "archive";
  {
    const base::Fd out = base::open_file(archive_path, O_WRONLY | O_CREAT);
    EXPECT_THAT(pack({.path = root_ / "src", .name = "renamed", .output = out.get()}),
                ElementsAre("'" + root_ / "src/pipe" + "' is no file, folder or link"));
  }
  const base::Fd in = base::open_file(archive_path, O_RDONLY);
  EXPECT_TRUE(unpack({.input = in.get(), .top = "renamed", .target = open_target(target_)}).empty());

  EXPECT_EQ(content("target/renamed/deep/er/file"), std::string(700'000, 'q'));
  EXPECT_EQ(content("target/renamed/with space\nand newline"), "odd");
  EXPECT_EQ(content("target/renamed/\xff invalid"), "utf-8");
  EXPECT_EQ(content("target/renamed/" + std::string(200, 'n')), "long");
  EXPECT_EQ(mode("target/renamed/nothing"), 0500U);
  EXPECT_EQ(fs::hard_link_count(target_ + "/renamed/second"), 2U);
  EXPECT_EQ(fs::read_symlink(target_ + "/renamed/link"), "deep/er/file");
  EXPECT_TRUE(fs::is_directory(target_ + "/renamed/empty"));
  EXPECT_FALSE(fs::exists(target_ + "/renamed/pipe"));
}

TEST_F(ArchiveTest, PackFollowsALinkOnlyWhenTold) {
  write("file", "text");
  fs::create_symlink("file", root_ / "link");
  for (const bool follow : {false, true}) {
    const base::Fd out = base::open_file(root_ / "archive", O_RDWR | O_CREAT | O_TRUNC);
    pack({.path = root_ / "link", .name = "x", .follow_link = follow, .output = out.get()});
    lseek(out.get(), 0, SEEK_SET);
    unpack({.input = out.get(), .top = "x", .target = open_target(target_)});
    EXPECT_EQ(fs::is_symlink(target_ + "/x"), !follow);
  }
  EXPECT_EQ(content("target/x"), "text");
}

TEST_F(ArchiveTest, AFileWithoutASizeIsReadToItsEnd) {
  const base::Fd out = base::open_file(root_ / "out", O_RDWR | O_CREAT | O_TRUNC);
  pack({.path = "/proc/version", .name = "version", .output = out.get()});
  lseek(out.get(), 0, SEEK_SET);
  unpack({.input = out.get(), .top = "version", .target = open_target(target_)});
  EXPECT_EQ(base::read_file(target_ + "/version"), base::read_file("/proc/version"));
}

TEST_F(ArchiveTest, PackSaysWhatItCannotRead) {
  const base::Fd out = base::open_file("/dev/null", O_WRONLY);
  EXPECT_THROW(pack({.path = root_ / "none", .name = "x", .output = out.get()}), base::Error);
}

}  // namespace
}  // namespace caisson::cli
