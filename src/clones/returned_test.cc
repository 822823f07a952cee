// SPDX-License-Identifier: Apache-2.0

#include "clones/returned.h"

#include <gmock/gmock.h>

#include "base/random.h"
#include "clones/returning_for_test.h"

namespace caisson::clones {
namespace {

using ::testing::HasSubstr;

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
    EXPECT_NE(error_of([&] { take(bytes, head); }), "");
    EXPECT_FALSE(returned().has(head));
  }
  for (const fs::directory_entry& entry :
       fs::recursive_directory_iterator(repository_folder(sandbox_, 1, 0) + "/objects"))
    EXPECT_FALSE(entry.path().filename().string().starts_with("tmp_")) << entry.path();
  take(good, head);
  EXPECT_TRUE(returned().has(head));
}

TEST_F(Returning, AHeadIsACommitThatIsThere) {
  const HiddenPaths hidden = this->hidden();
  EXPECT_NE(error_of([&] { returned().stand_at(std::string(40, '1'), hidden); }), "");
  EXPECT_NE(error_of([&] { returned().stand_at("HEAD", hidden); }), "");
  EXPECT_NE(error_of([&] { returned().stand_at("--all", hidden); }), "");
  EXPECT_NE(error_of([&] { returned().stand_at("../../heads/main", hidden); }), "");
  EXPECT_NE(error_of([&] { returned().stand_at(host_({"rev-parse", "HEAD:readme"}), hidden); }), "");
  EXPECT_EQ(returned().head(), "");
}

TEST_F(Returning, CommitsThatAreNotWholeDoNotArrive) {
  const TestGit git = inside();
  git.write("readme", "agent\n");
  const std::string head = git.commit("agent");
  // The commit alone.
  EXPECT_NE(error_of([&] { take(pack_of(git, {head}), head); }), "");
  EXPECT_EQ(returned().head(), "");
  returned().deliver("web", Returned::Force::kNo);
  EXPECT_FALSE(host_.ok({"rev-parse", "--verify", "--quiet", "refs/heads/caisson/web"}));
}

TEST_F(Returning, AHiddenFileGetsNoOtherName) {
  const TestGit git = inside();
  const std::string secret = host_({"rev-parse", "HEAD:.env"});
  const std::string tree = object(git, "tree", entry("100644", "public.txt", secret));
  const std::string head = commit_of(git, tree, returned().what().base);
  const std::string error = error_of([&] { take(pack_of(git, {head, tree}), head); });
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

// Of the user's repository a guest may know names of objects that it was not given: of a stash, of another sandbox's
// commits, of a hidden file.
TEST_F(Returning, WhatTheCloneWasNotGivenIsNotGot) {
  const std::string blob = object(host_, "blob", "private\n");
  const std::string folder = object(host_, "tree", entry("100644", "private", blob));
  host_.write("readme", "later\n");
  const std::string later = host_.commit("later");
  EXPECT_FALSE(returned().has(later));
  EXPECT_THAT(error_of([&] { returned().stand_at(later, hidden()); }), HasSubstr("no commit that it has sent"));
  const TestGit git = inside();
  git.write(".git/private", "private\n");
  for (const std::string& content : {entry("100644", "x", blob), entry("40000", "x", folder)}) {
    const std::string tree = object(git, "tree", content);
    const std::string head = commit_of(git, tree, returned().what().base);
    EXPECT_THAT(error_of([&] { take(pack_of(git, {head, tree}), head); }), HasSubstr("neither given nor has sent"));
  }
  const std::string tree = git({"rev-parse", "HEAD^{tree}"});
  const std::string head = commit_of(git, tree, later);
  EXPECT_NE(error_of([&] { take(pack_of(git, {head}), head); }), "");
  EXPECT_EQ(returned().head(), "");
}

TEST_F(Returning, AHiddenFilesContentIsNotSentUnderAnotherName) {
  const TestGit git = inside();
  git.write("guess", "SECRET=1\n");
  const std::string head = git.commit("guessed");
  EXPECT_THAT(error_of([&] { take(pack_behind(git, head, returned().what().base), head); }), HasSubstr("'guess'"));
}

TEST_F(Returning, AHiddenFileMayBeChangedAndRemoved) {
  const TestGit git = inside();
  const std::string readme = entry("100644", "readme", git({"rev-parse", "HEAD:readme"}));
  const std::string blob = object(git, "blob", "OTHER=2\n");
  const std::string changed = object(git, "tree", entry("100644", ".env", blob) + readme);
  const std::string head = commit_of(git, changed, returned().what().base);
  EXPECT_EQ(error_of([&] { take(pack_of(git, {head, changed, blob}), head); }), "");
  std::string shown;
  returned().show({}, [&](std::string_view part) {
    shown += part;
    return true;
  });
  EXPECT_THAT(shown, HasSubstr("-SECRET=1\n+OTHER=2"));
  const std::string removed = object(git, "tree", readme);
  const std::string next = commit_of(git, removed, returned().what().base);
  EXPECT_EQ(error_of([&] { take(pack_of(git, {next, removed}), next); }), "");
}

// What a pack lacks is not taken from elsewhere to make it whole.
TEST_F(Returning, APackThatNeedsAnotherOneIsRefused) {
  const std::string large = base::hex(base::random_bytes(20'000));
  host_.write("large", large);
  host_.commit("large");
  give();
  const TestGit git = inside();
  git.write("large", large + "x");
  const std::string head = git.commit("agent");
  git.write(".git/revisions", head + "\n^" + returned().what().base + "\n");
  base::SpawnOptions options;
  options.argv = {"sh", "-c", "git pack-objects --revs --thin --stdout -q <.git/revisions"};
  options.folder = git.folder;
  const std::string thin = base::run_program(options).out;
  ASSERT_LT(thin.size(), 10'000U);
  EXPECT_THAT(error_of([&] { take(thin, head); }), HasSubstr("unresolved delta"));
}

TEST_F(Returning, APackThatIsTooLargeIsNotStored) {
  const size_t size = kMostPackBytes + 1;
  void* const zeros = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  ASSERT_NE(zeros, MAP_FAILED);
  IncomingPack pack(folder_.path());
  EXPECT_THAT(error_of([&] { pack.add({static_cast<const char*>(zeros), size}); }), HasSubstr("more than 1024 MiB"));
  ::munmap(zeros, size);
}

TEST_F(Returning, OnePackIsKeptOfAllThatCame) {
  work("one\n");
  work("two\n");
  work("three\n");
  size_t packs = 0;
  for (const fs::directory_entry& one : fs::directory_iterator(repository_folder(sandbox_, 1, 0) + "/objects/pack"))
    packs += one.path().extension() == ".pack" ? 1 : 0;
  EXPECT_EQ(packs, 1U);
  EXPECT_EQ(returned().commits(), 3U);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_of_clone(sandbox_, 1)), {}), 3) << "tree, repos, clone.json";
}

// A few objects, and a thousand million files. Names are long, so that its end comes soon.
TEST_F(Returning, ATreeThatExpandsWithoutEndIsRefused) {
  const TestGit git = inside();
  std::vector<std::string> objects = {object(git, "blob", "x")};
  objects.push_back(object(git, "tree", entry("100644", "f", objects.back())));
  for (int depth = 0; depth < 3; ++depth) {
    std::string tree;
    for (int number = 1000; number < 2000; ++number)
      tree += entry("40000", std::to_string(number) + std::string(1000, 'n'), objects.back());
    objects.push_back(object(git, "tree", tree));
  }
  objects.push_back(commit_of(git, objects.back(), returned().what().base));
  const std::string error = error_of([&] { take(pack_of(git, objects), objects.back()); });
  EXPECT_THAT(error, HasSubstr("ut of memory"));
  EXPECT_EQ(returned().head(), "");
}

}  // namespace
}  // namespace caisson::clones
