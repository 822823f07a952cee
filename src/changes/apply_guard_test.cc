// SPDX-License-Identifier: Apache-2.0

// What an apply leaves as it is, whatever the guest asks for and the host does meanwhile.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "changes/apply.h"
#include "changes/change_set_for_test.h"
#include "changes/stage.h"

namespace caisson::changes {
namespace {

using ::testing::HasSubstr;

class ApplyGuardTest : public ChangesTest {};

TEST_F(ApplyGuardTest, NothingIsOpenedToOthers) {
  host({{"a", file_node("1")}, {"d", folder_node(0750)}, {"g", file_node("1", 0664)}, {"s", file_node("1", 04755)}});
  Stream stream;
  stream.add("a", file_node("2", 0666)).add("d", folder_node(0777)).add("d/new", file_node("n", 0666));
  stream.add("g", file_node("2", 0777)).opaque("n", 0777).add("n/m", file_node("m", 0777));
  stream.add("s", file_node("2", 0777));
  apply_all(compared(stream).changes);
  EXPECT_EQ(host(), (Tree{{"a", file_node("2")},
                          {"d", folder_node()},
                          {"d/new", file_node("n")},
                          {"g", file_node("2", 0775)},
                          {"n", folder_node()},
                          {"n/m", file_node("m", 0755)},
                          {"s", file_node("2", 0755)}}));
  EXPECT_TRUE(compared(stream).changes.empty());
}

TEST_F(ApplyGuardTest, WhatIsNewHasTheUmask) {
  host({{"old", folder_node(0775)}, {"old/a", file_node("a", 0664)}});
  ::umask(077);
  Stream stream;
  stream.add("f", file_node("f", 0666)).opaque("n").add("n/m", file_node("m")).renamed("new", "old", 0775);
  stream.add("new/b", file_node("b", 0664)).removed("old");
  apply_all(compared(stream).changes);
  // What was renamed is not new.
  EXPECT_EQ(host(), (Tree{{"f", file_node("f", 0600)},
                          {"n", folder_node(0700)},
                          {"n/m", file_node("m", 0600)},
                          {"new", folder_node(0775)},
                          {"new/a", file_node("a", 0664)},
                          {"new/b", file_node("b", 0600)}}));
  EXPECT_TRUE(compared(stream).changes.empty());
}

TEST_F(ApplyGuardTest, AModeIsSetOnWhatWasLookedAtAlone) {
  const Tree before = {{"a", file_node("1")}, {"b", file_node("1")}};
  const std::vector<std::function<void()>> disturbances = {
      [&] { base::write_file_atomic(host_ + "/b", "1", 0644); },
      [&] { ASSERT_EQ(::chmod((host_ + "/b").c_str(), 04644), 0); },
      [&] { ASSERT_EQ(::chmod((host_ + "/b").c_str(), 0600), 0); }};
  for (const auto& disturb : disturbances) {
    host(before);
    const ChangeSet set = compared(Stream().add("a", file_node("1", 0755)).add("b", file_node("1", 0755)));
    disturb();
    const Tree expected = host();
    EXPECT_THAT(error_of_apply(set.changes), HasSubstr("'b' was changed on the host meanwhile"));
    EXPECT_EQ(host(), expected);
    for (const auto& [path, unused] : host()) std::filesystem::remove_all(host_ + "/" + path);
  }
}

TEST_F(ApplyGuardTest, ARenamedFolderIsCopiedAsItWasLookedAt) {
  const Tree before = {{".env", file_node("secret")}, {"old", folder_node()}, {"old/a", file_node("a")}};
  host(before);
  const ChangeSet set = compared(Stream().renamed("new", "old"));
  ASSERT_EQ(set.changes.back().source, "old/a");
  // By then it is another name of a file that is hidden.
  ASSERT_EQ(::unlink((host_ + "/old/a").c_str()), 0);
  link_host(".env", "old/a");
  EXPECT_THAT(error_of_apply(set.changes), HasSubstr("'old/a' was changed on the host meanwhile"));
  EXPECT_EQ(host(), (Tree{{".env", file_node("secret")}, {"old", folder_node()}, {"old/a", file_node("secret")}}));
}

// What changes while the user is asked, in as many entries as there were.
TEST_F(ApplyGuardTest, WhatTheHostChangedInAFolderThatGoesStays) {
  const Tree before = {{"a", file_node("1")},       {"old", folder_node()},   {"old/a", file_node("a")},
                       {"old/b", file_node("b")},   {"old/s", folder_node()}, {"old/s/c", file_node("c")},
                       {"old/t", link_node("away")}};
  const std::string old = host_ + "/old";
  const std::vector<std::function<void()>> disturbances = {
      [&] { base::write_file_atomic(old + "/a", "mine", 0644); },
      [&] { std::filesystem::rename(old + "/b", old + "/new-name"); },
      [&] { std::filesystem::rename(old + "/s/c", old + "/c"); },
      [&] {
        base::write_file_atomic(old + "/a", "mine", 0644);
        std::filesystem::rename(old + "/b", old + "/new-name");
      },
      [&] {
        std::filesystem::rename(old + "/s", temp_ / "moved");
        make_tree(host_, {{"old/s", folder_node()}, {"old/s/c", file_node("c")}});
      },
      [&] {
        std::filesystem::rename(old + "/t", temp_ / "moved");
        std::filesystem::create_symlink("mine", old + "/t");
      }};
  for (const Tree& after : {Tree{{"a", file_node("2")}}, Tree{{"a", file_node("2")}, {"old", file_node("a file")}}}) {
    for (size_t i = 0; i < disturbances.size(); ++i) {
      host(before);
      const ChangeSet set = compared(stream_between(before, after));
      disturbances[i]();
      const Tree expected = host();
      EXPECT_THAT(error_of_apply(set.changes), HasSubstr("was changed on the host meanwhile (nothing was changed"))
          << i;
      EXPECT_EQ(host(), expected) << i;
      EXPECT_FALSE(std::filesystem::exists(journal_));
      for (const auto& [path, unused] : host()) std::filesystem::remove_all(host_ + "/" + path);
      std::filesystem::remove_all(temp_ / "moved");
    }
  }
}

// The superuser in another user's folder: that user owns all that is new, and may rename the stage at any time.
TEST_F(ApplyGuardTest, AnotherUsersFolderIsThatUsers) {
  if (::geteuid() != 0) GTEST_SKIP() << "for the superuser only";
  constexpr uid_t kOther = 65534;
  host({{"a", file_node("1")}});
  ASSERT_EQ(::chown((host_ + "/a").c_str(), kOther, kOther), 0);
  ASSERT_EQ(::chown(host_.c_str(), kOther, kOther), 0);
  Stream stream;
  stream.add("a", file_node("2")).add("l", link_node("a")).opaque("n").add("n/m", file_node("m"));
  const ChangeSet set = compared(stream);
  apply_all(set.changes);
  for (const char* path : {"a", "l", "n", "n/m"}) EXPECT_EQ(root().look(path).uid, kOther) << path;

  // Another folder in the stage's place, before each step: it is not taken for the stage, and stays.
  for (const auto& [owner, mode] : {std::pair<uid_t, mode_t>{kOther, 0700}, {0, 0755}}) {
    const std::string other = temp_ / "other";
    make_tree(temp_.path(), {{"other", folder_node(mode)}, {"other/1", file_node("other")}});
    ASSERT_EQ(::chown(other.c_str(), owner, owner), 0);
    int step = 0;
    std::string name;
    const ChangeSet more = compared(Stream().add("a", file_node("3")));
    const std::string error = error_of_apply(more.changes, [&] {
      if (step++ != 2) return;
      for (const auto& entry : std::filesystem::directory_iterator(host_)) {
        if (entry.path().filename().string().starts_with(kStagePrefix)) name = entry.path().string();
      }
      ASSERT_FALSE(name.empty());
      std::filesystem::rename(name, temp_ / "taken");
      std::filesystem::rename(other, name);
    });
    EXPECT_THAT(error, HasSubstr("is not the one that was made there"));
    EXPECT_EQ(host().at("a").text, "2");
    EXPECT_EQ(base::read_file(name + "/1"), "other");
    std::filesystem::remove_all(name);
    std::filesystem::remove_all(temp_ / "taken");
    recover(journal_);
    EXPECT_FALSE(std::filesystem::exists(journal_));
  }
}

TEST_F(ApplyGuardTest, AFullLogChangesNothing) {
  const Tree before = {{"a", file_node("1")}};
  host(before);
  const ChangeSet set = compared(Stream().add("a", file_node("2")).opaque("n").add("n/b", file_node("b")));
  base::write_file_atomic(log_, "");
  // Three lines find no room; of what is made in the folder each file has its own.
  ASSERT_EQ(::truncate(log_.c_str(), kMostNotedBytes - 2 * kMostStateBytes), 0);
  EXPECT_THAT(error_of_apply(set.changes), HasSubstr("has seen is full (nothing was changed"));
  EXPECT_EQ(host(), before);
  EXPECT_FALSE(std::filesystem::exists(journal_));
}

TEST_F(ApplyGuardTest, TheLogStaysWithinItsBound) {
  host({{"a", file_node("1")}, {"b", file_node("1")}});
  const ChangeSet set = compared(Stream().add("a", file_node("2")).add("b", file_node("2")));
  base::write_file_atomic(log_, "");
  // The share notes something meanwhile: one line is left.
  const std::string error = error_of_apply(set.changes, [&] {
    if (std::filesystem::file_size(log_) == 0) (void)!::truncate(log_.c_str(), kMostNotedBytes - kMostStateBytes);
  });
  EXPECT_EQ(error, "");
  EXPECT_EQ(host(), (Tree{{"a", file_node("2")}, {"b", file_node("2")}}));
  EXPECT_GT(std::filesystem::file_size(log_), kMostNotedBytes - kMostStateBytes);
  EXPECT_LE(std::filesystem::file_size(log_), kMostNotedBytes);
}

TEST_F(ApplyGuardTest, ALineOfTheLogIsNoLongerThanItsBound) {
  HostFile file;
  file.device = file.inode = file.size = UINT64_MAX;
  file.mtime_ns = file.ctime_ns = INT64_MIN;
  EXPECT_LE(baseline_line(file).size(), kMostStateBytes);
}

}  // namespace
}  // namespace caisson::changes
