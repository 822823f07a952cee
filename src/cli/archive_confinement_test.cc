// SPDX-License-Identifier: Apache-2.0

// caisson-cp gives up what it does not need before it reads a byte, and then does its work.

#include "cli/archive_confinement.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/install.h"
#include "base/process.h"
#include "base/temp_folder_for_test.h"
#include "sys/in_child_for_test.h"

namespace caisson::cli {
namespace {

namespace fs = std::filesystem;
using sys::errno_of_open;
using ::testing::AllOf;
using ::testing::HasSubstr;

class ArchiveConfinementTest : public testing::Test {
 protected:
  ArchiveConfinementTest() {
    for (const char* name : {"in", "out"}) {
      fs::create_directory(root_ / name);
      base::write_file_atomic(root_ / name + "/file", "text");
    }
    fs::create_symlink("in/file", root_ / "link");
  }

  base::Child start(const std::vector<std::string>& words, int data, int number) {
    base::SpawnOptions options{.argv = {base::helper_program("caisson-cp")},
                               // A leak checker would stop and trace the process at its end.
                               .environment = {"ASAN_OPTIONS=detect_leaks=0"},
                               .descriptors = {{data, number}, {2, 2}}};
    options.argv.insert(options.argv.end(), words.begin(), words.end());
    return base::spawn(options);
  }
  static std::string status_of(const base::Child& child) {
    return base::read_file("/proc/" + std::to_string(child.pid()) + "/status");
  }

  base::TempFolder root_;
  std::string in_ = root_ / "in";
  std::string out_ = root_ / "out";
};

TEST_F(ArchiveConfinementTest, WhatUnpacksWritesInTheTargetOnly) {
  EXPECT_EQ(sys::in_child([&] {
              confine_unpacking(open_target(out_));
              if (errno_of_open((out_ + "/new").c_str(), O_WRONLY | O_CREAT) != 0) return 1;
              if (errno_of_open((out_ + "/file").c_str(), O_RDONLY) != EACCES) return 2;
              if (errno_of_open((in_ + "/file").c_str(), O_RDONLY) != EACCES) return 3;
              return errno_of_open((in_ + "/new").c_str(), O_WRONLY | O_CREAT) == EACCES ? 0 : 4;
            }),
            0);
}

TEST_F(ArchiveConfinementTest, WhatPacksReadsTheSourceOnly) {
  EXPECT_EQ(sys::in_child([&] {
              confine_packing({.path = in_, .name = "x"});
              if (errno_of_open((in_ + "/file").c_str(), O_RDONLY) != 0) return 1;
              if (errno_of_open((in_ + "/new").c_str(), O_WRONLY | O_CREAT) != EACCES) return 2;
              return errno_of_open((out_ + "/file").c_str(), O_RDONLY) == EACCES ? 0 : 3;
            }),
            0);
}

TEST_F(ArchiveConfinementTest, WhatPacksALinkReadsBehindItOnlyWhenTold) {
  for (const bool follow : {false, true}) {
    EXPECT_EQ(sys::in_child([&] {
                confine_packing({.path = root_ / "link", .name = "x", .follow_link = follow});
                return errno_of_open((in_ + "/file").c_str(), O_RDONLY) == (follow ? 0 : EACCES) ? 0 : 1;
              }),
              0);
  }
}

// A ustar header (POSIX.1, pax "ustar Interchange Format") of a file of 1 MiB.
std::string header_of_large_file() {
  std::string header(512, '\0');
  auto put = [&](size_t at, std::string_view text) { header.replace(at, text.size(), text); };
  put(0, "x");
  put(100, "0000644");
  put(108, "0000000");
  put(116, "0000000");
  put(124, "00004000000");
  put(136, "00000000000");
  put(148, "        ");
  put(156, "0");
  put(257, std::string_view("ustar\00000", 8));
  unsigned sum = 0;
  for (const char byte : header) sum += static_cast<unsigned char>(byte);
  char digits[8];
  std::snprintf(digits, sizeof digits, "%06o", sum);
  put(148, std::string_view(digits, 7));
  return header;
}

TEST_F(ArchiveConfinementTest, TheProgramIsConfinedBeforeItReads) {
  base::FdPair pipe = base::make_pipe();
  base::Child helper = start({"unpack", "x", out_}, pipe.first.get(), 0);
  pipe.first.reset();
  // More than a pipe holds: when it is written, the program has read. It waits for the rest of a file.
  ASSERT_GE(::fcntl(pipe.second.get(), F_SETPIPE_SZ, 4096), 4096);
  try {
    base::write_all(pipe.second.get(), header_of_large_file() + std::string(4096, '\0'), "pipe");
  } catch (const base::Error& error) {
    FAIL() << error.what();
  }
  EXPECT_THAT(status_of(helper), AllOf(HasSubstr("NoNewPrivs:\t1"), HasSubstr("Seccomp:\t2")));
  pipe.second.reset();
  EXPECT_FALSE(helper.wait().ok());
}

TEST_F(ArchiveConfinementTest, TheProgramPacksAndIsConfinedBeforeItReads) {
  base::write_file_atomic(in_ + "/large", std::string(1U << 20, 'x'));
  base::FdPair pipe = base::make_pipe();
  base::Child helper = start({"pack", in_, "x", "nofollow"}, pipe.second.get(), 1);
  pipe.second.reset();
  char byte = 0;
  ASSERT_EQ(::read(pipe.first.get(), &byte, 1), 1);
  EXPECT_THAT(status_of(helper), AllOf(HasSubstr("NoNewPrivs:\t1"), HasSubstr("Seccomp:\t2")));
  EXPECT_GT(base::read_all(pipe.first.get(), 4U << 20, "the archive").size(), size_t{1} << 20);
  EXPECT_TRUE(helper.wait().ok());
}

}  // namespace
}  // namespace caisson::cli
