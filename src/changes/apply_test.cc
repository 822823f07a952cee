// SPDX-License-Identifier: Apache-2.0

#include "changes/apply.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/small_disk_for_test.h"
#include "changes/change_set_for_test.h"
#include "sys/in_child_for_test.h"

namespace caisson::changes {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// What would be thrown in a child must not reach the test's own frames.
template <typename Body>
int in_child(Body body) {
  return sys::in_child([&] {
    try {
      return body();
    } catch (const base::Error& error) {
      std::fprintf(stderr, "%s\n", error.what());
      return 99;
    }
  });
}

class ApplyTest : public ChangesTest {
 protected:
  // The host's folder becomes `after`, in one apply of what a sandbox would say.
  void expect_becomes(const Tree& before, const Tree& after) {
    host(before);
    ASSERT_EQ(host(), before);
    apply_all(compared(stream_between(before, after)).changes);
    EXPECT_EQ(host(), after);
    EXPECT_FALSE(std::filesystem::exists(journal_));
    EXPECT_TRUE(compared(stream_between(before, after)).changes.empty());
  }
};

TEST_F(ApplyTest, FilesFoldersAndLinks) {
  expect_becomes({{"a", file_node("one")},
                  {"b", file_node("two", 0600)},
                  {"d", folder_node()},
                  {"d/x", file_node("x")},
                  {"d/y", file_node("y")},
                  {"gone", folder_node()},
                  {"gone/deep", folder_node()},
                  {"gone/deep/file", file_node("z")},
                  {"l", link_node("a")}},
                 {{"a", file_node("ONE", 0755)},
                  {"d", folder_node(0700)},
                  {"d/x", file_node("x")},
                  {"d/z", file_node("z")},
                  {"l", link_node("b")},
                  {"new", folder_node(0750)},
                  {"new/deep", folder_node()},
                  {"new/deep/file", file_node("n", 0600)},
                  {"new/link", link_node("deep/file")}});
}

TEST_F(ApplyTest, EachTypeBecomesEachOther) {
  expect_becomes({{"1", file_node("f")},
                  {"2", file_node("f")},
                  {"3", folder_node()},
                  {"3/in", file_node("i")},
                  {"4", folder_node()},
                  {"4/in", folder_node()},
                  {"4/in/deep", link_node("x")},
                  {"5", link_node("x")},
                  {"6", link_node("x")}},
                 {{"1", folder_node()},
                  {"1/in", file_node("i")},
                  {"2", link_node("y")},
                  {"3", file_node("f")},
                  {"4", link_node("y")},
                  {"5", file_node("f")},
                  {"6", folder_node()},
                  {"6/in", link_node("..")}});
}

TEST_F(ApplyTest, NamesAreBytes) {
  const std::string odd = "a\nb\xff\x01 \"'\\";
  expect_becomes({{odd, file_node("one")}, {"-rf", file_node("two")}},
                 {{odd, folder_node()}, {odd + "/" + odd, file_node("three")}, {"*", file_node("")}});
}

TEST_F(ApplyTest, DeepPaths) {
  Tree after;
  std::string path;
  while (path.size() < 3800) {
    path += path.empty() ? "d" : "/d";
    after[path] = folder_node();
  }
  after[path + "/file"] = file_node("deep");
  host({});
  apply_all(compared(stream_between({}, after)).changes);
  // (The test's own way of looking takes whole paths, which are too long for it.)
  EXPECT_EQ(root().look(path + "/file").size, 4U);
  EXPECT_EQ(compared(stream_between({}, after)).changes.size(), 0U);
  Stream removal;
  apply_all(compared(removal.removed("d")).changes);
  EXPECT_EQ(host(), Tree());
}

TEST_F(ApplyTest, ARenamedFolderIsCopiedFromTheHostsFiles) {
  host({{"old", folder_node()}, {"old/a", file_node("a", 0755)}, {"old/b", file_node("b")}, {"old/l", link_node("a")}});
  Stream stream;
  stream.renamed("new", "old").add("new/b", file_node("B")).removed("old");
  apply_all(compared(stream).changes);
  EXPECT_EQ(host(), (Tree{{"new", folder_node()},
                          {"new/a", file_node("a", 0755)},
                          {"new/b", file_node("B")},
                          {"new/l", link_node("a")}}));
}

TEST_F(ApplyTest, FoldersThatAreClosedStayClosed) {
  const Tree before = {{"d", folder_node(0755)}, {"d/x", file_node("x")}};
  const Tree after = {{"d", folder_node(0555)},
                      {"d/x", file_node("y")},
                      {"n", folder_node(0500)},
                      {"n/m", folder_node(0555)},
                      {"n/m/f", file_node("f", 0400)}};
  expect_becomes(before, after);
  // So that the test's folder can be removed.
  for (const char* path : {"d", "n", "n/m"}) ::chmod((host_ + "/" + path).c_str(), 0755);
}

TEST_F(ApplyTest, HolesStayHoles) {
  const std::string zeros(1U << 20, '\0');
  expect_becomes({}, {{"sparse", file_node(zeros + "end")}});
  struct stat info {};
  ASSERT_EQ(::stat((host_ + "/sparse").c_str(), &info), 0);
  EXPECT_LT(info.st_blocks * 512, 100'000);
}

TEST_F(ApplyTest, OnlyWhatIsChosenIsApplied) {
  const Tree before = {{"a", file_node("1")}, {"d", folder_node()}, {"d/x", file_node("x")}, {"d/y", file_node("y")}};
  host(before);
  const ChangeSet set = compared(stream_between(before, {{"a", file_node("2")}, {"n", file_node("n")}}));
  ChangeSet part = below(set, {"d/x", "n"});
  apply_all(part.changes);
  EXPECT_EQ(host(),
            (Tree{{"a", file_node("1")}, {"d", folder_node()}, {"d/y", file_node("y")}, {"n", file_node("n")}}));
}

TEST_F(ApplyTest, AFolderThatHoldsSomethingElseStays) {
  const Tree before = {{"d", folder_node()}, {"d/x", file_node("x")}};
  host(before);
  const ChangeSet set = compared(stream_between(before, {}));
  base::write_file_atomic(host_ + "/d/new", "made meanwhile", 0644);
  EXPECT_THAT(plan_apply(set.changes, root()).kept, ElementsAre("d"));
  apply_all(set.changes);
  EXPECT_EQ(host(), (Tree{{"d", folder_node()}, {"d/new", file_node("made meanwhile")}}));
}

TEST_F(ApplyTest, WhatWasAppliedIsKnownToTheSandbox) {
  host({{"a", file_node("1")}, {"d", folder_node()}});
  apply_all(compared(Stream().add("a", file_node("2")).add("d", folder_node()).opaque("n").add("n/b", file_node("b")))
                .changes);
  started_ns_ = 0;
  for (const Change& change :
       compared(Stream().add("a", file_node("3")).opaque("n").add("n/b", file_node("c"))).changes)
    EXPECT_FALSE(change.conflict) << change.path;
}

// Something of the host's changes right before each of the steps: never a mixture, and never lost.
TEST_F(ApplyTest, WhatTheHostChangesMeanwhileIsNotOverwritten) {
  const Tree before = {{"a", file_node("1")}, {"b", file_node("2")}, {"d", folder_node()}, {"d/x", file_node("x")}};
  const Tree after = {{"a", file_node("A")}, {"n", folder_node()}, {"n/m", file_node("m")}};
  host(before);
  for (const char* name : {"/a", "/b", "/d/x", "/n"}) {
    for (int at = 0;; ++at) {
      const ChangeSet set = compared(stream_between(before, after));
      int step = 0;
      bool written = false;
      const std::string error = error_of_apply(set.changes, [&] {
        if (step++ != at) return;
        base::write_file_atomic(host_ + name, "mine", 0644);
        written = true;
      });
      if (!written) break;
      // It came before the apply looked, or behind its end.
      if (error.empty()) {
        EXPECT_EQ(base::read_file(host_ + name), "mine");
      } else {
        EXPECT_THAT(error, HasSubstr("nothing was changed"));
        Tree expected = before;
        expected[name + 1] = file_node("mine");
        EXPECT_EQ(host(), expected) << name << " at " << at;
      }
      for (const auto& [path, unused] : host()) std::filesystem::remove_all(host_ + "/" + path);
      host(before);
      ASSERT_FALSE(std::filesystem::exists(journal_));
    }
  }
}

TEST_F(ApplyTest, AFullDiskChangesNothing) {
  const int code = in_child([&] {
    if (!base::mount_small(host_)) return 77;
    const HostRoot small(host_);
    const Tree before = {{"a", file_node("one")}, {"b", file_node("two")}};
    make_tree(host_, before);
    const std::string large(100'000, 'x');
    // One that is seen before it begins, and one that is not: the disk fills up meanwhile.
    for (const bool surprise : {false, true}) {
      const Tree after = {{"a", file_node(surprise ? large : large + large + large)}, {"c", file_node(large)}};
      received_.emplace(stream_between(before, after).received(temp_.path()));
      const ChangeSet set =
          compare({.root = small, .received = *received_, .baseline = Baseline(INT64_MAX, log_), .names = {}});
      int step = 0;
      std::string error;
      try {
        apply(set.changes,
              {.root = small, .received = *received_, .journal = journal_, .log = log_, .before_step = [&] {
                 if (surprise && step++ == 0) {
                   const base::Fd file = base::open_file(host_ + "/filler", O_WRONLY | O_CREAT);
                   const std::string filler(120'000, 'f');
                   (void)!::write(file.get(), filler.data(), filler.size());
                 }
               }});
      } catch (const base::Error& caught) {
        error = caught.what();
      }
      ::unlink((host_ + "/filler").c_str());
      if (error.find("nothing was changed") == std::string::npos) return 1;
      if (error.find(surprise ? "No space left" : "has 0 MB left") == std::string::npos) return 2;
      if (tree_at(host_) != before) return 3;
      if (std::filesystem::exists(journal_)) return 4;
    }
    return 0;
  });
  if (code == 77) GTEST_SKIP() << "this user may not make a mount namespace";
  EXPECT_EQ(code, 0);
}

TEST_F(ApplyTest, AReadOnlyFolderIsNamed) {
  host({{"d", folder_node(0555)}, {"d/x", file_node("x")}, {"e", file_node("e")}});
  const ChangeSet set =
      compared(Stream().add("d", folder_node(0555)).add("d/x", file_node("y")).add("e", file_node("f")));
  const int code = in_child([&] {
    // As root nothing is read-only.
    if (::geteuid() == 0) {
      if (::chmod(temp_.path().c_str(), 0777) != 0 || ::chown(host_.c_str(), 65534, 65534) != 0) return 77;
      for (const char* path : {"/d", "/d/x", "/e"}) {
        if (::chown((host_ + path).c_str(), 65534, 65534) != 0) return 77;
      }
      if (::setresgid(65534, 65534, 65534) != 0 || ::setresuid(65534, 65534, 65534) != 0) return 77;
    }
    const std::string error = error_of_apply(
        compared(Stream().add("d", folder_node(0555)).add("d/x", file_node("y")).add("e", file_node("f"))).changes);
    return error.find("cannot write to the folder '" + host_ + "/d'") != std::string::npos ? 0 : 1;
  });
  if (code == 77) GTEST_SKIP() << "this user cannot become another one";
  EXPECT_EQ(code, 0);
  EXPECT_EQ(host().at("d/x").text, "x");
  EXPECT_EQ(host().at("e").text, "e");
  EXPECT_EQ(host().size(), 3U);
  ::chmod((host_ + "/d").c_str(), 0755);
}

TEST_F(ApplyTest, TwoAtATimeAreOne) {
  host({{"a", file_node("1")}});
  const ChangeSet set = compared(Stream().add("a", file_node("2")));
  std::string second;
  apply(set.changes, {.root = root(), .received = *received_, .journal = journal_, .log = log_, .before_step = [&] {
                        if (second.empty()) second = error_of_apply(set.changes);
                      }});
  EXPECT_THAT(second, HasSubstr("another command applies changes"));
  EXPECT_EQ(host(), (Tree{{"a", file_node("2")}}));
}

}  // namespace
}  // namespace caisson::changes
