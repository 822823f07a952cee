// SPDX-License-Identifier: Apache-2.0

// How changes are shown: by git, without its obeying anything, and on a terminal, without its obeying anything either.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "base/process.h"
#include "changes/change_set_for_test.h"
#include "changes/git_view.h"
#include "changes/paint.h"
#include "changes/report.h"
#include "changes/view_folder.h"

namespace caisson::changes {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class ViewTest : public ChangesTest {
 protected:
  ViewTest() {
    if (base::find_program("git").empty()) skip_ = true;
  }
  void SetUp() override {
    if (skip_) GTEST_SKIP() << "there is no git here";
  }
  std::string view(const std::vector<Change>& changes, GitView how = {}) {
    std::string text;
    how.spare = {};  // whatever the tests' disk has
    view_by_git(changes, root(), *received_, how, [&](std::string_view part) {
      text += part;
      return true;
    });
    return text;
  }
  // The folders that are left of views.
  std::vector<std::string> views() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(temp_ / "views")) {
      if (entry.is_directory()) names.push_back(entry.path().filename().string());
    }
    return names;
  }
  // The patch, given to `git apply` in a copy of the host's folder.
  Tree patched(const Tree& before, const std::string& patch) const {
    base::TempFolder copy;
    ::mkdir((copy / "tree").c_str(), 0755);
    make_tree(copy / "tree", before);
    base::write_file_atomic(copy / "patch", patch);
    base::SpawnOptions git;
    git.argv = {"git", "apply", "--whitespace=nowarn", copy / "patch"};
    git.folder = copy / "tree";
    const base::ProgramResult result = base::run_program(git);
    EXPECT_TRUE(result.status.ok()) << result.err << patch;
    return tree_at(copy / "tree");
  }

  bool skip_ = false;
};

TEST_F(ViewTest, APatchMakesTheHostsFolderAsTheSandboxHasIt) {
  const std::string binary("\x00\x01\xff\n", 4);
  const Tree before = {{"a", file_node("one\ntwo\n")},
                       {"bin", file_node(binary)},
                       {"d", folder_node()},
                       {"d/moved", file_node("a\nb\nc\nd\ne\n")},
                       {"gone", file_node("x\n")},
                       {"l", link_node("a")},
                       {"odd\n\xff", file_node("1\n")},
                       {"x", file_node("run\n")}};
  const Tree after = {{"a", file_node("one\n2\n")},
                      {"bin", file_node(binary + "more")},
                      {"d", folder_node()},
                      {"d/elsewhere", file_node("a\nb\nc\nd\ne\n")},
                      {"l", link_node("bin")},
                      {"new", file_node("no end")},
                      {"odd\n\xff", file_node("2\n")},
                      {"x", file_node("run\n", 0755)}};
  host(before);
  const ChangeSet set = compared(stream_between(before, after));
  EXPECT_EQ(patched(before, view(set.changes, {.binary = true})), after);
}

TEST_F(ViewTest, LeavesNothing) {
  view(compared(Stream().add("a", file_node("a\n"))).changes);
  EXPECT_THAT(views(), IsEmpty());
}

TEST_F(ViewTest, WhatAKilledOneLeftIsSwept) {
  const ChangeSet set = compared(Stream().add("a", file_node("a\n")));
  for (int round = 0; round < 2; ++round) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      view_by_git(set.changes, root(), *received_, {.spare = {}}, [](std::string_view) {
        ::raise(SIGKILL);
        return true;
      });
      ::_exit(1);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));
    ASSERT_EQ(views().size(), 1U);
    // Its git has it for a moment longer.
    base::FileLock::acquire(temp_ / "views/" + views().front() + "/lock");
    if (round == 0) {
      sweep_views(temp_.path());
    } else {
      EXPECT_THAT(view(set.changes), HasSubstr("+a\n"));
    }
    EXPECT_THAT(views(), IsEmpty());
  }
}

TEST_F(ViewTest, WhatIsInUseIsNotSwept) {
  const ChangeSet set = compared(Stream().add("a", file_node("a\n")));
  bool asked = false;
  view_by_git(set.changes, root(), *received_, {.spare = {}}, [&](std::string_view) {
    asked = true;
    sweep_views(temp_.path());
    EXPECT_THAT(view(set.changes), HasSubstr("+a\n"));
    EXPECT_EQ(views().size(), 1U);
    return true;
  });
  EXPECT_TRUE(asked);
}

TEST_F(ViewTest, ASandboxThatIsGoneIsNotMadeAgain) {
  EXPECT_THROW(ViewFolder(temp_ / "gone"), base::Error);
  EXPECT_FALSE(std::filesystem::exists(temp_ / "gone"));
}

TEST_F(ViewTest, TheUsersConfigurationIsNotAsked) {
  base::TempFolder home;
  base::write_file_atomic(home / ".gitconfig", "[diff]\nexternal = touch " + home.path() + "/ran\nnoprefix = true\n");
  const base::ScopedEnvironment variable("HOME", home.path().c_str());
  const base::ScopedEnvironment external("GIT_EXTERNAL_DIFF", ("touch " + home.path() + "/ran").c_str());
  host({{"a", file_node("one\n")}});
  Stream stream;
  stream.add(".gitattributes", file_node("* diff=evil\n")).add("a", file_node("two\n"));
  EXPECT_THAT(view(compared(stream).changes), AllOf(HasSubstr("--- a/a\n+++ b/a\n"), HasSubstr("-one\n+two\n")));
  EXPECT_FALSE(std::filesystem::exists(home / "ran"));
}

TEST_F(ViewTest, ARepositorysOwnFolderIsCounted) {
  Stream stream;
  stream.opaque(".GIT").add(".GIT/config", file_node("x"));
  stream.opaque(".git")
      .add(".git/HEAD", file_node("ref: x"))
      .add(".git/index", file_node("i"))
      .add("a", file_node("a\n"));
  const ChangeSet set = compared(stream);
  EXPECT_THAT(view(set.changes), AllOf(HasSubstr("+++ b/a"), Not(HasSubstr("HEAD")), Not(HasSubstr("config"))));
  EXPECT_THAT(notes_beside_git(set, {}), testing::Contains("in the repository '.git': 3 changes"));
}

TEST_F(ViewTest, WhatIsLargeIsNamed) {
  const std::string large(kMostShownBytes + 1, 'x');
  const ChangeSet set = compared(Stream().add("large", file_node(large)).add("small", file_node("s\n")));
  EXPECT_THAT(view(set.changes), Not(HasSubstr("large")));
  EXPECT_THAT(notes_beside_git(set, {}), ElementsAre("'large': 16777217 bytes, was 0; too large to be shown"));
  EXPECT_THAT(view(set.changes, {.binary = true}), HasSubstr("large"));
}

TEST_F(ViewTest, WhatIsTooMuchInAllIsNamed) {
  host({{"a", file_node(std::string(5000, 'x'))}, {"c", file_node("old\n")}});
  Stream stream;
  stream.add("a", file_node("a\n")).add("b", file_node(std::string(4000, 'y'))).add("c", file_node("new\n"));
  const ChangeSet set = compared(stream);
  const GitView view_of_4096{.most_of_a_side = {4096}};
  EXPECT_THAT(view(set.changes, view_of_4096), AllOf(Not(HasSubstr("xxx")), HasSubstr("yyy"), HasSubstr("+new")));
  EXPECT_THAT(notes_beside_git(set, view_of_4096),
              ElementsAre("'a': 2 bytes, was 5000; not shown: in all it would be more than 4 KiB"));
  const GitView view_of_4000{.most_of_a_side = {4000}};
  EXPECT_THAT(view(set.changes, view_of_4000), AllOf(HasSubstr("yyy"), Not(HasSubstr("+new"))));
  // A patch is whole.
  EXPECT_THAT(view(set.changes, {.binary = true, .most_of_a_side = {1}}), AllOf(HasSubstr("xxx"), HasSubstr("yyy")));
}

TEST_F(ViewTest, WithoutRoomNothingIsMade) {
  const ChangeSet set = compared(Stream().add("a", file_node("a\n")));
  try {
    view_by_git(set.changes, root(), *received_, {.spare = {1ULL << 62}}, [](std::string_view) { return true; });
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.errnum(), ENOSPC);
    EXPECT_THAT(error.what(), AllOf(HasSubstr("no space left to show changes"), HasSubstr(temp_.path())));
  }
  EXPECT_FALSE(std::filesystem::exists(temp_ / "views"));
}

TEST_F(ViewTest, Statistics) {
  host({{"a", file_node("one\n")}});
  const ChangeSet set = compared(Stream().add("a", file_node("two\n")).add("b", file_node("b\n")));
  EXPECT_THAT(view(set.changes, {.format = GitView::Format::kStat}),
              HasSubstr("2 files changed, 2 insertions(+), 1 deletion(-)"));
}

TEST_F(ViewTest, StatisticsHaveWholeNamesWhereThereIsNoTerminal) {
  const std::string name(200, 'n');
  const ChangeSet set = compared(Stream().add(name, file_node("b\n")));
  EXPECT_THAT(view(set.changes, {.format = GitView::Format::kStat}), HasSubstr(name));
  EXPECT_THAT(view(set.changes, {.format = GitView::Format::kStat, .width = 80}), Not(HasSubstr(name)));
}

std::string painted(std::string_view text, Painter::Colour colour = Painter::Colour::kNo, size_t step = SIZE_MAX) {
  std::string out;
  Painter painter(colour, [&](std::string_view part) { out += part; });
  while (!text.empty()) {
    painter.feed(text.substr(0, step));
    text.remove_prefix(std::min(step, text.size()));
  }
  painter.finish();
  return out;
}

TEST(Painter, NothingSteersTheTerminal) {
  EXPECT_EQ(painted("+\x1b[8mhidden\x1b[0m\ttab\r\x07\n"), "+\\x1b[8mhidden\\x1b[0m\ttab\\x0d\\x07\n");
  EXPECT_EQ(painted("no end"), "no end");
}

TEST(Painter, LinesOfAHunkAreWhatTheirFirstByteSays) {
  const std::string patch =
      "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@ f\n--- old\n+++ new\n same\n--- a/y\n";
  for (const size_t step : {size_t{1}, size_t{5}, SIZE_MAX}) {
    EXPECT_EQ(
        painted(patch, Painter::Colour::kYes, step),
        "\x1b[1mdiff --git a/x b/x\x1b[m\n\x1b[1m--- a/x\x1b[m\n\x1b[1m+++ b/x\x1b[m\n\x1b[36m@@ -1,2 +1,2 @@ f\x1b[m\n"
        "\x1b[31m--- old\x1b[m\n\x1b[32m+++ new\x1b[m\n same\n\x1b[1m--- a/y\x1b[m\n");
  }
}

TEST(Painter, ALineWithoutAnEndTakesNoMemory) {
  const std::string out = painted("@@ -0,0 +1 @@\n+" + std::string(300'000, 'x') + "\n", Painter::Colour::kYes);
  EXPECT_EQ(std::count(out.begin(), out.end(), 'x'), 300'000);
  EXPECT_EQ(out.find("\x1b[31m"), std::string::npos);
}

TEST_F(ViewTest, InWords) {
  host({{"a", file_node("1")}, {"b", file_node("2")}, {"d", folder_node()}, {"d/e", file_node("e")}});
  const ChangeSet set = compared(
      Stream().add("a", file_node("A")).removed("b").removed("d").opaque("n").opaque("o").add("o/f", file_node("f")));
  EXPECT_EQ(in_words(count(set)), "1 file changed, 2 added, 2 removed");
  EXPECT_EQ(in_words({.added = 1}), "1 file added");
  EXPECT_EQ(in_words({}), "");
  EXPECT_EQ(name_line(set.changes[0]), "M\ta");
  EXPECT_THAT(to_json(set.changes[0]).dump(), HasSubstr(R"("after":"file","before":"file")"));
}

}  // namespace
}  // namespace caisson::changes
