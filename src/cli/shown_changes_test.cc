// SPDX-License-Identifier: Apache-2.0

// What was looked at is what is applied.

#include "cli/shown_changes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "changes/change_set_for_test.h"

namespace caisson::cli {
namespace {

using changes::file_node;
using changes::folder_node;
using changes::link_node;
using changes::Stream;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Paths = std::vector<std::string>;

class ShownChangesTest : public changes::ChangesTest {
 protected:
  // The guest's account, of the paths, against the host's folder by now.
  keeper::ComparedChanges account(const Stream& stream, const Paths& paths = {}) {
    changes::ChangeSet set = changes::below(compared(stream), paths);
    return {std::move(*received_), changes::HostRoot(host_), std::move(set)};
  }
  void show(const Stream& stream, const Paths& paths = {}) { note_shown(note_, account(stream, paths), paths); }
  Paths refused(const Stream& stream, const Paths& paths = {}) {
    const keeper::ComparedChanges now = account(stream, paths);
    return not_as_shown(read_shown(note_), fingerprints_of(now), now.root, paths);
  }
  uint64_t not_shown(const Stream& stream) { return count_not_shown(read_shown(note_), account(stream).set); }
  // As `caisson apply` does it.
  void apply_and_note(const Stream& stream, const Paths& paths = {}) {
    const keeper::ComparedChanges now = account(stream, paths);
    changes::apply(now.set.changes, {.root = now.root, .received = now.received, .journal = journal_, .log = log_});
    note_applied(note_, fingerprints_of(now), paths);
  }
  bool is_noted() const { return ::access(note_.c_str(), F_OK) == 0; }
  std::string problem() const {
    try {
      read_shown(note_);
    } catch (const base::Error& error) {
      return error.what();
    }
    return "";
  }

  std::string note_ = temp_ / "1.shown";
};

Stream three_files() {
  return Stream()
      .add("a", file_node("a\n"))
      .add("b", folder_node())
      .add("b/c", file_node("c\n"))
      .add("d", file_node("d\n"));
}

TEST_F(ShownChangesTest, WhatWasShownIsApplied) {
  host({{"b", folder_node()}});
  EXPECT_EQ(not_shown(three_files()), 3U);
  show(three_files());
  EXPECT_THAT(refused(three_files()), IsEmpty());
  EXPECT_EQ(not_shown(three_files()), 0U);
}

// Each of what makes a difference on the host; what does not is none.
TEST_F(ShownChangesTest, WhatIsOtherThanShownIsRefused) {
  host({{"file", file_node("old\n")}, {"gone", file_node("gone\n")}});
  const auto stream = [](const changes::Node& file, const std::string& target, uint32_t folder_mode) {
    return Stream().add("file", file).opaque("folder", folder_mode).removed("gone").add("link", link_node(target));
  };
  const Stream before = stream(file_node("new\n"), "file", 0755);
  show(before);
  EXPECT_THAT(refused(before), IsEmpty());
  EXPECT_THAT(refused(stream(file_node("evi\n"), "file", 0755)), ElementsAre("file"));
  EXPECT_THAT(refused(stream(file_node("newer\n"), "file", 0755)), ElementsAre("file"));
  EXPECT_THAT(refused(stream(file_node("new\n", 0755), "file", 0755)), ElementsAre("file"));
  EXPECT_THAT(refused(stream(link_node("new\n"), "file", 0755)), ElementsAre("file"));
  EXPECT_THAT(refused(stream(file_node("new\n"), "else", 0755)), ElementsAre("link"));
  EXPECT_THAT(refused(stream(file_node("new\n"), "file", 0700)), ElementsAre("folder"));
  EXPECT_THAT(refused(Stream()
                          .add("file", file_node("new\n"))
                          .opaque("folder")
                          .add("gone", file_node("back\n"))
                          .add("link", link_node("file"))),
              ElementsAre("gone"));
  link::ChangeRecord touched = changes::record_of("file", file_node("new\n"));
  touched.mtime_ns = 12345;
  EXPECT_THAT(refused(Stream().add(touched, "new\n").opaque("folder").removed("gone").add("link", link_node("file"))),
              IsEmpty());
}

TEST_F(ShownChangesTest, WhatIsNewWhereAllWasShownIsRefused) {
  show(Stream().add("a", file_node("a\n")));
  EXPECT_THAT(refused(Stream().add("a", file_node("a\n")).opaque("x").add("x/y", file_node("y\n"))),
              ElementsAre("x", "x/y"));
  // Also where there was nothing to be shown.
  show(Stream());
  EXPECT_THAT(refused(Stream().add("a", file_node("a\n"))), ElementsAre("a"));
}

// Of a check and what it makes needless, the latter alone would be another change.
TEST_F(ShownChangesTest, WhatIsTakenBackIsRefusedWithTheRest) {
  show(Stream().add("a", file_node("a\n")).add("b", file_node("b\n")));
  EXPECT_THAT(refused(Stream().add("a", file_node("a\n"))), ElementsAre("b"));
  EXPECT_THAT(refused(Stream().add("a", file_node("a\n")), {"a"}), IsEmpty());
  EXPECT_THAT(refused(Stream()), IsEmpty());  // nothing is applied
}

TEST_F(ShownChangesTest, WhatTheUserHasMadeIsNotMissing) {
  host({{"gone", file_node("gone\n")}, {"old", folder_node()}, {"old/x", file_node("x\n")}});
  const Stream stream = Stream()
                            .add("a", file_node("a\n"))
                            .add("b", file_node("b\n"))
                            .removed("gone")
                            .add("link", link_node("a"))
                            .renamed("new", "old")
                            .removed("old");
  show(stream);
  changes::make_tree(host_, {{"b", file_node("b\n")}, {"link", link_node("a")}});
  ASSERT_EQ(::unlink((host_ + "/gone").c_str()), 0);
  ASSERT_EQ(::rename((host_ + "/old").c_str(), (host_ + "/new").c_str()), 0);
  EXPECT_EQ(account(stream).set.changes.size(), 1U);
  EXPECT_THAT(refused(stream), IsEmpty());
}

// The content is the host's own, and it is not read for that.
TEST_F(ShownChangesTest, WhatIsMovedIsTheFileThatWasShown) {
  host({{"one", folder_node()}, {"one/x", file_node("1\n")}, {"two", folder_node()}, {"two/x", file_node("2\n")}});
  show(Stream().renamed("new", "one").removed("one"), {"new"});
  EXPECT_THAT(refused(Stream().renamed("new", "one").removed("one"), {"new"}), IsEmpty());
  EXPECT_THAT(refused(Stream().renamed("new", "two").removed("two"), {"new"}), ElementsAre("new/x"));
  base::write_file_atomic(host_ + "/one/x", "3\n");
  EXPECT_THAT(refused(Stream().renamed("new", "one").removed("one"), {"new"}), ElementsAre("new/x"));
}

TEST_F(ShownChangesTest, OtherPlacesAreCountedAndNotRefused) {
  host({{"b", folder_node()}});
  show(three_files(), {"b"});
  EXPECT_THAT(refused(three_files()), IsEmpty());
  EXPECT_EQ(not_shown(three_files()), 2U);
  show(three_files(), {"d"});
  EXPECT_EQ(not_shown(three_files()), 1U);
  EXPECT_THAT(refused(three_files()), IsEmpty());
  const Stream other =
      Stream().add("a", file_node("?")).add("b", folder_node()).add("b/c", file_node("?\n")).add("b-", file_node("?"));
  EXPECT_THAT(refused(other), ElementsAre("b/c", "d"));
  EXPECT_THAT(refused(other, {"a"}), IsEmpty());
  // Looked at again.
  show(other);
  EXPECT_THAT(refused(other), IsEmpty());
}

TEST_F(ShownChangesTest, ANewFolderIsShownWithWhatIsInIt) {
  const auto stream = [](uint32_t mode) {
    return Stream().opaque("n", mode).add("n/a", file_node("a\n")).add("n/b", file_node("b\n"));
  };
  show(stream(0755), {"n/a"});
  EXPECT_EQ(not_shown(stream(0755)), 1U);
  EXPECT_THAT(refused(stream(0755)), IsEmpty());
  EXPECT_THAT(refused(stream(0700)), ElementsAre("n"));
}

TEST_F(ShownChangesTest, WhatWasAppliedIsNotNotedAnyMore) {
  host({{"b", folder_node()}});
  show(three_files());
  apply_and_note(three_files(), {"b"});
  // All was looked at: what is new is not.
  const Stream again = Stream()
                           .add("a", file_node("a\n"))
                           .add("b", folder_node())
                           .add("b/c", file_node("C\n"))
                           .add("d", file_node("d\n"));
  EXPECT_THAT(refused(again), ElementsAre("b/c"));
  apply_and_note(three_files());
  EXPECT_FALSE(is_noted());
  EXPECT_EQ(not_shown(again), 1U);
  EXPECT_THAT(refused(again), IsEmpty());
  show(again, {"b"});
  apply_and_note(again, {"b"});
  EXPECT_FALSE(is_noted());
}

// A no to a class, and a diff while the apply was asking.
TEST_F(ShownChangesTest, WhatWasNotAppliedStaysNoted) {
  show(Stream().add("a", file_node("a\n")).add("b", file_node("b\n")));
  note_applied(note_, fingerprints_of(account(Stream().add("a", file_node("a\n")))), {});
  EXPECT_THAT(refused(Stream().add("b", file_node("B\n"))), ElementsAre("b"));
  EXPECT_THAT(refused(Stream().add("b", file_node("b\n"))), IsEmpty());
  show(Stream().add("b", file_node("B\n")));
  note_applied(note_, fingerprints_of(account(Stream().add("b", file_node("b\n")))), {});
  EXPECT_THAT(refused(Stream().add("b", file_node("B\n"))), IsEmpty());
  EXPECT_THAT(refused(Stream().add("b", file_node("b\n"))), ElementsAre("b"));
}

TEST_F(ShownChangesTest, WhatWasDiscardedIsNotNotedAnyMore) {
  host({{"b", folder_node()}});
  show(three_files());
  note_discarded(note_, {"b"});
  EXPECT_THAT(refused(Stream().add("a", file_node("a\n")).add("d", file_node("d\n"))), IsEmpty());
  EXPECT_THAT(refused(three_files()), ElementsAre("b/c"));
  note_discarded(note_, {});
  EXPECT_FALSE(is_noted());
  note_discarded(note_, {"b"});  // of nothing
  note_applied(note_, {}, {});
  EXPECT_FALSE(is_noted());
}

TEST_F(ShownChangesTest, AnyNameIsNoted) {
  const std::string strange = "\xff\x1b\n all";
  const Stream stream = Stream().add("a\nend", file_node("1")).opaque(strange).add(strange + "/ x", file_node("2"));
  show(stream, {"a\nend", strange});
  EXPECT_THAT(read_shown(note_).paths, ElementsAre("a\nend", strange));
  EXPECT_THAT(refused(stream), IsEmpty());
  EXPECT_EQ(not_shown(stream), 0U);
  struct stat info {};
  ASSERT_EQ(::stat(note_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777U, 0600U);
}

// Nothing is applied by a note that cannot be read, and nothing but a look at all makes one that can.
TEST_F(ShownChangesTest, ADamagedNoteIsAnError) {
  const Stream stream = Stream().add("a", file_node("a\n")).add("b", file_node("b\n"));
  show(stream);
  const std::string whole = base::read_file(note_);
  const std::string a = base::hex("a");
  const auto at = whole.find("\nc ") + 1;
  const std::string line = whole.substr(at, whole.find('\n', at) - at);
  const auto with = [&](const std::string& other) { return std::string(whole).replace(at, line.size(), other); };
  const std::vector<std::string> damaged = {
      "",
      "x",
      whole.substr(0, whole.size() - 1),
      whole.substr(0, whole.size() - 4),
      whole + "end\n",
      "caisson-shown 2" + whole.substr(whole.find('\n')),
      with(line + " "),
      with("x" + line.substr(1)),
      with(line.substr(0, line.size() - 1)),
      with(line.substr(0, line.size() - a.size()) + base::hex("../a")),
      with(line.substr(0, line.size() - a.size()) + base::hex("c")),
      with(line.substr(0, line.size() - a.size()) + base::hex("b")),
      with("c 12 " + a),
      with(line + "\n" + line),
      with("path " + a + "\n" + line + "\npath " + a),
      with("path " + base::hex("b") + "\npath " + a),
  };
  for (const std::string& text : damaged) {
    base::write_file_atomic(note_, text);
    EXPECT_THAT(problem(), AllOf(HasSubstr("cannot read what `caisson diff` has shown"), HasSubstr("without a PATH")))
        << text;
    EXPECT_THROW(show(stream, {"a"}), base::Error) << text;
  }
  show(stream);
  EXPECT_EQ(problem(), "");
}

TEST(NotAsShown, InWords) {
  EXPECT_EQ(in_words_not_as_shown({}), "");
  EXPECT_EQ(in_words_not_as_shown({"a\x1b"}), "1 file is not what `caisson diff` showed: 'a\\x1b'");
  EXPECT_EQ(in_words_not_as_shown({"a", "a/b", "c"}), "2 files are not what `caisson diff` showed: 'a/b', 'c'");
  const Paths many(12, "x");
  EXPECT_THAT(in_words_not_as_shown(many), AllOf(HasSubstr("12 files are not"), HasSubstr("'x' and 2 more")));
}

}  // namespace
}  // namespace caisson::cli
