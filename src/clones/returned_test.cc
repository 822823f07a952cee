// SPDX-License-Identifier: Apache-2.0

#include "clones/returned.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"
#include "base/random.h"
#include "clones/repository_for_test.h"

namespace caisson::clones {
namespace {

namespace fs = std::filesystem;

// A clone in which a guest has worked. Its packs are made as keeper/commits.cc asks for them.
class Returning : public Cloning {
 protected:
  Returning() {
    host_.write("readme", "hello\n");
    host_.write(".env", "SECRET=1\n");
    host_.commit("one");
    clone();
  }

  Returned returned() const { return returned_of(sandbox_, 1).at(0); }
  HiddenPaths hidden() const { return HiddenPaths(masks_, unmasks_); }

  static base::Fd file_of(const std::string& bytes) {
    base::Fd file(::memfd_create("pack", MFD_CLOEXEC));
    base::write_all(file.get(), {bytes.data(), bytes.size()}, "pack");
    return file;
  }
  // The pack of these objects, or of what `git` has behind `head`.
  std::string pack_of(const TestGit& git, const std::vector<std::string>& objects) const {
    git.write(".git/objects.list", base::join(objects, "\n") + "\n");
    const std::string folder = git.folder + "/.git/out";
    fs::create_directories(folder);
    base::SpawnOptions options;
    const base::Fd list = base::open_file(git.folder + "/.git/objects.list", O_RDONLY);
    options.argv = {"git", "pack-objects", "-q", folder + "/pack"};
    options.environment = {"PATH=/usr/bin:/bin:/usr/local/bin", "HOME=/", "GIT_CONFIG_NOSYSTEM=1"};
    options.folder = git.folder;
    options.descriptors = {{list.get(), 0}};
    const base::ProgramResult made = base::run_program(options);
    EXPECT_TRUE(made.status.ok()) << made.err;
    return base::read_file(folder + "/pack-" + std::string(base::trimmed(made.out)) + ".pack");
  }
  std::string pack_behind(const TestGit& git, const std::string& head, const std::string& base) const {
    std::vector<std::string> arguments = {"rev-list", "--objects", "--no-object-names", head};
    if (!base.empty()) arguments.push_back("^" + base);
    return pack_of(git, base::split(git(arguments), '\n'));
  }
  void take(const std::string& pack) const { returned().take_pack(file_of(pack).get()); }
  // As an agent: commits, and this machine takes them in.
  std::string work(const std::string& text) const {
    const TestGit git = inside();
    git.write("readme", text);
    const std::string head = git.commit(text);
    take(pack_behind(git, head, returned().what().base));
    returned().set_head(head, hidden());
    return head;
  }
  template <typename Work>
  static std::string error_of(Work work) {
    try {
      work();
    } catch (const base::Error& error) {
      return error.what();
    }
    return {};
  }
  // An object as it is told to be, whatever git thinks of it.
  static std::string object(const TestGit& git, const std::string& type, const std::string& bytes) {
    git.write(".git/bytes", bytes);
    return git({"hash-object", "-t", type, "--literally", "-w", ".git/bytes"});
  }
  static std::string bytes_of(const std::string& digits) {
    std::string bytes;
    for (size_t i = 0; i < digits.size(); i += 2)
      bytes.push_back(static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16)));
    return bytes;
  }
  // Of a commit of a tree with one entry: how it is refused.
  std::string refusal_of_entry(const std::string& mode, const std::string& name, const std::string& content) const {
    const TestGit git = inside();
    const std::string blob = object(git, "blob", content);
    const std::string tree = object(git, "tree", mode + " " + name + std::string(1, '\0') + bytes_of(blob));
    const std::string commit =
        object(git, "commit", "tree " + tree + "\nauthor a <a@b> 1 +0000\ncommitter a <a@b> 1 +0000\n\nhostile\n");
    const std::string pack = pack_of(git, {blob, tree, commit});
    const std::string error = error_of([&] { take(pack); });
    EXPECT_EQ(returned().has(commit), error.empty());
    return error;
  }
};

TEST_F(Returning, CommitsComeBackOnABranch) {
  host_.write("readme", "changed meanwhile, and not committed\n");
  const std::string index = host_.read(".git/index");
  const std::string before = host_({"rev-parse", "HEAD"});
  const std::string head = work("agent\n");
  EXPECT_EQ(returned().commits(), 1U);
  EXPECT_FALSE(returned().is_delivered());
  returned().deliver("web", Returned::Force::kNo);
  EXPECT_TRUE(returned().is_delivered());
  EXPECT_EQ(host_({"rev-parse", "caisson/web"}), head);
  EXPECT_EQ(host_({"show", "caisson/web:readme"}), "agent");
  EXPECT_EQ(host_({"show", "caisson/web:.env"}), "SECRET=1");
  // Nothing else is touched.
  EXPECT_EQ(host_.read("readme"), "changed meanwhile, and not committed\n");
  EXPECT_EQ(host_.read(".git/index"), index);
  EXPECT_EQ(host_({"rev-parse", "HEAD"}), before);
  EXPECT_EQ(host_({"for-each-ref", "--format=%(refname)"}), "refs/heads/caisson/web\nrefs/heads/main");
  EXPECT_FALSE(host_.has(".git/FETCH_HEAD"));
  EXPECT_TRUE(host_.ok({"fsck", "--strict"}));
  // And again, with more.
  const std::string next = work("again\n");
  EXPECT_FALSE(returned().is_delivered());
  returned().deliver("web", Returned::Force::kNo);
  EXPECT_EQ(host_({"rev-parse", "caisson/web"}), next);
  EXPECT_EQ(returned().titles().size(), 2U);
}

TEST_F(Returning, WhatTheUserHasPutOnTheBranchStays) {
  work("agent\n");
  returned().deliver("web", Returned::Force::kNo);
  host_({"checkout", "--quiet", "caisson/web"});
  host_.write("mine", "x");
  const std::string mine = host_.commit("mine");
  host_({"checkout", "--quiet", "main"});
  returned().deliver("web", Returned::Force::kNo);
  EXPECT_EQ(host_({"rev-parse", "caisson/web"}), mine);
  work("more\n");
  const std::string error = error_of([&] { returned().deliver("web", Returned::Force::kNo); });
  EXPECT_NE(error.find("--theirs"), std::string::npos) << error;
  EXPECT_EQ(host_({"rev-parse", "caisson/web"}), mine);
  returned().deliver("web", Returned::Force::kYes);
  EXPECT_EQ(host_({"rev-parse", "caisson/web"}), returned().head());
}

TEST_F(Returning, ABranchThatIsCheckedOutIsNotMoved) {
  const std::string first = work("agent\n");
  returned().deliver("web", Returned::Force::kNo);
  host_({"checkout", "--quiet", "--force", "caisson/web"});
  work("more\n");
  const std::string error = error_of([&] { returned().deliver("web", Returned::Force::kYes); });
  EXPECT_NE(error.find("checked out"), std::string::npos) << error;
  EXPECT_EQ(host_({"rev-parse", "HEAD"}), first);
}

TEST_F(Returning, OfARepositoryWithoutACommit) {
  const TestGit empty{folder_ / "empty"};
  fs::create_directories(empty.folder);
  empty({"init", "--quiet", "-b", "main"});
  fs::remove_all(sandbox_ + "/clones");
  clone_from(empty.folder);
  const std::string head = work("first\n");
  EXPECT_EQ(returned().commits(), 1U);
  returned().deliver("web", Returned::Force::kNo);
  EXPECT_EQ(empty({"rev-parse", "caisson/web"}), head);
  EXPECT_FALSE(empty.ok({"rev-parse", "--verify", "--quiet", "HEAD"}));
}

TEST_F(Returning, NamesThatAreNoneAreRefused) {
  for (const char* name : {".git", ".GIT", ".git ", "git~1", ".g\xe2\x80\x8cit", "..", ".", "a/b"}) {
    const std::string error = refusal_of_entry("100644", name, "x\n");
    EXPECT_NE(error.find("fsck error"), std::string::npos) << name << ": " << error;
  }
  EXPECT_NE(refusal_of_entry("120000", ".gitmodules", "/etc/passwd").find("gitmodulesSymlink"), std::string::npos);
  EXPECT_NE(refusal_of_entry("100644", ".gitmodules", "[submodule \"../x\"]\n\tpath = a\n\turl = b\n").find("fsck"),
            std::string::npos);
  EXPECT_NE(refusal_of_entry("100644", ".gitmodules", "[submodule \"x\"]\n\tpath = a\n\turl = --upload-pack=x\n")
                .find("fsck"),
            std::string::npos);
  EXPECT_EQ(refusal_of_entry("100644", "ordinary", "x\n"), "") << "the test itself refuses";
}

TEST_F(Returning, WhatIsNoPackIsRefusedAndLeavesNothing) {
  const TestGit git = inside();
  git.write("readme", "agent\n");
  const std::string head = git.commit("agent");
  const std::string good = pack_behind(git, head, returned().what().base);
  std::string flipped = good;
  flipped[good.size() / 2] = static_cast<char>(flipped[good.size() / 2] ^ 1);
  std::string many = good;  // 2^32 - 1 objects
  many.replace(8, 4, "\xff\xff\xff\xff");
  // A tree that claims 2^40 bytes, and has one.
  const std::string huge("PACK\0\0\0\2\0\0\0\1\xa0\x80\x80\x80\x80\x80\x02\x78\x01\x01\x01\0\xfe\xff\x78\0\x79\0\x79",
                         31);
  for (const std::string& bytes : {std::string(), std::string("PACK"), base::random_bytes(1000),
                                   good.substr(0, good.size() - 7), flipped, many, huge}) {
    EXPECT_NE(error_of([&] { take(bytes); }), "");
    EXPECT_FALSE(returned().has(head));
  }
  for (const fs::directory_entry& entry :
       fs::recursive_directory_iterator(repository_folder(sandbox_, 1, 0) + "/objects"))
    EXPECT_FALSE(entry.path().filename().string().starts_with("tmp_")) << entry.path();
  take(good);
  EXPECT_TRUE(returned().has(head));
}

TEST_F(Returning, AHeadIsACommitThatIsThere) {
  const HiddenPaths hidden = this->hidden();
  EXPECT_NE(error_of([&] { returned().set_head(std::string(40, '1'), hidden); }), "");
  EXPECT_NE(error_of([&] { returned().set_head("HEAD", hidden); }), "");
  EXPECT_NE(error_of([&] { returned().set_head("--all", hidden); }), "");
  EXPECT_NE(error_of([&] { returned().set_head("../../heads/main", hidden); }), "");
  EXPECT_NE(error_of([&] { returned().set_head(host_({"rev-parse", "HEAD:readme"}), hidden); }), "");
  EXPECT_EQ(returned().head(), "");
}

TEST_F(Returning, CommitsThatAreNotWholeDoNotArrive) {
  const TestGit git = inside();
  git.write("readme", "agent\n");
  const std::string head = git.commit("agent");
  // The commit alone.
  take(pack_of(git, {head}));
  EXPECT_NE(error_of([&] {
              returned().set_head(head, hidden());
              returned().deliver("web", Returned::Force::kNo);
            }),
            "");
  EXPECT_FALSE(host_.ok({"rev-parse", "--verify", "--quiet", "refs/heads/caisson/web"}));
}

TEST_F(Returning, AHiddenFileGetsNoOtherName) {
  const TestGit git = inside();
  const std::string secret = host_({"rev-parse", "HEAD:.env"});
  const std::string tree = object(git, "tree", "100644 public.txt" + std::string(1, '\0') + bytes_of(secret));
  const std::string head = object(git, "commit",
                                  "tree " + tree + "\nparent " + returned().what().base +
                                      "\nauthor a <a@b> 1 +0000\ncommitter a <a@b> 1 +0000\n\nuncover\n");
  take(pack_of(git, {head, tree}));
  const std::string error = error_of([&] { returned().set_head(head, hidden()); });
  EXPECT_NE(error.find("'public.txt'"), std::string::npos) << error;
  EXPECT_EQ(returned().head(), "");
}

TEST_F(Returning, TheGuestsOwnRepositoryIsNotAsked) {
  // Hooks and configuration of the clone, as a guest could have made them in its own copy.
  const TestGit git = inside();
  const std::string mark = folder_ / "ran";
  git.write("run", "#!/bin/sh\ntouch '" + mark + "'\n");
  fs::permissions(git.folder + "/run", fs::perms::owner_all);
  const std::string head = work("agent\n");
  git({"config", "core.fsmonitor", git.folder + "/run"});
  git({"config", "core.alternateRefsCommand", git.folder + "/run"});
  git({"config", "uploadpack.packObjectsHook", git.folder + "/run"});
  returned().deliver("web", Returned::Force::kNo);
  returned().show({.options = {}}, [](std::string_view) { return true; });
  EXPECT_EQ(host_({"rev-parse", "caisson/web"}), head);
  EXPECT_FALSE(fs::exists(mark));
}

TEST_F(Returning, WhatTheyChangeIsShown) {
  work("agent\n");
  std::string shown;
  returned().show({.options = {"--name-status"}}, [&](std::string_view part) {
    shown += part;
    return true;
  });
  EXPECT_EQ(shown, "M\treadme\n");
  shown.clear();
  returned().show({.options = {}, .paths = {"other"}}, [&](std::string_view part) {
    shown += part;
    return true;
  });
  EXPECT_EQ(shown, "");
  EXPECT_EQ(returned().titles().at(0).substr(8), "agent");
}

TEST_F(Returning, TitlesDoNotSteerTheTerminal) {
  work("\x1b[31mred\n");
  EXPECT_EQ(returned().titles().at(0).find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace caisson::clones
