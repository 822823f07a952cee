// SPDX-License-Identifier: Apache-2.0

// A part of each unit test program: with CI=true in its environment, a test that is skipped is a failure, unless its
// reason is one of those below. Otherwise a machine that lacks something would show green for what it did not run.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <string_view>

namespace caisson::base {
namespace {

// What no machine is to have. The reason begins with it.
constexpr std::string_view kMaySkip[] = {
    "runs as an ordinary user already",    // what is tested is how root loses its rights
    "there is only one file system that",  // containers often have no second one
    "no cgroup here may be written to",    // nor a part of the cgroups
};

bool may_skip(std::string_view reason) {
  return std::any_of(std::begin(kMaySkip), std::end(kMaySkip),
                     [&](std::string_view known) { return reason.starts_with(known); });
}

class SkipsAreFailures final : public testing::EmptyTestEventListener {
  // Listeners hear of ends in reverse order, so the printer, which was there before, sees the failure.
  void OnTestEnd(const testing::TestInfo& test) override {
    for (int i = 0; i < test.result()->total_part_count(); ++i) {
      const testing::TestPartResult& part = test.result()->GetTestPartResult(i);
      if (part.skipped() && !may_skip(part.message()))
        ADD_FAILURE() << "skipped, which CI must not (src/base/skips_for_test.cc): " << part.message();
    }
  }
};

[[maybe_unused]] const bool kListening = [] {
  const char* ci = std::getenv("CI");
  if (ci != nullptr && std::string_view(ci) == "true")
    testing::UnitTest::GetInstance()->listeners().Append(new SkipsAreFailures);
  return true;
}();

}  // namespace
}  // namespace caisson::base
