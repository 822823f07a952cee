// SPDX-License-Identifier: Apache-2.0

#include "base/file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "base/error.h"
#include "base/temp_folder_for_test.h"

namespace caisson::base {
namespace {

using ::testing::HasSubstr;

unsigned mode_of(const std::string& path) {
  struct stat info {};
  EXPECT_EQ(::lstat(path.c_str(), &info), 0) << path;
  return info.st_mode & 07777;
}

size_t entries_of(const std::string& folder) {
  return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(folder), {}));
}

TEST(ReadFile, GivesTheWholeContent) {
  TempFolder folder;
  const std::string content(200'000, 'x');
  write_file_atomic(folder / "f", content);
  EXPECT_EQ(read_file(folder / "f"), content);
  EXPECT_EQ(read_file_if_exists(folder / "f"), content);
}

TEST(ReadFile, AMissingFileIsAnErrorOrNothing) {
  TempFolder folder;
  EXPECT_THROW(read_file(folder / "none"), Error);
  EXPECT_EQ(read_file_if_exists(folder / "none"), std::nullopt);
  write_file_atomic(folder / "f", "");
  EXPECT_EQ(read_file_if_exists(folder / "f/below"), std::nullopt);
}

TEST(ReadFile, RefusesMoreThanItsBound) {
  TempFolder folder;
  write_file_atomic(folder / "f", "12345");
  EXPECT_EQ(read_file(folder / "f", 5), "12345");
  EXPECT_THROW(read_file(folder / "f", 4), Error);
  EXPECT_THROW(read_file("/dev/zero", 1U << 20), Error);
}

TEST(ReadFile, AFolderIsAnErrorThatNamesIt) {
  TempFolder folder;
  try {
    read_file(folder.path());
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr(folder.path()));
    EXPECT_EQ(error.errnum(), EISDIR);
  }
}

TEST(WriteFileAtomic, ReplacesContentAndMode) {
  TempFolder folder;
  write_file_atomic(folder / "f", "one");
  EXPECT_EQ(mode_of(folder / "f"), 0600U);
  write_file_atomic(folder / "f", "two", 0644);
  EXPECT_EQ(mode_of(folder / "f"), 0644U);
  EXPECT_EQ(read_file(folder / "f"), "two");
  EXPECT_EQ(entries_of(folder.path()), 1U);
}

TEST(WriteFileAtomic, AFailureLeavesTheOldContentAndNothingElse) {
  TempFolder folder;
  make_folders(folder / "target/below");
  EXPECT_THROW(write_file_atomic(folder / "target", "new"), Error);  // a folder can't be replaced by a file
  EXPECT_EQ(entries_of(folder.path()), 1U);
  EXPECT_THROW(write_file_atomic(folder / "missing/f", "new"), Error);
}

TEST(WriteFileAtomic, AReaderNeverSeesAPart) {
  TempFolder folder;
  const std::string path = folder / "f";
  const std::string a(70'000, 'a');
  const std::string b(90'000, 'b');
  write_file_atomic(path, a);
  std::atomic<bool> finished{false};
  std::thread writer([&] {
    for (int i = 0; i < 50; ++i) write_file_atomic(path, i % 2 == 0 ? b : a);
    finished = true;
  });
  while (!finished) {
    const std::string seen = read_file(path);
    if (seen != a && seen != b) ADD_FAILURE() << "a part of " << seen.size() << " bytes";
  }
  writer.join();
}

TEST(MakeFolders, MakesAllMissingOnesPrivate) {
  TempFolder folder;
  make_folders(folder / "a/b//c/");
  EXPECT_EQ(mode_of(folder / "a"), 0700U);
  EXPECT_EQ(mode_of(folder / "a/b/c"), 0700U);
  EXPECT_NO_THROW(make_folders(folder / "a/b"));
  EXPECT_NO_THROW(make_folders("/"));
}

TEST(MakeFolders, AFileInThePlaceOfAFolderIsAnError) {
  TempFolder folder;
  write_file_atomic(folder / "f", "");
  EXPECT_THROW(make_folders(folder / "f/below"), Error);
  EXPECT_THROW(make_folders(folder / "f"), Error);
}

TEST(FileLock, OnlyOneHoldsIt) {
  TempFolder folder;
  const std::string path = folder / "lock";
  EXPECT_FALSE(FileLock::is_held(path));
  EXPECT_FALSE(std::filesystem::exists(path));
  {
    const auto lock = FileLock::try_acquire(path);
    ASSERT_TRUE(lock);
    EXPECT_TRUE(FileLock::is_held(path));
    EXPECT_FALSE(FileLock::try_acquire(path));
  }
  EXPECT_FALSE(FileLock::is_held(path));
  EXPECT_TRUE(FileLock::try_acquire(path));
}

TEST(FileLock, AcquireWaitsForTheHolder) {
  TempFolder folder;
  const std::string path = folder / "lock";
  auto held = FileLock::try_acquire(path);
  std::atomic<bool> given_back{false};
  std::thread other([&] {
    const FileLock lock = FileLock::acquire(path);
    EXPECT_TRUE(given_back);
  });
  given_back = true;
  held.reset();
  other.join();
}

// `caisson ls` asks about every lock at any time; a keeper that starts at that moment must not be told that another
// runs.
TEST(FileLock, AskingWhetherItIsHeldDoesNotTakeIt) {
  TempFolder folder;
  const std::string path = folder / "lock";
  FileLock::try_acquire(path).reset();
  std::atomic<bool> finished{false};
  std::thread asker([&] {
    while (!finished) FileLock::is_held(path);
  });
  int refused = 0;
  for (int i = 0; i < 20'000; ++i) refused += FileLock::try_acquire(path) ? 0 : 1;
  finished = true;
  asker.join();
  EXPECT_EQ(refused, 0);
}

TEST(FileLock, ALockThatCannotBeMadeIsAnError) {
  TempFolder folder;
  EXPECT_THROW(FileLock::acquire(folder / "missing/lock"), Error);
  EXPECT_FALSE(FileLock::is_held(folder / "missing/lock"));
}

TEST(Descriptors, AreCloseOnExecFromBirth) {
  TempFolder folder;
  auto is_cloexec = [](const Fd& fd) { return (::fcntl(fd.get(), F_GETFD) & FD_CLOEXEC) != 0; };
  const FdPair pipe = make_pipe();
  const FdPair pair = make_socketpair();
  const Fd file = open_file(folder / "f", O_RDWR | O_CREAT);
  for (const Fd* fd : {&pipe.first, &pipe.second, &pair.first, &pair.second, &file}) EXPECT_TRUE(is_cloexec(*fd));
  EXPECT_TRUE(is_cloexec(file.duplicate()));
  EXPECT_TRUE(is_cloexec(open_if_exists(folder / "f", O_RDONLY)));
}

TEST(Descriptors, MovingLeavesOneOwner) {
  FdPair pipe = make_pipe();
  const int number = pipe.first.get();
  Fd taken = std::move(pipe.first);
  EXPECT_FALSE(pipe.first);
  EXPECT_EQ(taken.get(), number);
  taken.reset();
  EXPECT_EQ(::fcntl(number, F_GETFD), -1);
}

TEST(LastLine, IsTheLastWithSomethingInIt) {
  const TempFolder folder;
  const auto last_of = [&](const std::string& content, size_t max_bytes = 100) {
    write_file_atomic(folder / "log", content);
    return last_line(open_file(folder / "log", O_RDONLY).get(), max_bytes);
  };
  EXPECT_EQ(last_of("one\ntwo\n"), "two");
  EXPECT_EQ(last_of("one\n two \r\n\n \n"), "two");
  EXPECT_EQ(last_of("one"), "one");
  EXPECT_EQ(last_of(""), "");
  EXPECT_EQ(last_of("\n\n"), "");
  EXPECT_EQ(last_of("a long line", 4), "line");
  EXPECT_EQ(last_line(make_pipe().first.get(), 100), "");  // of which there is no end
}

TEST(Descriptors, WriteAllWaitsForANonBlockingReader) {
  FdPair pipe = make_pipe();
  set_nonblocking(pipe.second.get(), true);
  const std::string sent(1U << 20, 'z');
  std::thread writer([&] {
    write_all(pipe.second.get(), {sent.data(), sent.size()}, "the pipe");
    pipe.second.reset();
  });
  EXPECT_EQ(read_all(pipe.first.get(), 2U << 20, "the pipe"), sent);
  writer.join();
}

}  // namespace
}  // namespace caisson::base
