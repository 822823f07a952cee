// SPDX-License-Identifier: Apache-2.0

#include "engine/microvm/console.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <filesystem>

#include "base/file.h"
#include "base/temp_folder_for_test.h"

namespace caisson::engine::microvm {
namespace {

namespace fs = std::filesystem;

// Writes all of it as a guest would, and ends.
void keep(const std::string& path, const std::string& said) {
  boost::asio::io_context context;
  base::FdPair pipe = base::make_pipe();
  keep_console(context.get_executor(), std::move(pipe.first), path);
  base::set_nonblocking(pipe.second.get(), true);
  std::string_view rest = said;
  while (!rest.empty()) {
    const ssize_t put = ::write(pipe.second.get(), rest.data(), rest.size());
    if (put > 0) rest.remove_prefix(static_cast<size_t>(put));
    context.poll();
  }
  pipe.second.reset();
  context.restart();
  context.run();
}

TEST(Console, IsAppended) {
  const base::TempFolder folder;
  keep(folder / "console.log", "first\n");
  keep(folder / "console.log", "second\n");
  EXPECT_EQ(base::read_file(folder / "console.log"), "first\nsecond\n");
}

TEST(Console, AFloodIsBoundedAndItsEndIsKept) {
  const base::TempFolder folder;
  const std::string path = folder / "console.log";
  keep(path, std::string(3 * kMaxConsoleBytes, 'x') + "the last words\n");
  EXPECT_LE(fs::file_size(path), kMaxConsoleBytes);
  EXPECT_EQ(fs::file_size(path + ".1"), kMaxConsoleBytes);
  EXPECT_TRUE(base::read_file(path).ends_with("the last words\n"));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()), 2);
}

TEST(Console, AFileThatCannotBeWrittenDoesNotHoldUpTheGuest) {
  keep("/does/not/exist/console.log", std::string(1U << 20, 'x'));
}

}  // namespace
}  // namespace caisson::engine::microvm
