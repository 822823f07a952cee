// SPDX-License-Identifier: Apache-2.0

#include "engine/microvm/template_failure.h"

#include <gmock/gmock.h>

#include "base/temp_folder_for_test.h"

namespace caisson::engine::microvm {
namespace {

using testing::HasSubstr;

TEST(TemplateFailure, ALargeMemoryIsNotTouchedAsAWhole) {
  EXPECT_LT(space_for_template(base::mebibytes(128)), space_for_template(base::mebibytes(256)));
  EXPECT_GT(space_for_template(base::mebibytes(256)), base::mebibytes(256));
  EXPECT_EQ(space_for_template(base::gibibytes(2)), space_for_template(base::gibibytes(64)));
}

TEST(TemplateFailure, TooLittleSpaceNamesTheFolderAndBothAmounts) {
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

TEST(TemplateFailure, ADiskIsFullBeforeItsLastByte) {
  EXPECT_TRUE(is_full(base::Bytes{0}));
  EXPECT_TRUE(is_full(base::mebibytes(1)));
  EXPECT_FALSE(is_full(base::mebibytes(64)));
}

TEST(TemplateFailure, AnEndComesWithItsLikelyCause) {
  const base::Error killed = ended_early("QEMU was ended by signal 9 (Killed)");
  EXPECT_THAT(killed.problem(), HasSubstr("QEMU was ended by signal 9 (Killed)"));
  EXPECT_THAT(killed.hint(), HasSubstr("out-of-memory"));
  EXPECT_THAT(ended_early("QEMU was ended by signal 7 (Bus error)").hint(), HasSubstr("disk"));
  EXPECT_EQ(ended_early("QEMU exited with 1: no such thing").hint(), "");
}

}  // namespace
}  // namespace caisson::engine::microvm
