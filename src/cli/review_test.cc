// SPDX-License-Identifier: Apache-2.0

// `caisson diff`, then `caisson apply`, of a stopped sandbox that gives each of them an account of its own.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/error.h"
#include "base/json_reader.h"
#include "changes/change_set_for_test.h"
#include "cli/command.h"
#include "cli/shown_changes.h"
#include "keeper/record.h"

namespace caisson::cli {
namespace {

using changes::file_node;
using changes::Stream;
using changes::Tree;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class ReviewTest : public testing::Test {
 protected:
  ReviewTest() {
    spec::SandboxSpec spec;
    spec.name = "two-faced";
    spec.engine = "fake";
    spec.command.argv = {"true"};
    spec.remove_at_end = false;
    keeper::State state;
    state.status = keeper::Status::kStopped;
    for (const uint32_t id : {1U, 2U}) {
      ::mkdir(host(id).c_str(), 0755);
      base::write_file_atomic(host(id) + "/Makefile", "all:\n", 0644);
      spec.workspaces.push_back({.id = id, .host = host(id), .guest = host(id)});
      state.changes.push_back({.id = id, .known = true, .added = 1});
    }
    const keeper::Claim claim =
        keeper::NewSandbox(spec.name).commit({.spec = spec, .engine = "fake", .details = base::Json::object()});
    folder_ = claim.folder;
    keeper::write_state(folder_, state);
    for (const char* below : {"/workspaces", "/changes"}) base::make_folders(folder_ + below);
    for (const uint32_t id : {1U, 2U}) {
      struct stat info {};
      ::stat(host(id).c_str(), &info);
      // All that the host has is older.
      base::write_file_atomic(folder_ + "/workspaces/" + std::to_string(id) + ".json",
                              base::Json{{"started_ns", INT64_MAX}, {"inode", info.st_ino}}.dump());
      says(id, Stream());
    }
  }

  std::string host(uint32_t id) const { return temp_ / ("host" + std::to_string(id)); }
  // What the guest says from now on.
  void says(uint32_t id, Stream account) const {
    account.add(link::ChangeRecord());
    base::write_file_atomic(keeper::kept_changes_path(folder_, id), account.bytes());
  }
  // What is written to stdout, stderr and, where it ends with an error, that one.
  static std::string caisson(std::vector<std::string> words) {
    CLI::App app;
    add_diff_command(app);
    add_apply_command(app);
    std::reverse(words.begin(), words.end());
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    std::string error;
    try {
      app.parse(std::move(words));
    } catch (const base::Error& problem) {
      error = std::string("error: ") + problem.what();
    }
    std::fflush(stdout);
    return testing::internal::GetCapturedStdout() + testing::internal::GetCapturedStderr() + error;
  }

  base::TempFolder temp_;
  base::ScopedEnvironment data_{"XDG_DATA_HOME", temp_.path().c_str()};
  base::ScopedEnvironment cache_{"XDG_CACHE_HOME", temp_.path().c_str()};
  base::ScopedEnvironment runtime_{"XDG_RUNTIME_DIR", temp_.path().c_str()};
  std::string folder_;
};

const Tree kMakefile = {{"Makefile", file_node("all:\n")}};

Stream makefile(const std::string& text) {
  return Stream().add("Makefile", file_node(text));
}

TEST_F(ReviewTest, WhatChangedSinceTheDiffIsNotApplied) {
  says(1, makefile("good\n"));
  EXPECT_THAT(caisson({"diff", "two-faced"}), HasSubstr("+good"));
  says(1, makefile("evil\n").add("more", file_node("more\n")));
  const std::vector<std::vector<std::string>> commands = {{"apply", "two-faced"},
                                                          {"apply", "two-faced", "--dry-run"},
                                                          {"apply", "two-faced", "--theirs", "--yes"},
                                                          {"apply", "two-faced", host(1)}};
  for (const std::vector<std::string>& command : commands) {
    EXPECT_EQ(caisson(command), "error: cannot apply to '" + host(1) +
                                    "': 2 files are not what `caisson diff` showed: 'Makefile', 'more' (nothing was "
                                    "changed; look again: `caisson diff two-faced`)");
    EXPECT_EQ(changes::tree_at(host(1)), kMakefile);
  }
  for (const char* no_content : {"--stat", "--name-only", "--json"}) {
    EXPECT_THAT(caisson({"diff", "two-faced", no_content}), HasSubstr("more"));
    EXPECT_THAT(caisson({"apply", "two-faced"}), HasSubstr("2 files are not what"));
  }
  EXPECT_THAT(caisson({"diff", "two-faced"}), HasSubstr("+evil"));
  EXPECT_EQ(caisson({"apply", "two-faced"}), "caisson: applied to '" + host(1) +
                                                 "': 1 file changed, 1 added\ncaisson: nothing to apply to '" +
                                                 host(2) + "'\n");
  EXPECT_EQ(changes::tree_at(host(1)), Tree({{"Makefile", file_node("evil\n")}, {"more", file_node("more\n")}}));
  EXPECT_THAT(read_shown(shown_changes_path(folder_, 1)).paths, IsEmpty());
  EXPECT_THAT(read_shown(shown_changes_path(folder_, 2)).paths, IsEmpty());
}

TEST_F(ReviewTest, NothingIsAppliedWhereAnotherWorkspaceIsNotWhatWasShown) {
  says(1, makefile("good\n"));
  EXPECT_THAT(caisson({"diff", "two-faced"}), HasSubstr("+good"));
  says(2, makefile("evil\n"));
  EXPECT_THAT(caisson({"apply", "two-faced"}), HasSubstr("cannot apply to '" + host(2) + "': 1 file is not what"));
  EXPECT_EQ(changes::tree_at(host(1)), kMakefile);
  EXPECT_EQ(changes::tree_at(host(2)), kMakefile);
}

TEST_F(ReviewTest, WhatNoDiffHasShownIsSaid) {
  says(1, makefile("new\n").add("a", file_node("a\n")).add("b", file_node("b\n")));
  EXPECT_THAT(caisson({"apply", "two-faced", "--dry-run"}),
              HasSubstr("caisson: 3 files were not looked at: `caisson diff two-faced`\n"));
  EXPECT_THAT(caisson({"diff", "two-faced", host(1) + "/a", host(1) + "/b"}), Not(HasSubstr("+new")));
  EXPECT_THAT(caisson({"apply", "two-faced", host(1) + "/a"}), Not(HasSubstr("not looked at")));
  EXPECT_THAT(caisson({"apply", "two-faced"}),
              AllOf(HasSubstr("caisson: 1 file was not looked at: `caisson diff two-faced`\n"), HasSubstr("applied")));
}

TEST_F(ReviewTest, ADiffThatCouldNotShowItNotesNothing) {
  says(1, makefile("new\n"));
  {
    const base::ScopedEnvironment path("PATH", temp_.path().c_str());
    EXPECT_THAT(caisson({"diff", "two-faced"}), HasSubstr("error: cannot show changes"));
  }
  EXPECT_THAT(caisson({"apply", "two-faced", "--dry-run"}), HasSubstr("1 file was not looked at"));
}

TEST_F(ReviewTest, ADamagedNoteStopsAnApply) {
  says(1, makefile("new\n"));
  base::write_file_atomic(shown_changes_path(folder_, 1), "caisson-shown 1\nall\n");
  EXPECT_THAT(caisson({"apply", "two-faced"}),
              HasSubstr("error: cannot read what `caisson diff` has shown, in '" + folder_ + "/workspaces/1.shown'"));
  EXPECT_THAT(caisson({"diff", "two-faced", host(1) + "/Makefile"}), HasSubstr("`caisson diff` without a PATH"));
  EXPECT_EQ(changes::tree_at(host(1)), kMakefile);
  EXPECT_THAT(caisson({"diff", "two-faced"}), HasSubstr("+new"));
  EXPECT_THAT(caisson({"apply", "two-faced"}), HasSubstr("applied"));
}

}  // namespace
}  // namespace caisson::cli
