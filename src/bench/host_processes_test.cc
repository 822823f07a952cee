// SPDX-License-Identifier: Apache-2.0

#include "bench/host_processes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.h"
#include "base/process.h"

namespace caisson::bench {
namespace {

using namespace std::string_view_literals;

TEST(BytesOfField, ReadsTheKernelsLines) {
  EXPECT_EQ(bytes_of_field("Rss:   4 kB\nPss:                 120 kB\nPss_Dirty: 8 kB\n", "Pss:"), 120 * 1024);
}

TEST(BytesOfField, AMissingOrStrangeFieldIsAnError) {
  EXPECT_THROW(bytes_of_field("Rss: 4 kB\n", "Pss:"), base::Error);
  EXPECT_THROW(bytes_of_field("Pss: four kB\n", "Pss:"), base::Error);
  EXPECT_THROW(bytes_of_field("Pss: 4\n", "Pss:"), base::Error);
}

TEST(Memory, OfThisMachineAndThisProcess) {
  EXPECT_GT(available_bytes(), 0);
  const ProportionalSize own = proportional_size(::getpid());
  EXPECT_GT(own.anonymous_bytes, 0);
  EXPECT_GT(own.bytes, own.anonymous_bytes);
  EXPECT_THROW(proportional_size(0x7ffffff0), base::Error);
}

TEST(ProcessTree, HasTheProcessAndItsChildren) {
  const base::Child child = base::spawn({.argv = {"cat"}, .descriptors = {{base::make_pipe().first.get(), 0}}});
  EXPECT_THAT(process_tree(::getpid()), testing::IsSupersetOf({int64_t{::getpid()}, int64_t{child.pid()}}));
}

TEST(IsKeeper, ByItsCommandLine) {
  EXPECT_TRUE(is_keeper("/usr/bin/caisson\0keeper\0--folder\0/x\0"sv));
  EXPECT_FALSE(is_keeper("/usr/bin/caisson\0run\0--\0keeper\0--folder\0"sv));
  EXPECT_FALSE(is_keeper(""));
}

}  // namespace
}  // namespace caisson::bench
