// SPDX-License-Identifier: Apache-2.0

#include "changes/known_names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/process.h"
#include "changes/change_set_for_test.h"
#include "changes/git_index.h"
#include "changes/report.h"

namespace caisson::changes {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class KnownNamesTest : public ChangesTest {
 protected:
  // The host's folder as it is now is what the sandbox got.
  void sandbox_gets_it() { note_all_names(root(), names_); }
  void remove_on_host(const std::string& path) { std::filesystem::remove_all(host_ + "/" + path); }
  static std::vector<std::string> conflicts(const ChangeSet& set) {
    std::vector<std::string> lines;
    for (const Change& change : set.changes) {
      if (change.conflict) lines.push_back(change.path + " " + host_side(change));
    }
    return lines;
  }
  static std::vector<std::string> known_paths(const ChangeSet& set) {
    std::vector<std::string> paths;
    for (const Change& change : set.changes) paths.push_back(change.path);
    return paths;
  }

  void git(std::vector<std::string> words) {
    words.insert(words.begin(), {"git", "-C", host_, "-c", "user.name=t", "-c", "user.email=t@example.org"});
    base::SpawnOptions spawn;
    spawn.argv = std::move(words);
    spawn.environment = {"PATH=/usr/bin:/bin", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null"};
    ASSERT_TRUE(base::run_program(spawn).status.ok());
  }
  std::string index() const { return base::read_file(host_ + "/.git/index"); }
  // Only when its files were looked at last is another time.
  void look_as_git_status_does() {
    std::filesystem::last_write_time(host_ + "/a",
                                     std::filesystem::file_time_type::clock::now() - std::chrono::hours(1));
    const std::string before = index();
    git({"update-index", "--refresh"});
    ASSERT_NE(index(), before);
  }
  ChangeSet with_index(const std::string& bytes) {
    return compared(Stream().add(".git", folder_node()).add(".git/index", file_node(bytes)));
  }
};

TEST_F(KnownNamesTest, OfEachNameWhatItWas) {
  host({{"d", folder_node()}, {"d/f", file_node("1")}, {"l", link_node("d")}});
  EXPECT_EQ(KnownNames(names_).at("d"), Known::kUnknown) << "there is no note yet";
  sandbox_gets_it();
  const KnownNames known(names_);
  EXPECT_EQ(known.at("d"), Known::kFolder);
  EXPECT_EQ(known.at("d/f"), Known::kFile);
  EXPECT_EQ(known.at("l"), Known::kFile);
  EXPECT_EQ(known.at("d/g"), Known::kNothing);
  EXPECT_EQ(KnownNames().at("d"), Known::kUnknown);
}

TEST_F(KnownNamesTest, OfAnEmptyFolderItIsKnownThatNothingWasThere) {
  sandbox_gets_it();
  EXPECT_EQ(KnownNames(names_).at("a"), Known::kNothing);
}

TEST_F(KnownNamesTest, ItIsNotedOnce) {
  host({{"a", file_node("1")}});
  sandbox_gets_it();
  remove_on_host("a");
  sandbox_gets_it();
  EXPECT_EQ(KnownNames(names_).at("a"), Known::kFile);
}

TEST_F(KnownNamesTest, WhatTheHostRemovedIsAConflict) {
  host({{"a", file_node("1")}, {"d", folder_node()}, {"d/x", file_node("2")}, {"l", link_node("a")}});
  sandbox_gets_it();
  for (const char* gone : {"a", "d", "l"}) remove_on_host(gone);
  Stream stream;
  stream.add("a", file_node("changed")).add("d", folder_node()).add("d/new", file_node("n"));
  stream.add("d/x", file_node("changed")).add("l", link_node("d")).add("m", file_node("new"));
  EXPECT_THAT(conflicts(compared(stream)), ElementsAre("a was removed on the host", "d was removed on the host",
                                                       "d/x was removed on the host", "l was removed on the host"));
}

TEST_F(KnownNamesTest, WhatBothRemovedIsNoChange) {
  host({{"a", file_node("1")}});
  sandbox_gets_it();
  remove_on_host("a");
  EXPECT_THAT(compared(Stream().removed("a")).changes, IsEmpty());
}

TEST_F(KnownNamesTest, WhatTheSandboxMovedIsNew) {
  host({{"a", file_node("1")}});
  sandbox_gets_it();
  EXPECT_THAT(conflicts(compared(Stream().removed("a").add("b", file_node("1")))), IsEmpty());
}

TEST_F(KnownNamesTest, WhatWasMaskedIsNoConflict) {
  host({{".env", file_node("1")}});
  sandbox_gets_it();
  remove_on_host(".env");
  const ChangeSet set =
      compared(Stream().add(".env", file_node("2")), [](std::string_view path) { return path == ".env"; });
  EXPECT_THAT(conflicts(set), IsEmpty());
}

TEST_F(KnownNamesTest, WhatTheHostMadeAFolderIsAConflict) {
  host({{"a", file_node("1")}, {"b", file_node("1")}, {"old", folder_node()}});
  sandbox_gets_it();
  remove_on_host("a");
  remove_on_host("b");
  host({{"a", folder_node()}, {"b", folder_node()}, {"n", folder_node()}});
  Stream stream;
  stream.add("a", file_node("2")).removed("b").add("n", file_node("3")).add("old", file_node("4"));
  EXPECT_THAT(conflicts(compared(stream)), ElementsAre("a became a folder on the host", "b became a folder on the host",
                                                       "n became a folder on the host"));
}

// It is in the sandbox, and was on the host.
TEST_F(KnownNamesTest, WhatWasAppliedAndRemovedIsAConflict) {
  sandbox_gets_it();
  Stream stream;
  stream.add("d", folder_node()).add("d/new", file_node("n"));
  apply_all(compared(stream).changes);
  remove_on_host("d");
  EXPECT_THAT(conflicts(compared(stream)), ElementsAre("d was removed on the host", "d/new was removed on the host"));
}

TEST_F(KnownNamesTest, WhatAnApplyRemovedMayComeAgain) {
  host({{"a", file_node("1")},
        {"d", folder_node()},
        {"d/x", file_node("2")},
        {"s", folder_node()},
        {"s/y", file_node("3")}});
  sandbox_gets_it();
  apply_all(compared(Stream().removed("a").removed("d").add("s", file_node("s"))).changes);
  Stream again;
  again.add("a", file_node("1")).opaque("d").add("d/x", file_node("2")).opaque("s").add("s/y", file_node("3"));
  const ChangeSet set = compared(again);
  EXPECT_THAT(known_paths(set), ElementsAre("a", "d", "d/x", "s", "s/y"));
  EXPECT_THAT(conflicts(set), IsEmpty());
}

TEST_F(KnownNamesTest, AnIndexThatTheHostRefreshedIsNoConflict) {
  host({{"a", file_node("1")}, {"b", file_node("2")}});
  git({"init", "--quiet"});
  git({"add", "a"});
  sandbox_gets_it();
  const std::string at_first = index();
  git({"add", "b"});
  const std::string theirs = index();
  git({"rm", "--quiet", "--cached", "b"});
  look_as_git_status_does();
  started_ns_ = 0;  // all that the host has is new
  EXPECT_EQ(entries_of_index(index()), entries_of_index(at_first));
  const ChangeSet set = with_index(theirs);
  EXPECT_THAT(known_paths(set), ElementsAre(".git/index"));
  EXPECT_THAT(conflicts(set), IsEmpty());
}

TEST_F(KnownNamesTest, AnIndexThatTheSandboxRefreshedIsNoChange) {
  host({{"a", file_node("1")}, {"b", file_node("2")}});
  git({"init", "--quiet"});
  git({"add", "a"});
  sandbox_gets_it();
  look_as_git_status_does();
  const std::string refreshed = index();
  git({"add", "b"});
  started_ns_ = 0;
  EXPECT_THAT(with_index(refreshed).changes, IsEmpty()) << "the host has changed it since";
  EXPECT_THAT(with_index(index()).changes, IsEmpty()) << "they are equal";
}

TEST_F(KnownNamesTest, AnIndexThatBothChangedIsAConflict) {
  host({{"a", file_node("1")}, {"b", file_node("2")}, {"c", file_node("3")}});
  git({"init", "--quiet"});
  git({"add", "a"});
  sandbox_gets_it();
  git({"add", "b"});
  const std::string theirs = index();
  git({"rm", "--quiet", "--cached", "b"});
  git({"add", "c"});
  started_ns_ = 0;
  EXPECT_THAT(conflicts(with_index(theirs)), ElementsAre(".git/index was changed on the host"));
  // What cannot be read says nothing.
  EXPECT_THAT(conflicts(with_index("no index")), ElementsAre(".git/index was changed on the host"));
}

TEST_F(KnownNamesTest, AnAppliedIndexIsKnown) {
  host({{"a", file_node("1")}, {"b", file_node("2")}});
  git({"init", "--quiet"});
  git({"add", "a"});
  sandbox_gets_it();
  const std::string at_first = index();
  git({"add", "b"});
  const std::string theirs = index();
  base::write_file_atomic(host_ + "/.git/index", at_first);
  apply_all(with_index(theirs).changes);
  look_as_git_status_does();
  started_ns_ = 0;
  const ChangeSet set = with_index("anything else");
  EXPECT_THAT(known_paths(set), ElementsAre(".git/index"));
  EXPECT_THAT(conflicts(set), IsEmpty());
}

TEST(KnownNamesOfIndexes, EntriesAreTheSameWhateverTheirFormIs) {
  base::TempFolder temp;
  const std::string folder = temp / "r";
  auto git = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {"git", "-C", folder});
    ASSERT_TRUE(base::run_program({.argv = words}).status.ok());
  };
  std::filesystem::create_directory(folder);
  for (const char* name : {"a", "b", "long-name-in-common-1", "long-name-in-common-2"})
    base::write_file_atomic(folder + "/" + name, name);
  git({"init", "--quiet"});
  git({"add", "."});
  auto entries = [&] { return entries_of_index(base::read_file(folder + "/.git/index")); };
  const auto first = entries();
  ASSERT_TRUE(first);
  git({"update-index", "--index-version", "4"});
  EXPECT_EQ(entries(), first);
  git({"update-index", "--untracked-cache"});
  EXPECT_EQ(entries(), first) << "another extension";
  git({"update-index", "--chmod=+x", "a"});
  EXPECT_NE(entries(), first);
  git({"update-index", "--chmod=-x", "a"});
  EXPECT_EQ(entries(), first);
  git({"update-index", "--assume-unchanged", "a"});
  EXPECT_NE(entries(), first);
  git({"update-index", "--split-index"});
  EXPECT_FALSE(entries()) << "it is elsewhere";
}

}  // namespace
}  // namespace caisson::changes
