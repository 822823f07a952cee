// SPDX-License-Identifier: Apache-2.0

#include "engine/microvm/sandbox_files.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "base/temp_folder_for_test.h"

namespace caisson::engine::microvm {
namespace {

namespace fs = std::filesystem;

TEST(SandboxFiles, WhatIsKeptOutlivesTheCache) {
  const base::TempFolder folder;
  Parts parts;
  parts.image = folder / "cache/image";
  parts.kernel = folder / "cache/vmlinuz";
  parts.initramfs = folder / "cache/initramfs";
  const SandboxFiles files(folder / "sandbox");
  base::make_folders(folder / "cache");
  base::make_folders(files.folder);
  for (const std::string* path : {&parts.image, &parts.kernel, &parts.initramfs})
    base::write_file_atomic(*path, fs::path(*path).filename().string());
  keep_boot_files(parts, files);
  EXPECT_TRUE(fs::equivalent(parts.image, files.image()));

  fs::remove_all(folder / "cache");
  use_kept_boot_files(parts, files);
  EXPECT_EQ(base::read_file(parts.image), "image");
  EXPECT_EQ(base::read_file(parts.kernel), "vmlinuz");
  EXPECT_EQ(base::read_file(parts.initramfs), "initramfs");
}

TEST(SandboxFiles, WhatCannotBeLinkedNeedsSpace) {
  const base::TempFolder folder;
  const SandboxFiles files(folder / "sandbox");
  base::make_folders(files.folder);
  base::write_file_atomic(folder / "here", "content");
  EXPECT_NO_THROW(require_space_for({folder / "here"}, files));
  SandboxFiles full("");
  full.folder = "/proc";  // a file system that never has any space
  try {
    require_space_for({folder / "here"}, full);
    FAIL() << "there is space in /proc";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.errnum(), ENOSPC);
    EXPECT_THAT(error.problem(), testing::StartsWith("no space left for the sandbox's files in '/proc': 2.0 MiB are"));
  }
}

TEST(SandboxFiles, WhatIsNotKeptIsTheCaches) {
  const base::TempFolder folder;
  Parts parts;
  parts.image = "the cache's";
  use_kept_boot_files(parts, SandboxFiles(folder.path()));
  EXPECT_EQ(parts.image, "the cache's");
}

TEST(SandboxFiles, ATemplateThatWasMadeAgainIsAnother) {
  const base::TempFolder folder;
  const auto identity = [&] {
    const base::Fd ram = base::open_file(folder / "ram", O_RDONLY);
    const base::Fd state = base::open_file(folder / "state", O_RDONLY);
    return template_identity(ram.get(), state.get());
  };
  base::write_file_atomic(folder / "ram", "content");
  base::write_file_atomic(folder / "state", "content");
  const std::string first = identity();
  EXPECT_EQ(identity(), first);
  base::write_file_atomic(folder / "state", "content");
  EXPECT_NE(identity(), first);
}

}  // namespace
}  // namespace caisson::engine::microvm
