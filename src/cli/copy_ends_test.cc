// SPDX-License-Identifier: Apache-2.0

// Both ends of a copy on this machine that are no file, folder or link.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <functional>

#include "base/error.h"
#include "base/fd.h"
#include "base/temp_folder_for_test.h"
#include "cli/archive_pack.h"
#include "cli/unpack_target.h"

namespace caisson::cli {
namespace {

std::string error_of(const std::function<void()>& work) {
  try {
    work();
    return "";
  } catch (const base::Error& error) {
    return error.what();
  }
}

TEST(CopyEnds, APipeAloneIsNotCopied) {
  const base::TempFolder folder;
  const std::string pipe = folder.path() + "/pipe";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  const base::Fd nowhere = base::open_file("/dev/null", O_WRONLY);
  EXPECT_EQ(error_of([&] { pack({.path = pipe, .name = "pipe", .output = nowhere.get()}); }),
            "cannot copy: '" + pipe + "' is no file, folder or link");
  // In a folder it is left out.
  EXPECT_THAT(pack({.path = folder.path(), .name = "folder", .output = nowhere.get()}), testing::SizeIs(1));
}

TEST(CopyEnds, NothingIsCopiedOverAPipeOrADevice) {
  const base::TempFolder folder;
  const std::string pipe = folder.path() + "/pipe";
  const std::string link = folder.path() + "/link";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  std::filesystem::create_symlink("/dev/null", link);
  for (const std::string& target : {pipe, link, std::string("/dev/null")}) {
    EXPECT_EQ(error_of([&] { open_target(target); }),
              "'" + target + "' is no file or folder (use - for a tar stream on stdout)");
  }
}

TEST(CopyEnds, AFolderThatCannotBeOpenedIsNamed) {
  const base::TempFolder folder;
  const std::string closed = folder.path() + "/closed/";
  ASSERT_EQ(mkdir(closed.c_str(), 0700), 0);
  ASSERT_EQ(chmod(folder.path().c_str(), 0711), 0);
  ASSERT_EQ(chmod(closed.c_str(), 0111), 0);
  const pid_t child = fork();
  if (child == 0) {
    if (geteuid() == 0 && setresuid(65534, 65534, 65534) != 0) _exit(2);
    _exit(error_of([&] { open_target(closed); }) == "cannot copy to '" + closed + "': Permission denied" ? 7 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 7);
}

}  // namespace
}  // namespace caisson::cli
