// SPDX-License-Identifier: Apache-2.0

// A plain folder that looks like an overlay's upper one. Its attributes are the user's, since only root may write the
// kernel's; whiteouts anybody may make (since Linux 5.8).

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "base/temp_folder_for_test.h"
#include "guest/changes_list.h"
#include "guest/discard.h"
#include "link/change_format.h"

namespace caisson::guest {
namespace {

using ::testing::ElementsAre;

constexpr const char* kUsersAttributes = "user.overlay.";

class ChangesListTest : public testing::Test {
 protected:
  void folder(const std::string& path, const char* attribute = nullptr, const std::string& value = "y") {
    ASSERT_EQ(::mkdir((upper_ / path).c_str(), 0750), 0);
    if (attribute != nullptr && ::setxattr((upper_ / path).c_str(), attribute, value.data(), value.size(), 0) != 0)
      GTEST_SKIP() << "this file system has no attributes for users";
  }
  void file(const std::string& path, const std::string& text) { base::write_file_atomic(upper_ / path, text, 0640); }
  void whiteout(const std::string& path) {
    if (::mknod((upper_ / path).c_str(), S_IFCHR, makedev(0, 0)) != 0)
      GTEST_SKIP() << "this kernel lets only root make whiteouts";
  }
  base::Fd upper() const { return base::open_file(upper_.path(), O_RDONLY | O_DIRECTORY); }

  // One line for each record, as the host reads it.
  std::vector<std::string> listed(bool content) {
    base::Fd out = base::open_file(out_ / "records", O_RDWR | O_CREAT | O_TRUNC);
    list_changes(upper(), out.get(), {.content = content, .attributes = kUsersAttributes});
    const std::string bytes = base::read_file(out_ / "records");
    std::vector<std::string> lines;
    link::ChangeDecoder decoder(
        {.record =
             [&](const link::ChangeRecord& record) {
               lines.push_back(std::string(1, "?dflwxe"[static_cast<int>(record.kind)]) + " " + record.path +
                               (record.opaque ? " opaque" : "") + (record.target.empty() ? "" : " " + record.target));
             },
         .content =
             [&](std::span<const uint8_t> part) { lines.back() += ":" + std::string(part.begin(), part.end()); }});
    decoder.feed({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
    EXPECT_TRUE(decoder.ended());
    return lines;
  }

  void discard(const std::vector<std::string>& paths) {
    const base::Fd from = upper();
    const base::Fd host = base::open_file(host_.path(), O_PATH | O_DIRECTORY);
    discard_changes({.upper = from, .lower = host, .attributes = kUsersAttributes}, paths);
  }

  base::TempFolder upper_;
  base::TempFolder host_;
  base::TempFolder out_;
};

TEST_F(ChangesListTest, NamesAndContent) {
  folder("d");
  file("d/a", "text");
  file("d-", "x");
  ASSERT_EQ(::symlink("../away", (upper_ / "d/l").c_str()), 0);
  EXPECT_THAT(listed(false), ElementsAre("d d", "f d/a", "l d/l ../away", "f d-", "e "));
  EXPECT_THAT(listed(true), ElementsAre("d d", "f d/a:text", "l d/l ../away", "f d-:x", "e "));
}

TEST_F(ChangesListTest, WhatTheOverlayNotes) {
  whiteout("gone");
  folder("new", "user.overlay.opaque");
  folder("renamed", "user.overlay.redirect", "/old/place");
  folder("renamed/plain");
  folder("renamed/plain/here", "user.overlay.redirect", "name");
  folder("top", "user.overlay.redirect", "other");
  EXPECT_THAT(listed(false), ElementsAre("w gone", "d new opaque", "d renamed old/place", "d renamed/plain",
                                         "d renamed/plain/here old/place/plain/name", "d top other", "e "));
}

TEST_F(ChangesListTest, WhatIsNoFileIsNamed) {
  ASSERT_EQ(::mkfifo((upper_ / "pipe").c_str(), 0600), 0);
  EXPECT_THAT(listed(true), ElementsAre("x pipe", "e "));
}

TEST_F(ChangesListTest, ARedirectThatLeadsOutIsNone) {
  folder("a", "user.overlay.redirect", "/../../etc");
  folder("b", "user.overlay.redirect", "..");
  EXPECT_THAT(listed(false), ElementsAre("d a", "d b", "e "));
}

TEST_F(ChangesListTest, WhetherThereIsAnything) {
  EXPECT_FALSE(has_entries(upper()));
  file("a", "");
  EXPECT_TRUE(has_entries(upper()));
}

TEST_F(ChangesListTest, ADeepTreeIsListed) {
  base::Fd at = upper();
  constexpr size_t kLevels = 2040;  // "d/d/…/d" is as long as a path may be
  for (size_t i = 0; i < kLevels; ++i) {
    ASSERT_EQ(::mkdirat(at.get(), "d", 0700), 0);
    at = base::open_file("d", O_RDONLY | O_DIRECTORY, 0, at.get());
  }
  EXPECT_EQ(listed(true).size(), kLevels + 1);
  // One that is deeper still is no path for the host.
  for (size_t i = 0; i < 20; ++i) {
    ASSERT_EQ(::mkdirat(at.get(), "d", 0700), 0);
    at = base::open_file("d", O_RDONLY | O_DIRECTORY, 0, at.get());
  }
  EXPECT_THAT(listed(true).back(), testing::HasSubstr("is too long"));
  discard({"d"});
  EXPECT_THAT(listed(false), ElementsAre("e "));
}

TEST_F(ChangesListTest, PartsAreDiscarded) {
  folder("d");
  folder("d/e");
  file("d/e/f", "1");
  file("d/g", "2");
  file("h", "3");
  discard({"d/e", "not/there", "h/below", "h"});
  EXPECT_THAT(listed(false), ElementsAre("d d", "f d/g", "e "));
  EXPECT_THROW(discard({"../x"}), base::Error);
  discard({});
  EXPECT_THAT(listed(false), ElementsAre("e "));
}

TEST_F(ChangesListTest, AFolderOfTheHostsIsEmptiedAndLooksAsThere) {
  std::filesystem::create_directories(host_ / "d/e");
  std::filesystem::create_directories(host_ / "new");
  ASSERT_EQ(::chmod((host_ / "d").c_str(), 0711), 0);
  folder("d");
  folder("d/e");
  folder("d/mine");
  file("d/e/f", "1");
  file("d/mine/g", "2");
  folder("new", "user.overlay.opaque");
  file("new/h", "3");
  folder("there", "user.overlay.redirect", "/d/e");
  discard({"d", "new", "there"});
  EXPECT_THAT(listed(false), ElementsAre("d d", "d d/e", "e "));
  struct stat info {};
  ASSERT_EQ(::stat((upper_ / "d").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777U, 0711U);
}

TEST_F(ChangesListTest, InARenamedFolderTheHostsIsTheOneThatItWas) {
  std::filesystem::create_directories(host_ / "old/sub");
  std::filesystem::create_directories(host_ / "new/other");
  folder("new", "user.overlay.redirect", "old");
  folder("new/sub");
  file("new/sub/f", "1");
  folder("new/other");
  discard({"new/sub", "new/other"});
  EXPECT_THAT(listed(false), ElementsAre("d new old", "d new/sub", "e "));
}

TEST_F(ChangesListTest, ALinkIsDiscardedAndNotFollowed) {
  file("d", "stays");
  ASSERT_EQ(::symlink(out_.path().c_str(), (upper_ / "l").c_str()), 0);
  base::write_file_atomic(out_ / "mine", "text");
  discard({"l/mine", "l"});
  EXPECT_TRUE(std::filesystem::exists(out_ / "mine"));
  EXPECT_THAT(listed(false), ElementsAre("f d", "e "));
}

}  // namespace
}  // namespace caisson::guest
