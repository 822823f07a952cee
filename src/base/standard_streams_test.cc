// SPDX-License-Identifier: Apache-2.0

#include "base/standard_streams.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <initializer_list>

#include "base/fd.h"

namespace caisson::base {
namespace {

// The exit code of `look` in a child that was started with those descriptors closed.
template <typename Look>
int in_child_without(std::initializer_list<int> closed, Look look) {
  const pid_t child = ::fork();
  if (child == 0) {
    for (const int number : closed) ::close(number);
    open_standard_streams();
    ::_exit(look());
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(OpenStandardStreams, WhatIsOpenedNextIsNoStandardDescriptor) {
  EXPECT_EQ(in_child_without({0, 1, 2}, [] { return Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC)).get() > 2 ? 7 : 1; }),
            7);
}

TEST(OpenStandardStreams, AClosedStdinIsAtItsEnd) {
  EXPECT_EQ(in_child_without({0},
                             [] {
                               char byte = 0;
                               return ::read(0, &byte, 1) == 0 ? 7 : 1;
                             }),
            7);
}

TEST(OpenStandardStreams, WhatIsWrittenToAClosedStdoutOrStderrIsAnError) {
  EXPECT_EQ(in_child_without({1, 2},
                             [] {
                               const bool out = ::write(1, "x", 1) < 0 && errno == EBADF;
                               const bool err = ::write(2, "x", 1) < 0 && errno == EBADF;
                               return out && err ? 7 : 1;
                             }),
            7);
}

TEST(OpenStandardStreams, LeavesOpenOnesAlone) {
  FdPair pipe = make_pipe();
  const int code = in_child_without({0}, [&] {
    ::dup2(pipe.second.get(), 1);
    open_standard_streams();
    return ::write(1, "x", 1) == 1 ? 7 : 1;
  });
  EXPECT_EQ(code, 7);
}

}  // namespace
}  // namespace caisson::base
