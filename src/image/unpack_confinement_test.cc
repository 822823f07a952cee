// SPDX-License-Identifier: Apache-2.0

// What reads an image's archives gives up what it does not need before it reads a byte.

#include "image/unpack_confinement.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/msg.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <filesystem>

#include "base/fd.h"
#include "base/file.h"
#include "base/install.h"
#include "base/process.h"
#include "base/scope.h"
#include "base/temp_folder_for_test.h"
#include "image/unpack_job.h"
#include "sys/in_child_for_test.h"

namespace caisson::image {
namespace {

namespace fs = std::filesystem;
using sys::errno_of;
using sys::errno_of_open;
using ::testing::HasSubstr;

class UnpackConfinementTest : public testing::Test {
 protected:
  UnpackConfinementTest() {
    for (const char* name : {"tree", "outside"}) {
      fs::create_directory(root_ / name);
      base::write_file_atomic(root_ / name + "/file", "text");
    }
  }

  base::TempFolder root_;
  std::string tree_ = root_ / "tree";
  std::string outside_ = root_ / "outside";
};

TEST_F(UnpackConfinementTest, ReachesTheTreeOnly) {
  EXPECT_EQ(sys::in_child([&] {
              confine_unpacking(tree_);
              if (errno_of_open((tree_ + "/new").c_str(), O_WRONLY | O_CREAT) != 0) return 1;
              if (errno_of_open((tree_ + "/file").c_str(), O_RDONLY) != 0) return 2;
              if (errno_of(::mkfifo((tree_ + "/pipe").c_str(), 0600)) != 0) return 3;
              if (errno_of_open((outside_ + "/file").c_str(), O_RDONLY) != EACCES) return 4;
              if (errno_of_open((outside_ + "/new").c_str(), O_WRONLY | O_CREAT) != EACCES) return 5;
              if (errno_of(::mkfifo((outside_ + "/new").c_str(), 0600)) != EACCES) return 6;
              return errno_of(::mknod((tree_ + "/disk").c_str(), S_IFBLK | 0600, makedev(8, 0))) == EACCES ? 0 : 7;
            }),
            0);
}

TEST_F(UnpackConfinementTest, WithoutATreeItReachesNothing) {
  EXPECT_EQ(sys::in_child([&] {
              confine_unpacking("");
              if (errno_of_open((tree_ + "/file").c_str(), O_RDONLY) != EACCES) return 1;
              return errno_of(::mkdir((tree_ + "/new").c_str(), 0700)) == ENOSYS ? 0 : 2;
            }),
            0);
}

TEST_F(UnpackConfinementTest, ChangesNobodysOwnerOrModeByName) {
  EXPECT_EQ(sys::in_child([&] {
              confine_unpacking(tree_);
              const std::string file = outside_ + "/file";
              if (errno_of(::chmod(file.c_str(), 0666)) != ENOSYS) return 1;
              if (errno_of(::fchmodat(AT_FDCWD, file.c_str(), 0666, 0)) != ENOSYS) return 2;
              if (errno_of(::fchownat(AT_FDCWD, file.c_str(), 1, 1, 0)) != ENOSYS) return 3;
              // For a link's sake this one is let through; without capabilities it gives nothing away, root's neither.
              return errno_of(::fchownat(AT_FDCWD, file.c_str(), 12345, 12345, AT_SYMLINK_NOFOLLOW)) == EPERM ? 0 : 4;
            }),
            0);
}

// fakeroot's queues have keys; any other queue of the user's does too.
TEST_F(UnpackConfinementTest, OfAllMessageQueuesItKeepsFakerootsOwn) {
  const key_t key = 0x0ca155;
  const int own = ::msgget(key, IPC_CREAT | IPC_EXCL | 0600);
  ASSERT_GE(own, 0);
  const base::Scope remove_own([&] { ::msgctl(own, IPC_RMID, nullptr); });
  const int other = ::msgget(IPC_PRIVATE, 0600);
  ASSERT_GE(other, 0);
  const base::Scope remove_other([&] { ::msgctl(other, IPC_RMID, nullptr); });
  const base::ScopedEnvironment fakeroot("FAKEROOTKEY", std::to_string(key).c_str());
  EXPECT_EQ(sys::in_child([&] {
              confine_unpacking(tree_);
              const long message[2] = {1, 0};
              if (errno_of(::msgsnd(own, message, 0, IPC_NOWAIT)) != 0) return 1;
              if (errno_of(::msgsnd(other, message, 0, IPC_NOWAIT)) != ENOSYS) return 2;
              return errno_of(::msgget(key, 0)) == ENOSYS ? 0 : 3;
            }),
            0);
}

pid_t only_child_of(pid_t parent) {
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const auto status = base::read_file_if_exists(entry.path().string() + "/status");
    if (status && status->find("\nPPid:\t" + std::to_string(parent) + "\n") != std::string::npos)
      return static_cast<pid_t>(std::stol(entry.path().filename()));
  }
  return -1;
}

TEST_F(UnpackConfinementTest, TheProgramIsConfinedBeforeItReads) {
  UnpackJob job;
  job.task = UnpackJob::Task::kExtract;
  job.tree = tree_;
  job.layers = {{.path = "-", .whiteouts = false, .require_end = false, .diff_id = ""}};
  base::FdPair input = base::make_pipe();
  base::FdPair reports = base::make_pipe();
  base::FdPair life = base::make_pipe();
  base::Child helper = base::spawn(
      {.argv = {base::helper_program("caisson-unpack"), base::to_line(to_json(job))},
       // A leak checker would stop and trace the process at its end.
       .environment = {"ASAN_OPTIONS=detect_leaks=0"},
       .descriptors = {{input.first.get(), 0}, {reports.second.get(), kReportFd}, {life.first.get(), kLifeFd}}});
  input.first.reset();
  reports.second.reset();
  life.first.reset();
  // An archive that is at its end, of more bytes than the pipe holds: when they are written, the program has read.
  const int room = ::fcntl(input.second.get(), F_SETPIPE_SZ, 4096);
  ASSERT_GE(room, 4096);
  base::write_all(input.second.get(), std::string(static_cast<size_t>(room) + 1, '\0'), "pipe");

  const pid_t reader = only_child_of(only_child_of(helper.pid()));
  ASSERT_GT(reader, 0);
  const std::string status = base::read_file("/proc/" + std::to_string(reader) + "/status");
  EXPECT_THAT(status, HasSubstr("NoNewPrivs:\t1"));
  EXPECT_THAT(status, HasSubstr("Seccomp:\t2"));
  EXPECT_THAT(status, HasSubstr("CapEff:\t0000000000000000"));
  input.second.reset();
  EXPECT_THAT(base::read_all(reports.first.get(), 1U << 16, "the reports"), HasSubstr("\"done\""));
  EXPECT_TRUE(helper.wait().ok());
}

}  // namespace
}  // namespace caisson::image
