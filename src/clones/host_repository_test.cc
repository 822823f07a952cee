// SPDX-License-Identifier: Apache-2.0

// Repositories that are hostile to who clones them: by what they name, by what they lead to, by what they check out.

#include "clones/host_repository.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "clones/references.h"
#include "clones/repository_for_test.h"
#include "clones/returned.h"
#include "clones/source.h"
#include "clones/tree_list.h"

namespace caisson::clones {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class HostileSource : public Cloning {
 protected:
  // Another repository of the user's, which nobody has said is to be shared.
  HostileSource() {
    fs::create_directories(private_.folder);
    private_({"init", "--quiet", "-b", "main"});
    private_.write("secret", "private\n");
    secret_ = private_.commit("private");
    host_.write("a", "1\n");
    host_.commit("one");
  }

  std::string refusal(const std::string& folder) {
    return error_of([&] { clone_from(folder); });
  }
  std::string refusal() { return refusal(host_.folder); }
  // A program of the repository's that leaves a mark.
  std::string trap() const {
    host_.write("trap", "#!/bin/sh\ntouch '" + mark_ + "'\ncat\n");
    fs::permissions(host_.folder + "/trap", fs::perms::owner_all);
    return host_.folder + "/trap";
  }
  std::string object(const std::string& type, const std::string& bytes) const {
    return clones::object(host_, type, bytes);
  }
  // Makes a commit of this tree the one that is checked out.
  void check_out(const std::string& tree) const {
    const std::string commit = commit_of(host_, object("tree", tree));
    host_.write(".git/refs/heads/main", commit + "\n");
  }

  const TestGit private_{folder_ / "private"};
  std::string secret_;
  const std::string mark_ = folder_ / "ran";
};

TEST_F(HostileSource, ALinkAndASubmoduleOfOneNameWriteNothingOutside) {
  fs::create_directories(folder_ / "outside");
  const std::string link = object("blob", folder_ / "outside");
  const std::string commit = host_({"rev-parse", "HEAD"});
  // A working tree for the submodule, so that it is cloned.
  fs::create_directories(host_.folder + "/x");
  const TestGit sub{host_.folder + "/x"};
  sub({"init", "--quiet", "-b", "main"});
  sub.write("b", "1\n");
  const std::string inner = sub.commit("inner");
  for (const std::string& tree :
       {entry("120000", "x", link) + entry("160000", "x", inner),
        entry("160000", "x", inner) + entry("120000", "x", link),
        entry("120000", "x", link) + entry("40000", "x", object("tree", entry("160000", "y", inner))),
        entry("120000", "x", link) + entry("160000", "x/y", inner)}) {
    check_out(tree);
    fs::remove_all(sandbox_ + "/clones");
    EXPECT_THAT(refusal(), testing::AnyOf(HasSubstr("twice"), HasSubstr("in what is no folder")));
    EXPECT_TRUE(fs::is_empty(folder_ / "outside"));
  }
  check_out(entry("160000", "x", inner));
  fs::remove_all(sandbox_ + "/clones");
  EXPECT_EQ(refusal(), "") << "the test itself refuses";
}

TEST_F(HostileSource, NamesThatAreNoneAreNotCheckedOut) {
  const std::string blob = object("blob", "x\n");
  for (const char* name : {".git", ".GIT", "git~1", ".."}) {
    check_out(entry("40000", name, object("tree", entry("100644", "config", blob))));
    fs::remove_all(sandbox_ + "/clones");
    EXPECT_NE(refusal(), "") << name;
    EXPECT_FALSE(fs::exists(sandbox_ + "/clones/1/config"));
  }
}

TEST_F(HostileSource, NothingThatItNamesIsRun) {
  const std::string program = trap();
  host_.write("README", "x\n");
  host_.write(".gitattributes", "* filter=trap diff=trap\n");
  host_.commit("attributes");
  host_({"config", "filter.trap.clean", program});
  host_({"config", "filter.trap.smudge", program});
  host_({"config", "filter.trap.process", program});
  host_({"config", "diff.trap.textconv", program});
  host_({"config", "diff.trap.command", program});
  host_({"config", "diff.external", program});
  host_({"config", "core.fsmonitor", program});
  host_({"config", "core.sshCommand", program});
  host_({"config", "uploadpack.packObjectsHook", program});
  host_({"config", "core.hooksPath", host_.folder + "/hooks"});
  host_({"config", "protocol.ext.allow", "always"});
  host_({"config", "remote.origin.promisor", "true"});
  host_({"config", "remote.origin.url", "ext::" + program});
  host_({"config", "url.ext::" + program + " .insteadOf", "/"});
  host_({"config", "include.path", folder_ / "included"});
  fs::create_directories(host_.folder + "/hooks");
  for (const char* hook : {"post-checkout", "post-index-change", "reference-transaction", "pre-auto-gc"})
    fs::copy(program, host_.folder + "/hooks/" + hook);
  // As new as the index: git would look into it.
  host_.write("README", "y\n");
  fs::remove(mark_);
  clone();
  const TestGit guest{folder_ / "guest"};
  fs::copy(tree_of_clone(sandbox_, 1), guest.folder, fs::copy_options::recursive);
  guest.write("new", "x\n");
  const std::string head = guest.commit("agent");
  base::SpawnOptions options;
  options.argv = {"sh", "-c", "git rev-list --objects --no-object-names HEAD ^HEAD~ | git pack-objects -q --stdout"};
  options.folder = guest.folder;
  const std::string bytes = base::run_program(options).out;
  base::write_file_atomic(folder_ / "pack", bytes);
  const base::Fd pack = base::open_file(folder_ / "pack", O_RDONLY);
  Returned returned = returned_of(sandbox_, 1).at(0);
  returned.take(head, pack.get(), HiddenPaths(masks_, unmasks_));
  EXPECT_FALSE(returned.is_delivered());
  returned.show({}, [](std::string_view) { return true; });
  returned.deliver("web", Returned::Force::kNo);
  EXPECT_TRUE(returned.is_delivered());
  EXPECT_FALSE(fs::exists(mark_));
  EXPECT_EQ(base::trimmed(host_.read(".git/refs/heads/caisson/web")), head);
}

TEST_F(HostileSource, AGitFileLeadsToNoOtherRepository) {
  const TestGit plain{folder_ / "plain"};
  fs::create_directories(plain.folder);
  plain.write(".git", "gitdir: " + private_.folder + "/.git\n");
  EXPECT_THAT(refusal(plain.folder), HasSubstr("is not followed"));
  fs::remove(plain.folder + "/.git");
  fs::create_directory_symlink(private_.folder + "/.git", plain.folder + "/.git");
  EXPECT_THAT(refusal(plain.folder), HasSubstr("is no folder and no file"));
}

// Two submodules of one superproject: the .git file of one names the other's folder.
TEST_F(HostileSource, ASubmoduleIsNotAnotherOne) {
  host_({"submodule", "--quiet", "add", private_.folder, "one"});
  host_({"submodule", "--quiet", "add", private_.folder, "two"});
  host_.commit("two submodules");
  const TestGit one{host_.folder + "/one"};
  EXPECT_EQ(refusal(one.folder), "");
  fs::remove_all(sandbox_ + "/clones");
  one.write(".git", "gitdir: ../.git/modules/two\n");
  EXPECT_THAT(refusal(one.folder), HasSubstr("is not that of this folder"));
}

TEST_F(HostileSource, ACommonFolderIsNotBelieved) {
  host_.write(".git/commondir", private_.folder + "/.git\n");
  clone();
  EXPECT_FALSE(inside().has_object(secret_));
  EXPECT_EQ(inside().read("a"), "1\n");
}

TEST_F(HostileSource, ObjectsOfAnotherRepositoryDoNotComeIn) {
  host_.write(".git/refs/heads/stolen", secret_ + "\n");
  host_.write(".git/objects/info/alternates", private_.folder + "/.git/objects\n");
  EXPECT_THAT(refusal(), HasSubstr("borrows objects of another one"));
  fs::remove(host_.folder + "/.git/objects/info/alternates");
  // By links: of the folder, of one within it.
  private_({"gc", "--quiet"});
  fs::remove_all(sandbox_ + "/clones");
  fs::remove_all(host_.folder + "/.git/objects/pack");
  fs::create_directory_symlink(private_.folder + "/.git/objects/pack", host_.folder + "/.git/objects/pack");
  EXPECT_THAT(refusal(), HasSubstr("Permission denied"));
  EXPECT_FALSE(inside().has_object(secret_));
  fs::remove_all(sandbox_ + "/clones");
  fs::rename(host_.folder + "/.git/objects", folder_ / "objects");
  fs::create_directory_symlink(private_.folder + "/.git/objects", host_.folder + "/.git/objects");
  EXPECT_THAT(refusal(), HasSubstr("not behind a link"));
}

TEST_F(HostileSource, LinksAmongItsReferencesAreNotThere) {
  fs::create_symlink(private_.folder + "/.git/refs/heads/main", host_.folder + "/.git/refs/heads/stolen");
  fs::create_directory_symlink(private_.folder + "/.git/refs/heads", host_.folder + "/.git/refs/heads/all");
  clone();
  EXPECT_FALSE(inside().ok({"rev-parse", "--verify", "origin/stolen"}));
  EXPECT_FALSE(inside().ok({"rev-parse", "--verify", "origin/all/main"}));
  fs::remove_all(sandbox_ + "/clones");
  fs::remove(host_.folder + "/.git/HEAD");
  fs::create_symlink(private_.folder + "/.git/HEAD", host_.folder + "/.git/HEAD");
  EXPECT_THAT(refusal(), HasSubstr("there is a symbolic link"));
}

TEST_F(HostileSource, ReferencesThatAreTooManyAreRefused) {
  const std::string object = host_({"rev-parse", "HEAD"});
  std::string packed;
  for (size_t i = 0; i <= kMostReferences; ++i) packed += object + " refs/heads/b" + std::to_string(i) + "\n";
  host_.write(".git/packed-refs", packed);
  EXPECT_THAT(refusal(), HasSubstr("more than 10000 branches and tags"));
}

TEST_F(HostileSource, ReferencesThatAreNoNamesAreNotUsed) {
  const std::string object = host_({"rev-parse", "HEAD"});
  host_.write(".git/packed-refs", object + " refs/heads/a..b\n" + object + " refs/heads/--all\n");
  host_.write(".git/refs/heads/x\ncreate refs/tags/y " + object, object + "\n");
  clone();
  EXPECT_EQ(inside()({"for-each-ref", "--format=%(refname)"}),
            "refs/heads/main\nrefs/remotes/origin/--all\nrefs/remotes/origin/main");
}

// As git: who may write to it is another user. Only root can make one of that kind; to others, root's is one.
TEST_F(HostileSource, ARepositoryOfAnotherUserIsRefused) {
  std::string folder = "/proc/1";
  if (::geteuid() == 0) {
    folder = host_.folder + "/.git";
    ASSERT_EQ(::chown(folder.c_str(), 12345, static_cast<gid_t>(-1)), 0);
  }
  EXPECT_THAT(error_of([&] { HostRepository(folder, folder_.path()); }), HasSubstr("belongs to another user"));
}

TEST_F(HostileSource, AReftableIsRefused) {
  fs::create_directories(host_.folder + "/.git/reftable");
  EXPECT_THAT(refusal(), HasSubstr("keeps its references in a reftable"));
}

TEST_F(HostileSource, ATreeThatExpandsWithoutEndIsRefused) {
  // Each name is long, so that it is over soon.
  std::string tree = object("tree", entry("100644", "f", object("blob", "x")));
  for (int depth = 0; depth < 3; ++depth) {
    std::string bytes;
    for (int number = 1000; number < 2000; ++number)
      bytes += entry("40000", std::to_string(number) + std::string(200, 'n'), tree);
    tree = object("tree", bytes);
  }
  check_out(entry("40000", "bomb", tree));
  GitCall call{.repository = host_.folder + "/.git", .arguments = {}, .bounds = kForGuests};
  EXPECT_THAT(error_of([&] { list_tree(call, "main", "cannot list"); }), HasSubstr("git says more than is taken"));
}

TEST_F(HostileSource, AnotherRepositoryInItsPlaceIsNotTakenForIt) {
  const RepositoryId id = HostRepository(host_.folder + "/.git", folder_.path()).id();
  fs::rename(host_.folder, folder_ / "moved");
  fs::create_directories(host_.folder);
  host_({"init", "--quiet"});
  EXPECT_THAT(error_of([&] { HostRepository(id, folder_.path()); }), HasSubstr("is another one than"));
}

}  // namespace
}  // namespace caisson::clones
