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
  void note(std::string_view) override {}
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

struct Noted final : base::Progress {
  void step(std::string_view) override {}
  void update(double, std::string_view) override {}
  void note(std::string_view what) override { notes.emplace_back(what); }
  void done() override {}
  std::vector<std::string> notes;
};

TEST(EnsureKernel, SaysOnceThatItStaysWithTheOldOne) {
  const base::TempFolder folder;
  const base::ScopedEnvironment cache("XDG_CACHE_HOME", folder.path().c_str());
  const std::string kernels = base::cache_folder() + "/kernels";
  const std::string old = kernels + "/6.1.0-1-cloud-amd64_6.1.1-1";
  base::make_folders(old);
  base::write_file_atomic(old + "/vmlinuz", "a kernel");
  base::write_file_atomic(old + "/digest", std::string(64, 'a') + "\n");
  base::write_file_atomic(old + "/modules-digest", std::string(64, 'b') + "\n");
  base::write_file_atomic(kernels + "/current.json",
                          R"({"package":"linux-image-6.1.0-1-cloud-amd64","version":"6.1.1-1","lists_changed_ns":-1})");
  const base::ScopedEnvironment path("PATH", folder.path().c_str());  // there is no apt-cache
  Noted progress;
  EXPECT_EQ(ensure_kernel(progress).release, "6.1.0-1-cloud-amd64");
  ASSERT_EQ(progress.notes.size(), 1U);
  EXPECT_THAT(progress.notes[0], testing::HasSubstr("stays with 6.1.0-1-cloud-amd64_6.1.1-1 until the next"));
  EXPECT_THAT(progress.notes[0], testing::HasSubstr("apt-cache"));
  EXPECT_EQ(ensure_kernel(progress).release, "6.1.0-1-cloud-amd64");
  EXPECT_EQ(progress.notes.size(), 1U);
}

}  // namespace
}  // namespace caisson::image
