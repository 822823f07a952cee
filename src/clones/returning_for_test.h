// SPDX-License-Identifier: Apache-2.0

// A clone in which a guest works, and what it sends.
#pragma once

#include <fcntl.h>
#include <sys/mman.h>

#include "clones/repository_for_test.h"
#include "clones/returned.h"

namespace caisson::clones {

namespace fs = std::filesystem;

// A clone in which a guest has worked. Its packs are made as keeper/commits.cc asks for them.
class Returning : public Cloning {
 protected:
  Returning() {
    host_.write("readme", "hello\n");
    host_.write(".env", "SECRET=1\n");
    host_.commit("one");
    give();
  }

  // The guest works in an upper layer of its own: what it was given stays as it is.
  void give(const std::string& folder) {
    fs::remove_all(sandbox_ + "/clones");
    fs::remove_all(guest_.folder);
    clone_from(folder);
    fs::copy(tree_of_clone(sandbox_, 1), guest_.folder, fs::copy_options::recursive | fs::copy_options::copy_symlinks);
  }
  void give() { give(host_.folder); }
  TestGit inside() const { return guest_; }

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
  void take(const std::string& pack, const std::string& head) const {
    returned().take(head, file_of(pack).get(), hidden());
  }
  // As an agent: commits, and this machine takes them in.
  std::string work(const std::string& text) const {
    const TestGit git = inside();
    git.write("readme", text);
    const std::string head = git.commit(text);
    take(pack_behind(git, head, returned().what().base), head);
    return head;
  }
  // Of a commit of a tree with one entry: how it is refused.
  std::string refusal_of_entry(const std::string& mode, const std::string& name, const std::string& content) const {
    const TestGit git = inside();
    const std::string blob = object(git, "blob", content);
    const std::string tree = object(git, "tree", entry(mode, name, blob));
    const std::string commit = commit_of(git, tree);
    const std::string pack = pack_of(git, {blob, tree, commit});
    const std::string error = error_of([&] { take(pack, commit); });
    EXPECT_EQ(returned().has(commit), error.empty());
    return error;
  }

  TestGit guest_{folder_ / "guest"};
};

}  // namespace caisson::clones
