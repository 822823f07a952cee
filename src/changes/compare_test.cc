// SPDX-License-Identifier: Apache-2.0

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "changes/change_set_for_test.h"
#include "changes/classes.h"

namespace caisson::changes {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// "+path", "-path", "~path", "!" behind where it conflicts.
std::vector<std::string> in_short(const ChangeSet& set) {
  std::vector<std::string> lines;
  for (const Change& change : set.changes) {
    const char* sign = change.is_removal() ? "-" : change.is_addition() ? "+" : "~";
    lines.push_back(sign + change.path + (change.conflict ? "!" : ""));
  }
  return lines;
}

class CompareTest : public ChangesTest {};

TEST_F(CompareTest, WhatIsAddedChangedAndRemoved) {
  host({{"a", file_node("one")}, {"b", file_node("two")}, {"d", folder_node()}, {"d/x", file_node("x")}});
  Stream stream;
  stream.add("a", file_node("ONE")).removed("b").add("d", folder_node()).add("d/new", file_node("n")).removed("d/x");
  stream.add("link", link_node("a"));
  EXPECT_THAT(in_short(compared(stream)), ElementsAre("~a", "-b", "+d/new", "-d/x", "+link"));
}

TEST_F(CompareTest, WhatIsEqualIsNoChange) {
  host({{"a", file_node("one")}, {"d", folder_node()}, {"l", link_node("a")}});
  Stream stream;
  stream.add("a", file_node("one")).add("d", folder_node()).add("l", link_node("a")).removed("never-there");
  EXPECT_THAT(in_short(compared(stream)), IsEmpty());
}

TEST_F(CompareTest, AModeAloneIsAChange) {
  host({{"a", file_node("one")}, {"d", folder_node()}});
  Stream stream;
  stream.add("a", file_node("one", 0755)).add("d", folder_node(0700));
  const ChangeSet set = compared(stream);
  EXPECT_THAT(in_short(set), ElementsAre("~a", "~d"));
  EXPECT_TRUE(set.changes[0].same_content);
  EXPECT_EQ(set.changes[0].classes, bit_of(Class::kExecutable));
}

TEST_F(CompareTest, AModeThatNoApplyWouldSetIsNoChange) {
  host({{"a", file_node("one")},
        {"d", folder_node()},
        {"g", file_node("one", 0664)},
        {"s", file_node("one", 04755)},
        {"t", file_node("one", 02755)}});
  Stream stream;
  stream.add("a", file_node("one", 0666)).add("d", folder_node(0777)).add("g", file_node("one", 0666));
  stream.add("s", file_node("one", 0777)).add("t", file_node("one", 0700));
  EXPECT_THAT(in_short(compared(stream)), IsEmpty());
  const ChangeSet set = compared(Stream().add("a", file_node("one", 0777)).add("d", folder_node(0722)));
  EXPECT_THAT(in_short(set), ElementsAre("~a", "~d"));
  EXPECT_EQ(set.changes[0].mode, 0755U);
  EXPECT_EQ(set.changes[1].mode, 0700U);
}

TEST_F(CompareTest, AnOpaqueFolderHidesWhatTheHostHas) {
  host({{"d", folder_node()},
        {"d/gone", file_node("1")},
        {"d/kept", file_node("2")},
        {"d/s", folder_node()},
        {"d/s/deep", file_node("3")}});
  Stream stream;
  stream.opaque("d").add("d/kept", file_node("2")).add("d/new", file_node("n"));
  EXPECT_THAT(in_short(compared(stream)), ElementsAre("-d/gone", "+d/new", "-d/s", "-d/s/deep"));
}

TEST_F(CompareTest, ARenamedFolderIsMadeOfTheHostsFiles) {
  host({{"old", folder_node()},
        {"old/a", file_node("a")},
        {"old/b", file_node("b")},
        {"old/s", folder_node()},
        {"old/s/c", file_node("c", 0755)}});
  Stream stream;
  stream.renamed("new", "old").add("new/b", file_node("B")).removed("new/s").removed("old");
  const ChangeSet set = compared(stream);
  EXPECT_THAT(in_short(set), ElementsAre("+new", "+new/a", "+new/b", "-old", "-old/a", "-old/b", "-old/s", "-old/s/c"));
  EXPECT_EQ(set.changes[1].source, "old/a");
  EXPECT_EQ(set.changes[2].source, "");
}

TEST_F(CompareTest, ARenameThatTheHostHasMadeTooIsNoChange) {
  host({{"new", folder_node()}, {"new/a", file_node("a")}, {"new/b", file_node("B")}, {"new/s", folder_node()}});
  Stream stream;
  stream.renamed("new", "old").add("new/b", file_node("B")).removed("new/gone").add("new/later", file_node("x"));
  stream.add("new/s", folder_node()).removed("old");
  EXPECT_THAT(in_short(compared(stream)), ElementsAre("+new/later"));
}

TEST_F(CompareTest, FoldersThatHaveArrived) {
  // One has come whole; of the others something is left: in the new place, at the old one, on the host.
  host({{"a", folder_node()},
        {"b", folder_node()},
        {"b-", file_node("beside")},
        {"c", folder_node()},
        {"d", folder_node()},
        {"d.old", file_node("new")},
        {"e", folder_node()},
        {"e.old", folder_node()},
        {"e.old/x", file_node("x")}});
  Stream stream;
  for (const char* name : {"a", "b", "c", "d", "e"}) {
    stream.renamed(name, std::string(name) + ".old");
    if (std::string_view(name) == "b") stream.add("b/new", file_node("n")).add("b-", file_node("changed"));
  }
  const ChangeSet set = compared(stream);
  EXPECT_THAT(in_short(set), ElementsAre("+b/new", "~b-", "+e/x"));
  EXPECT_THAT(arrived(root(), *received_, set), ElementsAre("a", "c"));
}

TEST_F(CompareTest, OnlyARenamedFolderIsOne) {
  Stream plain;
  plain.add("d", folder_node()).add("link", link_node("a")).opaque("o").removed("x");
  EXPECT_FALSE(has_renamed(plain.received(temp_.path())));
  Stream stream;
  stream.add("d", folder_node()).renamed("new", "old");
  EXPECT_TRUE(has_renamed(stream.received(temp_.path())));
}

TEST_F(CompareTest, AFolderInARenamedOneIsFound) {
  host({{"old", folder_node()}, {"old/s", folder_node()}, {"old/s/c", file_node("c")}});
  Stream stream;
  // Not said again of a folder below: its lower one is in its parent's.
  stream.renamed("new", "old").add("new/s", folder_node()).add("new/s/d", file_node("d")).removed("old");
  EXPECT_THAT(in_short(compared(stream)),
              ElementsAre("+new", "+new/s", "+new/s/c", "+new/s/d", "-old", "-old/s", "-old/s/c"));
}

TEST_F(CompareTest, AFolderIsRenamedOnce) {
  host({{"old", folder_node()}, {"old/a", file_node("a")}});
  Stream stream;
  stream.renamed("n1", "old").renamed("n2", "old");
  try {
    compared(stream);
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("'old' was renamed twice"));
  }
}

TEST_F(CompareTest, TypesChange) {
  host({{"file", file_node("f")},
        {"folder", folder_node()},
        {"folder/in", file_node("i")},
        {"link", link_node("file")}});
  Stream stream;
  stream.opaque("file").add("file/in", file_node("n")).add("folder", file_node("now a file")).opaque("link");
  const ChangeSet set = compared(stream);
  EXPECT_THAT(in_short(set), ElementsAre("~file", "+file/in", "~folder", "-folder/in", "~link"));
}

TEST_F(CompareTest, ALinkOfTheHostsLeadsNowhere) {
  base::TempFolder outside;
  base::write_file_atomic(outside / "secret", "text");
  host({{"link", link_node(outside.path())}});
  Stream stream;
  stream.add("link", folder_node()).add("link/secret", file_node("mine"));
  const ChangeSet set = compared(stream);
  EXPECT_THAT(in_short(set), ElementsAre("~link", "+link/secret"));
  apply_all(set.changes);
  EXPECT_EQ(base::read_file(outside / "secret"), "text");
  EXPECT_EQ(host().at("link").type, FileType::kFolder);
  EXPECT_EQ(host().at("link/secret").text, "mine");
}

TEST_F(CompareTest, WhatTheHostChangedSinceIsAConflict) {
  host({{"a", file_node("one")}, {"b", file_node("two")}, {"d", folder_node()}, {"d/x", file_node("x")}});
  started_ns_ = 0;  // all that the host has is newer
  Stream stream;
  stream.add("a", file_node("ONE")).add("b", file_node("two")).removed("d").add("new", file_node("n"));
  // Equal content is none; a folder's own is in what it holds.
  EXPECT_THAT(in_short(compared(stream)), ElementsAre("~a!", "-d", "-d/x!", "+new"));
}

TEST_F(CompareTest, WhatTheSandboxHasOpenedSinceIsNone) {
  host({{"a", file_node("one")}, {"b", file_node("two")}});
  started_ns_ = 0;
  base::write_file_atomic(log_, baseline_line(root().look("a")) + "{\"device\":1,\"ino");
  Stream stream;
  stream.add("a", file_node("ONE")).add("b", file_node("TWO"));
  EXPECT_THAT(in_short(compared(stream)), ElementsAre("~a", "~b!"));
}

TEST_F(CompareTest, ALineOfTheLogThatIsSpoiledSaysNothing) {
  host({{"a", file_node("one")}, {"b", file_node("two")}, {"c", file_node("three")}});
  started_ns_ = 0;
  const std::string spoiled = "{\"device\":1,\"ino" + baseline_line(root().look("b"));
  base::write_file_atomic(log_, "{}\n" + baseline_line(root().look("a")) + spoiled + baseline_line(root().look("c")));
  Stream stream;
  stream.add("a", file_node("ONE")).add("b", file_node("TWO")).add("c", file_node("THREE"));
  EXPECT_THAT(in_short(compared(stream)), ElementsAre("~a", "~b!", "~c"));
}

TEST_F(CompareTest, WhatIsHiddenIsMarked) {
  host({{"d", folder_node()},
        {"d/.env", file_node("secret")},
        {"d/x", file_node("x")},
        {"r", folder_node()},
        {"r/.env", file_node("2")},
        {"r/y", file_node("y")}});
  const auto is_masked = [](std::string_view path) { return name_of(path) == ".env"; };
  Stream stream;
  stream.removed("d").add(".env", file_node("mine")).renamed("z", "r");
  // In the order of a walk.
  Stream ordered;
  ordered.add(".env", file_node("mine")).removed("d").renamed("z", "r");
  const ChangeSet set = compared(ordered, is_masked);
  // What the sandbox never saw does not come along with a rename.
  EXPECT_THAT(in_short(set), ElementsAre("+.env", "-d", "-d/.env", "-d/x", "+z", "+z/y"));
  EXPECT_EQ(set.changes[0].classes, bit_of(Class::kMasked));
  EXPECT_EQ(set.changes[2].classes, bit_of(Class::kMasked));
  EXPECT_EQ(set.changes[3].classes, 0U);
}

// In its new place it would have a name that is not masked.
TEST_F(CompareTest, WhatIsHiddenByAnotherNameDoesNotComeAlong) {
  host({{".env", file_node("secret")},
        {".npmrc", file_node("//registry/:_authToken=secret")},
        {"c", folder_node()},
        {"c/s", folder_node()},
        {"c/s/plain", file_node("plain")},
        {"c/two", file_node("two names, neither masked")}});
  link_host(".env", "c/innocent");
  link_host(".npmrc", "c/s/settings");
  link_host("c/two", "two");
  const share::Masks masks({".env"}, {});
  Hidden hidden(masks, root());
  const ChangeSet set = compared(Stream().removed("c").renamed("pub", "c"), hidden);
  EXPECT_THAT(in_short(set), ElementsAre("-c", "-c/innocent", "-c/s", "-c/s/plain", "-c/s/settings", "-c/two", "+pub",
                                         "+pub/s", "+pub/s/plain", "+pub/two"));
  for (const Change& change : set.changes) {
    const bool is_secret = change.path == "c/innocent" || change.path == "c/s/settings";
    EXPECT_EQ(change.classes, is_secret ? bit_of(Class::kMasked) : 0U) << change.path;
  }
  apply_all(set.changes);
  EXPECT_FALSE(host().contains("pub/innocent"));
  EXPECT_FALSE(host().contains("pub/s/settings"));
  EXPECT_EQ(host().at("pub/two").text, "two names, neither masked");
}

TEST_F(CompareTest, WhatIsHiddenByAnotherNameIsAskedForHoweverItGoes) {
  host({{".env", file_node("secret")},
        {"o", folder_node()},
        {"o/plain", file_node("plain")},
        {"t", folder_node()},
        {"t/plain", file_node("plain")}});
  for (const char* name : {"f", "l", "m", "o/in", "r", "t/in"}) link_host(".env", name);
  const share::Masks masks({".env"}, {});
  Hidden hidden(masks, root());
  Stream stream;
  stream.add("f", file_node("mine")).add("l", link_node("o")).opaque("m").opaque("o").removed("r");
  stream.add("t", file_node("a file"));
  const ChangeSet set = compared(stream, hidden);
  EXPECT_THAT(in_short(set), ElementsAre("~f", "~l", "~m", "-o/in", "-o/plain", "-r", "~t", "-t/in", "-t/plain"));
  for (const Change& change : set.changes) {
    const bool is_plain = change.path == "t" || change.path.ends_with("plain");
    EXPECT_EQ(change.classes, is_plain ? 0U : bit_of(Class::kMasked)) << change.path;
  }
}

TEST_F(CompareTest, WhatCannotBeAppliedIsNamed) {
  Stream stream;
  link::ChangeRecord device;
  device.kind = link::ChangeKind::kLeftOut;
  device.path = "disk";
  stream.add(".caisson-apply-0123456789abcdef", folder_node()).add(".caisson-apply-0123456789abcdef/1", file_node("x"));
  stream.add(device);
  const ChangeSet set = compared(stream);
  EXPECT_THAT(set.changes, IsEmpty());
  EXPECT_THAT(set.left_out, ElementsAre(".caisson-apply-0123456789abcdef", "disk"));
}

TEST_F(CompareTest, APartIsChosenByPath) {
  Stream stream;
  stream.opaque("a").opaque("a/b").add("a/b/c", file_node("c")).add("a/d", file_node("d")).add("ab", file_node("e"));
  EXPECT_THAT(in_short(below(compared(stream), {"a/b"})), ElementsAre("+a", "+a/b", "+a/b/c"));
  EXPECT_THAT(in_short(below(compared(stream), {"a"})), ElementsAre("+a", "+a/b", "+a/b/c", "+a/d"));
  EXPECT_THAT(in_short(below(compared(stream), {"ab", "a/d"})), ElementsAre("+a", "+a/d", "+ab"));
}

TEST_F(CompareTest, AListThatIsNotWholeIsRefused) {
  base::FdPair pipe = base::make_pipe();
  pipe.second.reset();
  std::string bytes;
  link::encode_change(record_of("a", folder_node()), bytes);
  EXPECT_THROW(Received::read(pipe.first.get(), bytes, temp_.path()), base::Error);
  link::ChangeRecord end;
  end.target = "cannot read 'x'";
  link::encode_change(end, bytes);
  try {
    Received::read(pipe.first.get(), bytes, temp_.path());
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("could not list its changes: cannot read 'x'"));
  }
}

TEST(Classes, OfPaths) {
  const auto is = [](std::string_view path, Class of) { return (classes_of_path(path) & bit_of(of)) != 0; };
  EXPECT_TRUE(is(".git/hooks/pre-commit", Class::kGit));
  EXPECT_TRUE(is("sub/.GIT/config", Class::kGit));
  EXPECT_TRUE(is(".git/modules/x/config", Class::kGit));
  EXPECT_TRUE(is("docs/HEAD", Class::kGit));
  EXPECT_FALSE(is(".git/refs/heads/config", Class::kGit));
  EXPECT_FALSE(is(".git/HEAD", Class::kGit));
  EXPECT_FALSE(is("src/config", Class::kGit));
  EXPECT_TRUE(is(".github/workflows/ci.yml", Class::kCi));
  EXPECT_TRUE(is("Jenkinsfile", Class::kCi));
  EXPECT_TRUE(is("x/.vscode/tasks.json", Class::kEditor));
  EXPECT_TRUE(is("a.code-workspace", Class::kEditor));
  EXPECT_TRUE(is(".envrc", Class::kAgent));
  EXPECT_TRUE(is(".claude/settings.json", Class::kAgent));
  EXPECT_EQ(classes_of_path("src/main.cc"), 0U);
  EXPECT_EQ(classes_of_path("envrc"), 0U);
}

TEST(Classes, LinksThatLeadOut) {
  EXPECT_FALSE(leads_out("a/b", "../c"));
  EXPECT_FALSE(leads_out("a", "b/c"));
  EXPECT_TRUE(leads_out("a", "../c"));
  EXPECT_TRUE(leads_out("a/b", "../../c"));
  EXPECT_TRUE(leads_out("a", "/etc"));
  // Whatever b is by then.
  EXPECT_TRUE(leads_out("a", "b/../c"));
}

}  // namespace
}  // namespace caisson::changes
