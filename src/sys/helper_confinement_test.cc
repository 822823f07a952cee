// SPDX-License-Identifier: Apache-2.0

// A helper that was taken over: what it then tries, and the errno that it gets.

#include "sys/helper_confinement.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <filesystem>

#include "base/fd.h"
#include "base/file.h"
#include "base/temp_folder_for_test.h"
#include "sys/in_child_for_test.h"

namespace caisson::sys {
namespace {

namespace fs = std::filesystem;

class HelperConfinementTest : public testing::Test {
 protected:
  HelperConfinementTest() {
    for (const char* name : {"read", "work", "outside"}) {
      fs::create_directory(root / name);
      base::write_file_atomic(root / name + "/file", "before");
    }
    fs::create_directory(work + "/below");
  }
  ~HelperConfinementTest() override {
    EXPECT_EQ(base::read_file(outside + "/file"), "before");
    EXPECT_EQ(fs::status(outside + "/file").permissions(), fs::perms::owner_read | fs::perms::owner_write);
    EXPECT_EQ(std::distance(fs::directory_iterator(outside), fs::directory_iterator()), 1);
  }

  // The child is confined, with `read` to read and `work` to change.
  template <typename Body>
  int confined(Body body) const {
    return in_child([&] {
      HelperConfinement confinement;
      confinement.allow_reading(base::open_file(read, O_PATH).get());
      confinement.allow_changing(base::open_file(work, O_PATH).get());
      confinement.enter();
      return body();
    });
  }

  base::TempFolder root;
  std::string read = root / "read";
  std::string work = root / "work";
  std::string outside = root / "outside";
};

TEST_F(HelperConfinementTest, ReadsWhatItWasGiven) {
  EXPECT_EQ(confined([&] {
              if (errno_of_open((read + "/file").c_str(), O_RDONLY) != 0) return 1;
              if (errno_of_open(read.c_str(), O_RDONLY | O_DIRECTORY) != 0) return 2;
              if (errno_of_open((read + "/file").c_str(), O_WRONLY) != EACCES) return 3;
              if (errno_of_open((read + "/new").c_str(), O_WRONLY | O_CREAT) != EACCES) return 4;
              return errno_of(::unlink((read + "/file").c_str())) == EACCES ? 0 : 5;
            }),
            0);
}

TEST_F(HelperConfinementTest, WorksInItsFolderAndReadsNothingThere) {
  EXPECT_EQ(confined([&] {
              const base::Fd folder(::open(work.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
              const base::Fd made(::openat(folder.get(), "new", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
              if (!made || ::write(made.get(), "x", 1) != 1 || ::ftruncate(made.get(), 7) != 0) return 1;
              if (::fchmod(made.get(), 0640) != 0 || ::futimens(made.get(), nullptr) != 0) return 2;
              if (::mkdirat(folder.get(), "more", 0700) != 0) return 3;
              if (::symlinkat("/etc/passwd", folder.get(), "link") != 0) return 4;
              if (::linkat(folder.get(), "new", folder.get(), "below/second", 0) != 0) return 5;
              if (::renameat(folder.get(), "new", folder.get(), "more/moved") != 0) return 6;
              if (::unlinkat(folder.get(), "below/second", 0) != 0) return 7;
              if (::unlinkat(folder.get(), "below", AT_REMOVEDIR) != 0) return 8;
              return errno_of_open((work + "/file").c_str(), O_RDONLY) == EACCES ? 0 : 9;
            }),
            0);
}

TEST_F(HelperConfinementTest, ReachesNoOtherFile) {
  EXPECT_EQ(confined([&] {
              const std::string file = outside + "/file";
              if (errno_of_open(file.c_str(), O_RDONLY) != EACCES) return 1;
              if (errno_of_open(file.c_str(), O_WRONLY | O_TRUNC) != EACCES) return 2;
              if (errno_of_open((outside + "/new").c_str(), O_WRONLY | O_CREAT) != EACCES) return 3;
              if (errno_of_open((work + "/../outside/file").c_str(), O_RDONLY) != EACCES) return 4;
              if (errno_of(::mkdir((outside + "/new").c_str(), 0700)) != EACCES) return 5;
              if (errno_of(::unlink(file.c_str())) != EACCES) return 6;
              if (errno_of(::symlink("x", (outside + "/new").c_str())) != EACCES) return 7;
              // Landlock says "another file system" where a link or a move would widen what may be done with the file.
              if (errno_of(::link(file.c_str(), (work + "/stolen").c_str())) != EXDEV) return 8;
              if (errno_of(::rename(file.c_str(), (work + "/stolen").c_str())) != EACCES) return 9;
              if (errno_of(::rename((work + "/file").c_str(), (outside + "/new").c_str())) != EACCES) return 10;
              if (errno_of_open("/etc/passwd", O_RDONLY) != EACCES) return 11;
              if (errno_of_open("/proc/self/mem", O_RDWR) != EACCES) return 12;
              return errno_of_open("/dev/null", O_RDWR) == EACCES ? 0 : 13;
            }),
            0);
}

// By name these would need no right of Landlock's.
TEST_F(HelperConfinementTest, ChangesNoModeOwnerOrTimeByName) {
  EXPECT_EQ(confined([&] {
              const std::string file = outside + "/file";
              if (errno_of(::chmod(file.c_str(), 0666)) != ENOSYS) return 1;
              if (errno_of(::fchmodat(AT_FDCWD, file.c_str(), 0666, 0)) != ENOSYS) return 2;
              if (errno_of(::chown(file.c_str(), 0, 0)) != ENOSYS) return 3;
              if (errno_of(::utimensat(AT_FDCWD, file.c_str(), nullptr, 0)) != ENOSYS) return 4;
              if (errno_of(::truncate(file.c_str(), 0)) != ENOSYS) return 5;
              if (errno_of(::syscall(SYS_setxattr, file.c_str(), "user.x", "", 0, 0)) != ENOSYS) return 6;
              // A descriptor that only names a file is none to change it by.
              const base::Fd named(::open(file.c_str(), O_PATH | O_CLOEXEC));
              return errno_of(::fchmod(named.get(), 0666)) == EBADF ? 0 : 7;
            }),
            0);
}

TEST_F(HelperConfinementTest, StartsNothingAndReachesNobody) {
  EXPECT_EQ(confined([] {
              const pid_t parent = ::getppid();
              char* const none[] = {nullptr};
              if (errno_of(::execve("/bin/true", none, none)) != ENOSYS) return 1;
              if (errno_of(::syscall(SYS_execveat, AT_FDCWD, "/bin/true", none, none, 0)) != ENOSYS) return 2;
              if (errno_of(::syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr)) != ENOSYS) return 3;
              if (errno_of(::syscall(SYS_clone3, nullptr, 0)) != ENOSYS) return 4;
              if (errno_of(::kill(parent, 0)) != ENOSYS) return 5;
              if (errno_of(::syscall(SYS_tgkill, parent, parent, 0)) != ENOSYS) return 6;
              if (errno_of(::ptrace(PTRACE_ATTACH, parent, nullptr, nullptr)) != ENOSYS) return 7;
              if (errno_of(::syscall(SYS_pidfd_open, parent, 0)) != ENOSYS) return 8;
              if (errno_of(::syscall(SYS_process_vm_readv, parent, nullptr, 0, nullptr, 0, 0)) != ENOSYS) return 9;
              return errno_of(::fcntl(0, F_SETOWN, parent)) == ENOSYS ? 0 : 10;
            }),
            0);
}

TEST_F(HelperConfinementTest, HasNoNetworkAndNoWayToTheTerminalOrTheKernel) {
  EXPECT_EQ(confined([] {
              for (const int family : {AF_INET, AF_INET6, AF_UNIX, AF_NETLINK, AF_VSOCK, AF_PACKET}) {
                if (errno_of(::socket(family, SOCK_STREAM, 0)) != ENOSYS) return 1;
              }
              int pair[2];
              if (errno_of(::socketpair(AF_UNIX, SOCK_STREAM, 0, pair)) != ENOSYS) return 2;
              if (errno_of(::ioctl(0, TIOCSTI, "x")) != ENOSYS) return 3;
              if (errno_of(::unshare(CLONE_NEWUSER)) != ENOSYS) return 4;
              if (errno_of(::syscall(SYS_mount, nullptr, nullptr, nullptr, 0, nullptr)) != ENOSYS) return 5;
              if (errno_of(::syscall(SYS_bpf, 0, nullptr, 0)) != ENOSYS) return 6;
              if (errno_of(::syscall(SYS_io_uring_setup, 1, nullptr)) != ENOSYS) return 7;
              if (errno_of(::syscall(SYS_msgget, 1, 0)) != ENOSYS) return 8;
              const rlimit limit{.rlim_cur = 8, .rlim_max = 8};
              return errno_of(::setrlimit(RLIMIT_NOFILE, &limit)) == ENOSYS ? 0 : 9;
            }),
            0);
}

}  // namespace
}  // namespace caisson::sys
