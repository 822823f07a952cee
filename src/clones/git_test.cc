// SPDX-License-Identifier: Apache-2.0

// What a git that was taken over could do: an alias is a shell's script, and stands for the hole.

#include "clones/git.h"

#include <fcntl.h>
#include <gmock/gmock.h>

#include <fstream>

#include "base/error.h"
#include "clones/host_repository.h"
#include "clones/repository_for_test.h"

namespace caisson::clones {
namespace {

using ::testing::HasSubstr;

class GitRuns : public testing::Test {
 protected:
  GitRuns() { make_bare(repository_, "sha1"); }

  GitCall script(const std::string& text) const {
    return {.repository = repository_, .arguments = {"-c", "alias.hole=!" + text, "hole"}};
  }

  const base::TempFolder folder_;
  const std::string repository_ = folder_ / "ours.git";
};

TEST_F(GitRuns, ReadsAndChangesNothingElse) {
  const std::string outside = folder_ / "outside";
  std::ofstream(outside) << "secret\n";
  EXPECT_NE(run_git(script("cat '" + outside + "'")).status.code, 0);
  EXPECT_NE(run_git(script("echo x >'" + outside + "'")).status.code, 0);
  EXPECT_NE(run_git(script("rm '" + outside + "'")).status.code, 0);
  EXPECT_NE(run_git(script("echo x >'" + (folder_ / "new") + "'")).status.code, 0);
  EXPECT_NE(run_git(script("cat /proc/self/environ")).status.code, 0);
  EXPECT_EQ(base::read_file(outside), "secret\n");
  std::filesystem::create_symlink(outside, repository_ + "/link");
  EXPECT_NE(run_git(script("cat '" + repository_ + "/link'")).status.code, 0);
  EXPECT_TRUE(run_git(script("echo x >'" + repository_ + "/new'")).status.ok()) << "nothing works at all";
}

TEST_F(GitRuns, ReadsTheFoldersThatAreNamedAsTheyWereOpened) {
  std::filesystem::create_directories(folder_ / "given");
  std::filesystem::create_directories(folder_ / "other");
  std::ofstream(folder_ / "given/file") << "given\n";
  std::ofstream(folder_ / "other/file") << "other\n";
  const base::Fd given = base::open_file(folder_ / "given", O_PATH | O_DIRECTORY);
  GitCall call = script("cat '" + (folder_ / "given/file") + "'");
  call.objects = {{.path = folder_ / "given", .fd = given.get()}};
  EXPECT_EQ(run_git(call).out, "given\n");
  std::filesystem::rename(folder_ / "given", folder_ / "moved");
  std::filesystem::create_directory_symlink(folder_ / "other", folder_ / "given");
  EXPECT_EQ(run_git(call).out, "");
}

TEST_F(GitRuns, HasNothingOfTheUsersConfiguration) {
  std::ofstream(folder_ / "config") << "[alias]\n\thole = version\n";
  base::ScopedEnvironment global("GIT_CONFIG_GLOBAL", (folder_ / "config").c_str());
  base::ScopedEnvironment count("GIT_CONFIG_COUNT", "1");
  base::ScopedEnvironment key("GIT_CONFIG_KEY_0", "alias.hole");
  base::ScopedEnvironment value("GIT_CONFIG_VALUE_0", "version");
  EXPECT_FALSE(run_git({.repository = repository_, .arguments = {"hole"}}).status.ok());
}

TEST_F(GitRuns, TakesWhatItIsGivenAndNoMore) {
  GitCall call = script("ulimit -v; ulimit -f; ulimit -c");
  call.bounds = kForGuests;
  EXPECT_EQ(run_git(call).out, "2097152\n4194304\n0\n");
  call = script("yes");
  call.bounds = kForGuests;
  EXPECT_THAT(error_of([&] { run_git(call); }), HasSubstr("git says more than is taken"));
  call = script("yes >&2 & exec sleep 1000");
  call.bounds.time = std::chrono::milliseconds(300);
  EXPECT_THAT(error_of([&] { run_git(call); }), HasSubstr("takes too long"));
  call = script("exec >&- 2>&-; sleep 1000");
  call.bounds.time = std::chrono::milliseconds(300);
  EXPECT_THAT(error_of([&] { run_git(call); }), HasSubstr("takes too long"));
}

}  // namespace
}  // namespace caisson::clones
