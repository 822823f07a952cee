// SPDX-License-Identifier: Apache-2.0

#include "guest/tar.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "base/process.h"
#include "guest/copy.h"
#include "guest/tar_get.h"
#include "guest/tar_put.h"

namespace caisson::guest {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

class TarTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = "/tmp/caisson-tar-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    fs::create_directories(folder_ + "/from/sub");
    fs::create_directories(folder_ + "/to");
  }
  void TearDown() override { fs::remove_all(folder_); }

  void write(const std::string& path, const std::string& content) {
    base::write_file_atomic(folder_ + path, content, 0640);
  }
  std::string read(const std::string& path) { return base::read_file(folder_ + path); }
  std::string get(const std::string& path) {
    const base::Fd file = base::open_file(folder_ + "/archive", O_RDWR | O_CREAT | O_TRUNC);
    tar_get(folder_ + path, false, file.get());
    return folder_ + "/archive";
  }
  void put(const PutPlan& plan, const std::string& archive) {
    const base::Fd file = base::open_file(archive, O_RDONLY);
    tar_put(plan, file.get());
  }
  PutPlan into(const std::string& path, const std::string& rename = {}) {
    return {.folder = folder_ + path, .rename = rename, .uid = ::getuid(), .gid = ::getgid()};
  }
  std::string failure(const PutPlan& plan, const std::string& archive) {
    try {
      put(plan, archive);
    } catch (const base::Error& error) {
      return error.what();
    }
    return "no error";
  }

  std::string folder_;
  const std::string long_name_ = std::string(80, 'n') + "/" + std::string(90, 'm');
};

TarReader reader_of(const std::string& bytes, size_t& at) {
  return TarReader([&](std::span<char> into) {
    if (bytes.size() - at < into.size()) return false;
    std::memcpy(into.data(), bytes.data() + at, into.size());
    at += into.size();
    return true;
  });
}

TEST_F(TarTest, HeadersSurviveWritingAndReading) {
  TarEntry entry{
      .path = long_name_, .link = std::string(200, 'l'), .mode = 04755, .uid = 3'000'000, .gid = 12, .mtime_s = 77};
  entry.type = TarType::kSymlink;
  const std::string bytes = encode_tar_header(entry) + std::string(1024, '\0');
  size_t at = 0;
  TarReader reader = reader_of(bytes, at);
  const auto read_back = reader.next();
  ASSERT_TRUE(read_back.has_value());
  EXPECT_EQ(read_back->path, entry.path);
  EXPECT_EQ(read_back->link, entry.link);
  EXPECT_EQ(read_back->mode, entry.mode);
  EXPECT_EQ(read_back->uid, entry.uid);
  EXPECT_EQ(read_back->mtime_s, 77);
  EXPECT_FALSE(reader.next().has_value());
}

TEST_F(TarTest, GnuTarReadsWhatIsWritten) {
  write("/from/file", std::string(1000, 'x'));
  fs::create_directories(folder_ + "/from/" + long_name_);
  fs::create_symlink("file", folder_ + "/from/link");
  fs::create_hard_link(folder_ + "/from/file", folder_ + "/from/sub/same");
  base::run_checked({"tar", "-C", folder_ + "/to", "-xf", get("/from")});
  EXPECT_EQ(read("/to/from/file"), std::string(1000, 'x'));
  EXPECT_EQ(fs::read_symlink(folder_ + "/to/from/link"), "file");
  EXPECT_TRUE(fs::is_directory(folder_ + "/to/from/" + long_name_));
  EXPECT_TRUE(fs::equivalent(folder_ + "/to/from/file", folder_ + "/to/from/sub/same"));
}

TEST_F(TarTest, AFileOfTheKernelsIsReadToItsEnd) {
  const std::string archive = folder_ + "/archive";
  {
    const base::Fd file = base::open_file(archive, O_RDWR | O_CREAT | O_TRUNC);
    tar_get("/proc/version", false, file.get());
  }
  base::run_checked({"tar", "-C", folder_ + "/to", "-xf", archive});
  EXPECT_EQ(read("/to/version"), base::read_file("/proc/version"));
  EXPECT_NE(read("/to/version"), "");
}

TEST_F(TarTest, WhatGnuTarWritesIsUnpacked) {
  write("/from/file", std::string(70'000, 'y'));
  write("/from/sub/empty", "");
  fs::create_directories(folder_ + "/from/" + long_name_);
  write("/from/" + long_name_ + "/deep", "deep");
  fs::create_hard_link(folder_ + "/from/file", folder_ + "/from/sub/same");
  for (const char* format : {"gnu", "pax", "ustar"}) {
    const std::string target = std::string("/to/") + format;
    fs::create_directories(folder_ + target);
    const std::string archive = folder_ + "/gnu.tar";
    base::run_checked({"tar", "-C", folder_, "-cf", archive, std::string("--format=") + format, "from"});
    put(into(target), archive);
    EXPECT_EQ(read(target + "/from/file"), std::string(70'000, 'y')) << format;
    EXPECT_EQ(read(target + "/from/" + long_name_ + "/deep"), "deep") << format;
    EXPECT_TRUE(fs::equivalent(folder_ + target + "/from/file", folder_ + target + "/from/sub/same")) << format;
    struct stat info {};
    ASSERT_EQ(::stat((folder_ + target + "/from/file").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777, 0640U) << format;
  }
}

TEST_F(TarTest, TheTopEntryIsRenamed) {
  write("/from/sub/file", "content");
  put(into("/to", "new"), get("/from"));
  EXPECT_EQ(read("/to/new/sub/file"), "content");
  EXPECT_FALSE(fs::exists(folder_ + "/to/from"));
}

TEST_F(TarTest, AFolderIsMergedAndAFileReplaced) {
  write("/from/sub/file", "new");
  fs::create_directories(folder_ + "/to/from/sub");
  write("/to/from/sub/other", "kept");
  fs::create_symlink("/etc/hostname", folder_ + "/to/from/sub/file");
  put(into("/to"), get("/from"));
  EXPECT_EQ(read("/to/from/sub/file"), "new");
  EXPECT_FALSE(fs::is_symlink(folder_ + "/to/from/sub/file"));
  EXPECT_EQ(read("/to/from/sub/other"), "kept");
}

TEST_F(TarTest, NothingLeavesTheFolder) {
  EXPECT_THROW(put_path("a/../../b", ""), base::Error);
  EXPECT_THAT(put_path("/etc/passwd", ""), ElementsAre("etc", "passwd"));
  EXPECT_THAT(put_path("./a/b", "new"), ElementsAre("new", "a", "b"));
  EXPECT_THAT(put_path("a/b", "new"), ElementsAre("new", "b"));

  // A link in the archive, then a file below it.
  fs::create_directories(folder_ + "/outside");
  TarEntry link{.type = TarType::kSymlink, .path = "link", .link = folder_ + "/outside"};
  TarEntry file;
  file.path = "link/file";
  base::write_file_atomic(folder_ + "/evil",
                          encode_tar_header(link) + encode_tar_header(file) + std::string(1024, '\0'));
  EXPECT_THAT(failure(into("/to"), folder_ + "/evil"), HasSubstr("cannot enter the folder 'link'"));
  EXPECT_TRUE(fs::is_empty(folder_ + "/outside"));
}

TEST_F(TarTest, KindsThatDoNotFitAreNamed) {
  write("/from/sub/file", "x");
  fs::create_directories(folder_ + "/to/from/sub/file");
  EXPECT_THAT(failure(into("/to"), get("/from")), HasSubstr("cannot replace the folder 'from/sub/file' with a file"));
  fs::remove_all(folder_ + "/to/from");
  write("/to/from", "a file");
  EXPECT_THAT(failure(into("/to"), get("/from")), HasSubstr("cannot copy a folder onto the file 'from'"));
  PutPlan plan = into("/to", "name");
  plan.top_is_folder = true;
  EXPECT_THAT(failure(plan, get("/from/sub/file")), HasSubstr("there is no such folder"));
}

TEST_F(TarTest, DamagedArchivesAreErrors) {
  write("/from/sub/file", std::string(5000, 'x'));
  const std::string good = base::read_file(get("/from"));
  for (const size_t size : {size_t{100}, size_t{512 * 4}, size_t{512 * 6}}) {
    base::write_file_atomic(folder_ + "/cut", good.substr(0, size));
    const std::string what = failure(into("/to"), folder_ + "/cut");
    if (size % 512 == 0 && size < 512 * 3) continue;
    EXPECT_TRUE(what == "no error" || what.find("not a tar archive") == 0) << what;
  }
  std::string changed = good;
  changed[5] ^= 1;
  base::write_file_atomic(folder_ + "/changed", changed);
  EXPECT_THAT(failure(into("/to"), folder_ + "/changed"), HasSubstr("checksum"));
}

TEST_F(TarTest, PutGoesIntoAFolderOrBecomesTheName) {
  EXPECT_EQ(plan_put(folder_ + "/to", "").rename, "");
  const PutPlan named = plan_put(folder_ + "/to/name", "");
  EXPECT_EQ(named.folder, folder_ + "/to");
  EXPECT_EQ(named.rename, "name");
  EXPECT_EQ(named.uid, ::getuid());
  EXPECT_TRUE(plan_put(folder_ + "/to/name/", "").top_is_folder);
  EXPECT_THROW(plan_put(folder_ + "/missing/name", ""), base::Error);
}

}  // namespace
}  // namespace caisson::guest
