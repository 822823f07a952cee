// SPDX-License-Identifier: Apache-2.0

// What a server that was taken over can still do: tried in a child that is confined as caisson-share is.

#include "share/confinement.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "base/temp_folder_for_test.h"
#include "sys/in_child_for_test.h"

namespace caisson::share {
namespace {

using sys::errno_of;
using sys::errno_of_open;

class ShareConfinementTest : public testing::Test {
 protected:
  ShareConfinementTest() {
    for (const char* name : {"in", "out"}) {
      std::filesystem::create_directory(folder_ / name);
      std::ofstream(folder_ / name + "/file") << "text";
    }
  }
  ShareOptions options(Mode mode, const std::string& top) {
    ShareOptions options{.mode = mode};
    options.root = base::open_file(top, O_PATH);
    return options;
  }

  base::TempFolder folder_;
  std::string in_ = folder_ / "in";
  std::string out_ = folder_ / "out";
};

TEST_F(ShareConfinementTest, ReadOnlyReadsBeneathTheFolderOnly) {
  EXPECT_EQ(sys::in_child([&] {
              confine(options(Mode::kReadOnly, in_));
              if (errno_of_open((in_ + "/file").c_str(), O_RDONLY) != 0) return 1;
              if (errno_of_open((in_ + "/file").c_str(), O_WRONLY) != EACCES) return 2;
              if (errno_of_open((in_ + "/new").c_str(), O_WRONLY | O_CREAT) != EACCES) return 3;
              if (errno_of_open((out_ + "/file").c_str(), O_RDONLY) != EACCES) return 4;
              if (errno_of_open("/etc/passwd", O_RDONLY) != EACCES) return 5;
              return errno_of(::mkdirat(AT_FDCWD, (in_ + "/new").c_str(), 0700)) == ENOSYS ? 0 : 6;
            }),
            0);
}

TEST_F(ShareConfinementTest, WritableChangesBeneathTheFolderOnly) {
  EXPECT_EQ(sys::in_child([&] {
              confine(options(Mode::kReadWrite, in_));
              if (errno_of_open((in_ + "/new").c_str(), O_WRONLY | O_CREAT) != 0) return 1;
              if (errno_of_open((in_ + "/file").c_str(), O_RDONLY) != 0) return 2;
              if (errno_of_open((out_ + "/file").c_str(), O_WRONLY) != EACCES) return 3;
              if (errno_of(::unlink((out_ + "/file").c_str())) != EACCES) return 4;
              // EXDEV is Landlock's word for a link between what it allows and what not.
              if (const int found = errno_of(::link((out_ + "/file").c_str(), (in_ + "/link").c_str()));
                  found != EACCES && found != EXDEV)
                return 5;
              return errno_of(::chmod((in_ + "/file").c_str(), 0777)) == ENOSYS ? 0 : 6;
            }),
            0);
}

TEST_F(ShareConfinementTest, NoDeviceIsMadeByTheCallThatMakesPipes) {
  EXPECT_EQ(sys::in_child([&] {
              confine(options(Mode::kReadWrite, in_));
              const int errnum = errno_of(::mknodat(AT_FDCWD, (in_ + "/device").c_str(), S_IFCHR | 0666, 0x103));
              if (errnum != EACCES && errnum != EPERM) return 1;
              return errno_of(::mknodat(AT_FDCWD, (in_ + "/pipe").c_str(), S_IFIFO | 0600, 0)) == 0 ? 0 : 2;
            }),
            0);
}

TEST_F(ShareConfinementTest, ASingleFileIsAllThatItReaches) {
  EXPECT_EQ(sys::in_child([&] {
              confine(options(Mode::kReadWrite, in_ + "/file"));
              if (errno_of_open((in_ + "/file").c_str(), O_RDWR) != 0) return 1;
              if (errno_of_open((in_ + "/new").c_str(), O_WRONLY | O_CREAT) != EACCES) return 2;
              return errno_of_open(in_.c_str(), O_RDONLY | O_DIRECTORY) == EACCES ? 0 : 3;
            }),
            0);
}

TEST_F(ShareConfinementTest, ThreadsButNoProgramsSocketsAndSignals) {
  EXPECT_EQ(sys::in_child([&] {
              confine(options(Mode::kReadWrite, in_));
              if (errno_of(::execl("/bin/true", "true", nullptr)) != ENOSYS) return 1;
              if (errno_of(::socket(AF_UNIX, SOCK_STREAM, 0)) != ENOSYS) return 2;
              if (errno_of(::kill(::getppid(), 0)) != ENOSYS) return 3;
              if (errno_of(::syscall(SYS_fork)) != ENOSYS) return 4;
              bool ran = false;
              std::thread([&] { ran = true; }).join();
              return ran ? 0 : 5;
            }),
            0);
}

}  // namespace
}  // namespace caisson::share
