// SPDX-License-Identifier: Apache-2.0

#include "engine/microvm/template_failure.h"

#include <gmock/gmock.h>

namespace caisson::engine::microvm {
namespace {

using testing::HasSubstr;

TEST(TemplateFailure, ALargeMemoryIsNotTouchedAsAWhole) {
  EXPECT_LT(space_for_template(base::mebibytes(128)), space_for_template(base::mebibytes(256)));
  EXPECT_GT(space_for_template(base::mebibytes(256)), base::mebibytes(256));
  EXPECT_EQ(space_for_template(base::gibibytes(2)), space_for_template(base::gibibytes(64)));
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
