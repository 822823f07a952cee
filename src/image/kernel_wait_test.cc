// SPDX-License-Identifier: Apache-2.0

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/file.h"
#include "base/paths.h"
#include "base/temp_folder_for_test.h"
#include "image/kernel.h"

namespace caisson::image {
namespace {

// Would wait for ever: the end is the step that says so.
struct EndAtFirstStep final : base::Progress {
  void step(std::string_view what) override { throw base::Error(std::string(what)); }
  void update(double, std::string_view) override {}
  void done() override {}
};

TEST(EnsureKernel, SaysThatItWaitsForAnother) {
  const base::TempFolder folder;
  const base::ScopedEnvironment cache("XDG_CACHE_HOME", folder.path().c_str());
  const std::string kernels = base::cache_folder() + "/kernels";
  base::make_folders(kernels);
  const base::FileLock another = base::FileLock::acquire(kernels + "/lock");
  EndAtFirstStep progress;
  try {
    ensure_kernel(progress);
    FAIL() << "it did not wait";
  } catch (const base::Error& error) {
    EXPECT_STREQ(error.what(), "waiting for another caisson that makes the guest's kernel");
  }
}

}  // namespace
}  // namespace caisson::image
