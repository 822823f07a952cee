// SPDX-License-Identifier: Apache-2.0

#include "image/templates.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/error.h"
#include "base/temp_folder_for_test.h"
#include "image/digest.h"

namespace caisson::image {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

void write(const std::string& path, const std::string& content) {
  std::ofstream(path, std::ios::binary) << content;
}

class TemplatesTest : public ::testing::Test {
 protected:
  Template make(const TemplateInputs& what) {
    const std::string key = template_key(what);
    const base::FileLock held = store.lock(key);
    TemplateDraft draft = store.begin(key);
    write(draft.folder() + "/ram", "memory");
    fs::resize_file(draft.folder() + "/ram", 4U << 20);
    write(draft.folder() + "/state", std::string(100'000, 's'));
    write(draft.folder() + "/disk.raw", "disk");
    write(draft.folder() + "/overlay.qcow2", "overlay");
    return store.commit(std::move(draft), key, what);
  }

  base::TempFolder folder;
  TemplateStore store{folder.path()};
  TemplateInputs inputs{.image_digest = std::string(64, 'a'),
                        .kernel_digest = "k",
                        .initramfs_digest = "i",
                        .vmm = "qemu",
                        .machine = "m",
                        .accelerator = "tcg",
                        .cpu_model = "max",
                        .host_cpu = host_cpu_digest(),
                        .cpus = 2,
                        .memory = base::gibibytes(1),
                        .disk = base::gibibytes(8)};
};

TEST_F(TemplatesTest, MadeIsFound) {
  EXPECT_EQ(store.find(template_key(inputs)).reason, "not made yet");
  const Template made = make(inputs);
  const TemplateLookup lookup = store.find(made.key);
  ASSERT_TRUE(lookup.found) << lookup.reason;
  EXPECT_EQ(lookup.found->image_digest(), inputs.image_digest);
  EXPECT_TRUE(fs::exists(lookup.found->ram()));
  ASSERT_EQ(store.verify_all().size(), 1U);
  EXPECT_EQ(store.verify_all()[0].problem, "");
}

TEST_F(TemplatesTest, OneIsVerifiedAsAllAre) {
  EXPECT_FALSE(store.verify(template_key(inputs)));
  const Template made = make(inputs);
  EXPECT_EQ(store.verify(made.key)->problem, "");
  write(made.state(), std::string(100'000, 't'));
  EXPECT_NE(store.verify(made.key)->problem, "");
  EXPECT_EQ(store.verify_all()[0].problem, store.verify(made.key)->problem);
  make(inputs);
  EXPECT_EQ(store.verify(made.key)->problem, "");
}

TEST_F(TemplatesTest, EveryInputChangesTheKey) {
  const std::string key = template_key(inputs);
  std::vector<TemplateInputs> others(11, inputs);
  others[0].image_digest = "x";
  others[1].kernel_digest = "x";
  others[2].initramfs_digest = "x";
  others[3].vmm = "x";
  others[4].accelerator = "kvm";
  others[5].cpu_model = "x";
  others[6].host_cpu = "x";
  others[7].cpus = 3;
  others[8].memory = base::gibibytes(2);
  others[9].disk = base::gibibytes(9);
  others[10].machine = "x";
  for (const TemplateInputs& other : others) EXPECT_NE(template_key(other), key) << to_json(other).dump();
  EXPECT_EQ(template_key(inputs), key);
}

TEST_F(TemplatesTest, ChangesAreNoticedWithTheirReason) {
  const auto reason_after = [&](auto&& spoil) {
    const Template made = make(inputs);
    spoil(made);
    const TemplateLookup lookup = store.find(made.key);
    EXPECT_FALSE(lookup.found);
    return lookup.reason;
  };
  EXPECT_EQ(reason_after([](const Template& made) { std::filesystem::resize_file(made.ram(), 1 << 20); }),
            "the file 'ram' has changed (its size)");
  EXPECT_EQ(reason_after([](const Template& made) {
              struct stat info {};
              ::stat(made.ram().c_str(), &info);
              timespec times[2] = {info.st_atim, info.st_mtim};
              times[1].tv_nsec = (times[1].tv_nsec + 1) % 1'000'000'000;
              ::utimensat(AT_FDCWD, made.ram().c_str(), times, 0);
            }),
            "the file 'ram' has changed (its modification time)");
  EXPECT_EQ(reason_after([](const Template& made) { ::chmod(made.ram().c_str(), 0640); }),
            "the file 'ram' has changed (its change time)");
  EXPECT_EQ(reason_after([](const Template& made) {
              fs::copy_file(made.disk(), made.disk() + ".new");
              fs::rename(made.disk() + ".new", made.disk());
            }),
            "the file 'disk.raw' has changed (its inode)");
  EXPECT_EQ(reason_after([](const Template& made) { fs::remove(made.overlay()); }),
            "the file 'overlay.qcow2' is missing");
  EXPECT_EQ(reason_after([](const Template& made) { fs::remove(made.folder + "/manifest.json"); }),
            "its manifest is missing");
  EXPECT_THAT(
      reason_after([](const Template& made) { std::filesystem::resize_file(made.folder + "/manifest.json", 100); }),
      HasSubstr("manifest"));
}

TEST_F(TemplatesTest, ChangedStateIsNoticedByItsDigestAlone) {
  const Template made = make(inputs);
  // The same length, and times and inode put into the manifest anew: only the digest differs.
  write(made.state(), std::string(99'999, 's') + "S");
  struct stat info {};
  ::stat(made.state().c_str(), &info);
  base::Json manifest = base::Json::parse(base::read_file(made.folder + "/manifest.json"));
  auto& file = manifest["files"]["state"];
  file["mtime_ns"] = info.st_mtim.tv_sec * INT64_C(1'000'000'000) + info.st_mtim.tv_nsec;
  file["ctime_ns"] = info.st_ctim.tv_sec * INT64_C(1'000'000'000) + info.st_ctim.tv_nsec;
  write(made.folder + "/manifest.json", manifest.dump());
  EXPECT_EQ(store.find(made.key).reason, "the file 'state' has changed (its content)");
}

TEST_F(TemplatesTest, VerifyReadsTheMemory) {
  const Template made = make(inputs);
  base::Json manifest = base::Json::parse(base::read_file(made.folder + "/manifest.json"));
  manifest["files"]["ram"]["digest"] = std::string(64, '0');
  write(made.folder + "/manifest.json", manifest.dump());
  EXPECT_TRUE(store.find(made.key).found);
  ASSERT_EQ(store.verify_all().size(), 1U);
  EXPECT_EQ(store.verify_all()[0].problem, "the file 'ram' has changed (its content)");
}

TEST_F(TemplatesTest, LinkedDiskKeepsTheTemplateValidAndOutlivesIt) {
  const Template made = make(inputs);
  const std::string mine = folder.path() + "/mine.qcow2";
  link_or_copy(made.disk(), mine);
  EXPECT_TRUE(store.find(made.key).found) << store.find(made.key).reason;
  EXPECT_EQ(store.discard_for_image("other"), 0U);
  EXPECT_EQ(store.discard_for_image(inputs.image_digest), 1U);
  EXPECT_EQ(store.find(made.key).reason, "not made yet");
  EXPECT_EQ(base::read_file(mine), "disk");
}

TEST_F(TemplatesTest, AKilledMakerLeavesNothingThatIsFound) {
  const std::string key = template_key(inputs);
  const std::string left = folder.path() + "/templates/.making-" + key;
  fs::create_directories(left);
  write(left + "/ram", "half");
  EXPECT_EQ(store.find(key).reason, "not made yet");
  EXPECT_TRUE(store.list().empty());
  make(inputs);
  EXPECT_FALSE(fs::exists(left));
  EXPECT_TRUE(store.find(key).found);
}

TEST_F(TemplatesTest, WhatAKilledMakerOfAnotherKeyLeftIsSwept) {
  const Template made = make(inputs);
  EXPECT_FALSE(store.has_abandoned());
  const auto left = [&](const char* prefix, char digit) {
    const std::string path = folder.path() + "/templates/" + prefix + std::string(64, digit);
    fs::create_directories(path);
    write(path + "/ram", "half");
    return path;
  };
  const std::string draft = left(".making-", 'd');
  const std::string gone = left(".gone-", 'e');
  const std::string in_the_making = left(".making-", 'f');
  const base::FileLock maker = store.lock(std::string(64, 'f'));
  EXPECT_TRUE(store.has_abandoned());
  store.sweep();
  EXPECT_FALSE(store.has_abandoned());
  EXPECT_FALSE(fs::exists(draft));
  EXPECT_FALSE(fs::exists(gone));
  EXPECT_TRUE(fs::exists(in_the_making));
  EXPECT_TRUE(store.find(made.key).found);
}

TEST_F(TemplatesTest, AnUncommittedDraftGoesAway) {
  const std::string key = template_key(inputs);
  std::string path;
  {
    const TemplateDraft draft = store.begin(key);
    path = draft.folder();
    EXPECT_TRUE(fs::exists(path));
  }
  EXPECT_FALSE(fs::exists(path));
}

TEST_F(TemplatesTest, LockIsOnePerKey) {
  const std::string key = template_key(inputs);
  const base::FileLock held = store.lock(key);
  EXPECT_FALSE(store.try_lock(key));
  EXPECT_TRUE(store.try_lock(std::string(64, 'b')));
}

TEST_F(TemplatesTest, KeysThatAreNotDigestsAreRefused) {
  EXPECT_THROW(store.find("../../etc"), base::Error);
}

TEST(SparseDigest, HolesAndZerosAreTheSame) {
  const base::TempFolder folder;
  const std::string a = folder.path() + "/a";
  const std::string b = folder.path() + "/b";
  write(a, std::string(100'000, '\0') + "x" + std::string(200'000, '\0'));
  write(b, "");
  fs::resize_file(b, 300'001);
  {
    std::fstream file(b, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(100'000);
    file << "x";
  }
  EXPECT_EQ(sparse_digest(a), sparse_digest(b));
  copy_file(b, folder.path() + "/c");
  EXPECT_EQ(sparse_digest(folder.path() + "/c"), sparse_digest(b));
  EXPECT_EQ(base::read_file(folder.path() + "/c"), base::read_file(a));
  fs::resize_file(b, 300'002);
  EXPECT_NE(sparse_digest(a), sparse_digest(b));
}

TEST(CopyFile, CrossesFileSystemsAndKeepsHoles) {
  base::TempFolder here;
  struct stat first {};
  struct stat second {};
  if (::stat("/dev/shm", &second) != 0 || ::stat(here.path().c_str(), &first) != 0 || first.st_dev == second.st_dev)
    GTEST_SKIP() << "there is only one file system that this user can write to";
  base::ScopedEnvironment elsewhere("TMPDIR", "/dev/shm");
  base::TempFolder there;
  const std::string source = here / "source";
  write(source, std::string(100'000, 'x'));
  fs::resize_file(source, 64U << 20);
  {
    std::fstream file(source, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(32U << 20);
    file << "in the middle";
  }
  link_or_copy(source, there / "target");
  EXPECT_EQ(sparse_digest(there / "target"), sparse_digest(source));
  struct stat copy {};
  ASSERT_EQ(::stat((there / "target").c_str(), &copy), 0);
  EXPECT_EQ(copy.st_size, 64 << 20);
  EXPECT_LT(copy.st_blocks * 512, 4 << 20);
}

}  // namespace
}  // namespace caisson::image
