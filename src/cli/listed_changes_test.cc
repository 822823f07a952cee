// SPDX-License-Identifier: Apache-2.0

// What is asked for is shown, all of it.

#include "cli/listed_changes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "base/fd.h"
#include "base/file.h"
#include "base/temp_folder_for_test.h"

namespace caisson::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class ListedChangesTest : public testing::Test {
 protected:
  ListedChangesTest() {
    for (size_t i = 0; i <= 25; ++i) {
      changes::Change change;
      change.path = i < 25 ? "harmless-" + std::to_string(i) : "wicked\x1b";
      change.after = changes::FileType::kFile;
      changes_.push_back(change);
    }
    for (const changes::Change& change : changes_) all_.push_back(&change);
  }
  // What a terminal of that many lines shows.
  std::string shown(uint16_t rows, const std::string& pager) const {
    int user = -1;
    winsize size{.ws_row = rows, .ws_col = 80, .ws_xpixel = 0, .ws_ypixel = 0};
    const pid_t child = forkpty(&user, nullptr, nullptr, &size);
    if (child == 0) {
      for (const char* variable : {"GIT_PAGER", "PAGER"}) ::setenv(variable, pager.c_str(), 1);
      list_all("these:", all_);
      ::_exit(0);
    }
    const base::Fd screen(user);
    std::string text;
    char buffer[4096];
    // EIO when the child has ended (pty(7)).
    for (ssize_t got = 0; (got = ::read(user, buffer, sizeof buffer)) > 0;)
      text.append(buffer, static_cast<size_t>(got));
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    return text;
  }

  std::vector<changes::Change> changes_;
  std::vector<const changes::Change*> all_;
  base::TempFolder temp_;
};

TEST_F(ListedChangesTest, AreAllListedWithoutATerminal) {
  testing::internal::CaptureStderr();
  list_all("these:", all_);
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 27);
  EXPECT_THAT(said, HasSubstr("caisson:   A\twicked\\x1b\n"));
}

TEST_F(ListedChangesTest, AreListedWhereTheyFit) {
  const std::string said = shown(40, "cat >" + temp_.path() + "/paged");
  EXPECT_THAT(said, HasSubstr("wicked\\x1b"));
  EXPECT_EQ(::access((temp_ / "paged").c_str(), F_OK), -1);
}

TEST_F(ListedChangesTest, GoThroughThePagerWhereTheyDoNotFit) {
  const std::string said = shown(24, "cat >" + temp_.path() + "/paged");
  EXPECT_THAT(said, Not(HasSubstr("wicked")));
  const std::string paged = base::read_file(temp_ / "paged");
  EXPECT_THAT(paged, HasSubstr("these:\n  A\tharmless-0\n"));
  EXPECT_EQ(std::count(paged.begin(), paged.end(), '\n'), 27);
  EXPECT_TRUE(paged.ends_with("  A\twicked\\x1b\n"));
}

}  // namespace
}  // namespace caisson::cli
