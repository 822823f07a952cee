// SPDX-License-Identifier: Apache-2.0

// A repository of a test's, and git as a user and as a guest would run it: with an author, and with nobody's
// configuration.
#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/process.h"
#include "base/temp_folder_for_test.h"
#include "base/text.h"
#include "clones/make.h"

namespace caisson::clones {

struct TestGit {
  std::string folder;

  base::ProgramResult run(std::vector<std::string> arguments) const {
    base::SpawnOptions options;
    options.argv = {"git", "-c", "protocol.file.allow=always"};
    options.argv.insert(options.argv.end(), arguments.begin(), arguments.end());
    options.environment = {"PATH=/usr/bin:/bin:/usr/local/bin",
                           "HOME=/",
                           "GIT_CONFIG_NOSYSTEM=1",
                           "GIT_CONFIG_GLOBAL=/dev/null",
                           "GIT_AUTHOR_NAME=a",
                           "GIT_AUTHOR_EMAIL=a@example.org",
                           "GIT_COMMITTER_NAME=a",
                           "GIT_COMMITTER_EMAIL=a@example.org"};
    options.folder = folder;
    return base::run_program(options);
  }
  std::string operator()(std::vector<std::string> arguments) const {
    const base::ProgramResult result = run(arguments);
    EXPECT_TRUE(result.status.ok()) << base::join(arguments, " ") << ": " << result.err;
    return std::string(base::trimmed(result.out));
  }
  bool ok(std::vector<std::string> arguments) const { return run(std::move(arguments)).status.ok(); }

  void write(const std::string& path, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(folder + "/" + path).parent_path());
    std::ofstream(folder + "/" + path) << text;
  }
  std::string read(const std::string& path) const { return base::read_file(folder + "/" + path); }
  bool has(const std::string& path) const { return std::filesystem::exists(folder + "/" + path); }
  std::string commit(const std::string& message) const {
    (*this)({"add", "--all"});
    (*this)({"commit", "--quiet", "--allow-empty", "-m", message});
    return (*this)({"rev-parse", "HEAD"});
  }
  // One that was promised is asked for in vain.
  bool has_object(const std::string& name) const { return ok({"cat-file", "-e", name}); }
};

// What it throws, or "".
template <typename Work>
std::string error_of(Work work) {
  try {
    work();
  } catch (const base::Error& error) {
    return error.what();
  }
  return {};
}

// An object as it is told to be, whatever git thinks of it.
inline std::string object(const TestGit& git, const std::string& type, const std::string& bytes) {
  git.write(".git/bytes", bytes);
  return git({"hash-object", "-t", type, "--literally", "-w", ".git/bytes"});
}
// An entry of a tree.
inline std::string entry(const std::string& mode, const std::string& name, const std::string& object) {
  return mode + " " + name + std::string(1, '\0') + base::from_hex(object).value();
}
inline std::string commit_of(const TestGit& git, const std::string& tree, const std::string& parent = {}) {
  return object(git, "commit",
                "tree " + tree + (parent.empty() ? "" : "\nparent " + parent) +
                    "\nauthor a <a@b> 1 +0000\ncommitter a <a@b> 1 +0000\n\nmade\n");
}

class Cloning : public testing::Test {
 protected:
  Cloning() {
    std::filesystem::create_directories(host_.folder);
    std::filesystem::create_directories(sandbox_);
    host_({"init", "--quiet", "-b", "main"});
  }

  std::vector<std::string> clone_from(const std::string& folder) {
    return make_clone({.sandbox_folder = sandbox_,
                       .sandbox = "web",
                       .id = 1,
                       .host = std::filesystem::canonical(folder).string(),
                       .masks = masks_,
                       .unmasks = unmasks_});
  }
  std::vector<std::string> clone() { return clone_from(host_.folder); }
  TestGit inside() const { return {tree_of_clone(sandbox_, 1)}; }

  base::ScopedEnvironment global_{"GIT_CONFIG_GLOBAL", "/dev/null"};
  base::ScopedEnvironment system_{"GIT_CONFIG_NOSYSTEM", "1"};
  base::TempFolder folder_;
  TestGit host_{folder_ / "host"};
  std::string sandbox_ = folder_ / "sandbox";
  std::vector<std::string> masks_ = {".env*", "secrets/key"};
  std::vector<std::string> unmasks_ = {".env.example"};
};

}  // namespace caisson::clones
