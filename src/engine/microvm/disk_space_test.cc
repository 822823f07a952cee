// SPDX-License-Identifier: Apache-2.0

#include "engine/microvm/disk_space.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/temp_folder_for_test.h"

namespace caisson::engine::microvm {
namespace {

using testing::HasSubstr;

TEST(DiskSpace, TooLittleSpaceNamesTheFolderAndBothAmounts) {
  const base::TempFolder folder;
  require_space(folder.path(), base::Bytes{1});
  try {
    require_space(folder.path(), base::gibibytes(1U << 24));
    FAIL() << "that much space is nowhere";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.errnum(), ENOSPC);
    EXPECT_THAT(error.problem(), HasSubstr("no space left for a template in '" + folder.path() + "': "));
    EXPECT_THAT(error.problem(), HasSubstr(base::to_string(base::gibibytes(1U << 24)) + " are needed"));
    EXPECT_THAT(error.hint(), HasSubstr("XDG_CACHE_HOME"));
  }
  EXPECT_THROW(require_space(folder / "gone", base::Bytes{1}), base::Error);
}

TEST(DiskSpace, ADiskIsFullBeforeItsLastByte) {
  EXPECT_TRUE(is_full(base::Bytes{0}));
  EXPECT_TRUE(is_full(base::mebibytes(1)));
  EXPECT_FALSE(is_full(base::mebibytes(64)));
}

}  // namespace
}  // namespace caisson::engine::microvm
