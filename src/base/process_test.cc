// SPDX-License-Identifier: Apache-2.0

#include "base/process.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "base/temp_folder_for_test.h"
#include "base/text.h"

namespace caisson::base {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string shell(const std::string& script) {
  return run_checked({"sh", "-c", script});
}

TEST(RunProgram, CollectsOutputAndExitCode) {
  const ProgramResult result = run_program({.argv = {"sh", "-c", "echo out; echo err >&2; exit 3"}});
  EXPECT_EQ(result.out, "out\n");
  EXPECT_EQ(result.err, "err\n");
  EXPECT_EQ(result.status.code, 3);
  EXPECT_EQ(result.status.text(), "exited with 3");
  EXPECT_FALSE(result.status.ok());
}

TEST(RunProgram, TellsASignalFromAnExitCode) {
  const ProgramResult result = run_program({.argv = {"sh", "-c", "kill -9 $$"}});
  EXPECT_EQ(result.status.signal, 9);
  EXPECT_EQ(result.status.text(), "was ended by signal 9 (Killed)");
}

TEST(RunProgram, ReadsMuchFromBothPipesWithoutStalling) {
  const ProgramResult result =
      run_program({.argv = {"sh", "-c", "head -c 1000000 /dev/zero >&2; head -c 3000000 /dev/zero; printf END >&2"}});
  EXPECT_EQ(result.out.size(), 3'000'000U);
  EXPECT_EQ(result.err.size(), 64U << 10);  // the last part of it
  EXPECT_TRUE(result.err.ends_with("END"));
}

TEST(RunProgram, TooMuchOutputIsAnError) {
  EXPECT_THROW(run_program({.argv = {"cat", "/dev/zero"}}, 1U << 20), Error);
}

TEST(RunChecked, QuotesTheEndOfStderr) {
  EXPECT_EQ(shell("echo hello"), "hello\n");
  try {
    shell("printf 'bad \\033 thing\\n' >&2; exit 4");
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("'sh' exited with 4: bad \\x1b thing"));
  }
}

TEST(Spawn, StandardDescriptorsAreDevNullUnlessNamed) {
  EXPECT_EQ(shell("readlink /proc/self/fd/0"), "/dev/null\n");
}

TEST(Spawn, StartsInTheFolderWithTheEnvironment) {
  TempFolder folder;
  const ProgramResult result =
      run_program({.argv = {"/bin/sh", "-c", "pwd; env"}, .environment = {"ONLY=this"}, .folder = folder.path()});
  EXPECT_THAT(result.out, HasSubstr(std::filesystem::canonical(folder.path()).string() + "\n"));
  EXPECT_THAT(result.out, HasSubstr("ONLY=this\n"));
  EXPECT_THAT(result.out, Not(HasSubstr("HOME=")));
}

TEST(Spawn, PlacesDescriptorsEvenWhenNumbersCross) {
  // The child wants our two write ends swapped: a plain row of dup2 would destroy one before it is used.
  FdPair one = make_pipe();
  FdPair two = make_pipe();
  const int a = one.second.get();
  const int b = two.second.get();
  Child child =
      spawn({.argv = {"sh", "-c", "printf to-b >&" + std::to_string(b) + "; printf to-a >&" + std::to_string(a)},
             .descriptors = {{a, b}, {b, a}}});
  one.second.reset();
  two.second.reset();
  EXPECT_TRUE(child.wait().ok());
  EXPECT_EQ(read_all(one.first.get(), 100, "one"), "to-b");
  EXPECT_EQ(read_all(two.first.get(), 100, "two"), "to-a");
}

TEST(Spawn, PassesNoOtherDescriptorOn) {
  TempFolder folder;
  // As a careless parent process leaves them: without close-on-exec, one of them high.
  const Fd leaked(::open(folder.path().c_str(), O_RDONLY | O_DIRECTORY));
  ASSERT_GE(leaked.get(), 3);
  const Fd high(::fcntl(leaked.get(), F_DUPFD, 700));
  ASSERT_GE(high.get(), 700);
  const std::string listed = shell("ls -l /proc/self/fd");
  EXPECT_THAT(listed, Not(HasSubstr(folder.path()))) << listed;
}

TEST(Spawn, WorksWhenOurOwnStandardDescriptorsAreClosed) {
  // In a child of the test, so that its own stdin stays. Exit 0 only if the grandchild had /dev/null as its stdin.
  const pid_t pid = ::fork();
  ASSERT_GE(pid, 0);
  if (pid == 0) {
    ::close(0);
    ::close(1);
    try {
      Child child =
          spawn({.argv = {"sh", "-c", "test /dev/null -ef /proc/self/fd/0 && test /dev/null -ef /proc/self/fd/1"}});
      ::_exit(child.wait().ok() ? 0 : 1);
    } catch (const Error&) {
      ::_exit(2);
    }
  }
  int status = -1;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_EQ(status, 0);
}

TEST(Spawn, AFailureBeforeExecIsThrownWithItsStep) {
  TempFolder folder;
  try {
    spawn({.argv = {folder / "missing"}});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.errnum(), ENOENT);
    EXPECT_THAT(error.what(), HasSubstr("execute"));
  }
  try {
    spawn({.argv = {"true"}, .folder = folder / "missing"});
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("enter its folder"));
  }
  write_file_atomic(folder / "text", "no program", 0644);
  try {
    spawn({.argv = {folder / "text"}});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.errnum(), EACCES);
  }
  EXPECT_THROW(spawn({.argv = {}}), Error);
  EXPECT_THROW(spawn({.argv = {"no-such-program-anywhere"}}), Error);
}

TEST(Spawn, ASignalMaskAndAnIgnoredSigpipeAreNotPassedOn) {
  sigset_t blocked;
  sigset_t before;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  ASSERT_EQ(::sigprocmask(SIG_BLOCK, &blocked, &before), 0);
  const auto old = ::signal(SIGPIPE, SIG_IGN);
  const std::string status = shell("grep -E '^Sig(Blk|Ign)' /proc/self/status");
  ::signal(SIGPIPE, old);
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  EXPECT_THAT(status, HasSubstr("SigBlk:\t0000000000000000"));
  EXPECT_THAT(status, HasSubstr("SigIgn:\t0000000000000000"));
}

TEST(Spawn, ANewSessionHasItsOwnId) {
  const ProgramResult result =
      run_program({.argv = {"sh", "-c", "cut -d' ' -f1,6 /proc/self/stat; echo $$"}, .new_session = true});
  const auto lines = split(result.out, '\n');
  EXPECT_EQ(split(lines.at(0), ' ').at(1), lines.at(1));
}

TEST(Child, ThePidfdIsReadableAtTheEnd) {
  Child child = spawn({.argv = {"true"}});
  pollfd wait{.fd = child.pidfd(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(::poll(&wait, 1, 10'000), 1);
  EXPECT_TRUE(child.wait().ok());
  EXPECT_FALSE(child);
}

TEST(Child, DroppingItKillsAndReaps) {
  pid_t pid = 0;
  {
    const Child child = spawn({.argv = {"sleep", "1000"}});
    pid = child.pid();
    ASSERT_EQ(::kill(pid, 0), 0);
  }
  EXPECT_EQ(::kill(pid, 0), -1);
  EXPECT_EQ(errno, ESRCH);
}

TEST(Child, AssigningOverItKillsTheOldOne) {
  Child child = spawn({.argv = {"sleep", "1000"}});
  const pid_t old = child.pid();
  child = spawn({.argv = {"true"}});
  EXPECT_EQ(::kill(old, 0), -1);
  EXPECT_TRUE(child.wait().ok());
}

TEST(Child, ASignalAfterTheEndIsNoError) {
  Child child = spawn({.argv = {"true"}});
  pollfd wait{.fd = child.pidfd(), .events = POLLIN, .revents = 0};
  ASSERT_EQ(::poll(&wait, 1, 10'000), 1);
  child.signal(SIGTERM);
  EXPECT_TRUE(child.wait().ok());
}

TEST(Spawn, AChildConfinesItselfBeforeExec) {
  const SpawnOptions options{.argv = {"sh", "-c", "ulimit -n"}, .confine = [] {
                               const rlimit limit{.rlim_cur = 17, .rlim_max = 17};
                               return ::setrlimit(RLIMIT_NOFILE, &limit) == 0 ? 0 : errno;
                             }};
  EXPECT_EQ(trimmed(run_program(options).out), "17");
  try {
    run_program({.argv = {"true"}, .confine = [] { return EPERM; }});
    FAIL() << "it was started";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("confine itself"));
  }
}

TEST(FindProgram, GivesAnAbsolutePath) {
  EXPECT_THAT(find_program("sh"), ::testing::StartsWith("/"));
  EXPECT_EQ(find_program("no-such-program-anywhere"), "");
}

TEST(FindProgram, SkipsFoldersRelativePlacesAndWhatIsNotExecutable) {
  TempFolder folder;
  make_folders(folder / "one/tool");  // a folder of that name
  make_folders(folder / "two");
  write_file_atomic(folder / "two/tool", "", 0644);  // not executable
  make_folders(folder / "three");
  write_file_atomic(folder / "three/tool", "", 0755);
  const std::string path = folder / "one:" + (folder / "two") + "::relative:" + (folder / "three");
  ScopedEnvironment set_path("PATH", path.c_str());
  EXPECT_EQ(find_program("tool"), folder / "three/tool");

  const std::string here = std::filesystem::current_path().string();
  std::filesystem::current_path(folder / "three");
  ScopedEnvironment only_dot("PATH", ".");
  EXPECT_EQ(find_program("tool"), "");
  std::filesystem::current_path(here);
}

}  // namespace
}  // namespace caisson::base
