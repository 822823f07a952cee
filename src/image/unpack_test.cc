// SPDX-License-Identifier: Apache-2.0

// Archives nobody would make by accident, unpacked without fakeroot (Ownership::kPlain): the same code but for owners.

#include "image/unpack.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "base/temp_folder_for_test.h"
#include "image/test_archive.h"

namespace caisson::image {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class UnpackTest : public ::testing::Test {
 protected:
  UnpackTest() {
    fs::create_directory(root());
    fs::create_directory(outside());
    base::write_file_atomic(outside() + "/secret", "untouched");
  }
  ~UnpackTest() override {
    // Whatever an archive held: beside the tree nothing has changed.
    EXPECT_EQ(base::read_file(outside() + "/secret"), "untouched");
    EXPECT_EQ(std::distance(fs::directory_iterator(outside()), fs::directory_iterator()), 1);
    EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()), 2);
  }

  std::string root() const { return folder.path() + "/tree"; }
  std::string outside() const { return folder.path() + "/outside"; }
  std::string read(const std::string& path) const { return base::read_file(root() + "/" + path); }
  bool exists(const std::string& path) const { return fs::exists(fs::symlink_status(root() + "/" + path)); }

  void unpack(const std::string& archive, UnpackOptions options = {}) {
    const base::Fd file(::memfd_create("archive", MFD_CLOEXEC));
    base::write_all(file.get(), {archive.data(), archive.size()}, "archive");
    ::lseek(file.get(), 0, SEEK_SET);
    Tree tree(root(), Ownership::kPlain);
    unpack_layer(file.get(), "x.tar", tree, totals, options);
  }
  void layer(const std::string& archive) {
    UnpackOptions options;
    options.whiteouts = true;
    unpack(archive, options);
  }
  std::string error_of(const std::string& archive, const UnpackOptions& options = {}) {
    try {
      unpack(archive, options);
    } catch (const base::Error& error) {
      return error.what();
    }
    return "no error";
  }

  base::TempFolder folder;
  UnpackTotals totals;
};

TEST_F(UnpackTest, FilesFoldersAndLinks) {
  unpack(TestArchive().folder("d").file("d/f", "content").symlink("d/s", "f").hard_link("d/h", "d/f").finish());
  EXPECT_EQ(read("d/f"), "content");
  EXPECT_EQ(fs::read_symlink(root() + "/d/s"), "f");
  EXPECT_EQ(fs::hard_link_count(root() + "/d/h"), 2U);
  EXPECT_EQ(totals.entries, 4U);
  EXPECT_EQ(totals.bytes, 7U);
}

TEST_F(UnpackTest, EveryCompression) {
  for (const char* filter : {"gzip", "bzip2", "xz", "zstd", "lz4", "compress", "lzma"}) {
    SCOPED_TRACE(filter);
    unpack(TestArchive(filter).file(std::string("from-") + filter, filter).finish());
    EXPECT_EQ(read(std::string("from-") + filter), filter);
  }
}

TEST_F(UnpackTest, AbsolutePathsAreInsideTheTree) {
  unpack(TestArchive().file("/etc/x", "1").file("//y", "2").file("././z", "3").finish());
  EXPECT_EQ(read("etc/x") + read("y") + read("z"), "123");
}

TEST_F(UnpackTest, ParentsAreRefused) {
  for (const char* path : {"../outside/new", "a/../../outside/new", "a/..", ".."}) {
    EXPECT_THAT(error_of(TestArchive().file(path, "x").finish()), HasSubstr("which leaves it")) << path;
  }
  EXPECT_THAT(error_of(TestArchive().hard_link("h", "../outside/secret").finish()), HasSubstr("which leaves it"));
}

TEST_F(UnpackTest, AFileBelowALinkStaysInsideTheTree) {
  // As in a chroot, these lead to nothing.
  for (const std::string& target : {outside(), std::string("../outside"), std::string("/proc/self/root")}) {
    EXPECT_THAT(error_of(TestArchive().symlink("l", target).file("l/secret", "changed").finish()),
                HasSubstr("cannot make the folder 'l'"));
    EXPECT_THAT(
        error_of(
            TestArchive().symlink("l", target).folder("d").symlink("d/m", "/l").file("d/m/secret", "changed").finish()),
        HasSubstr("cannot make the folder 'd/m'"));
  }
  // And this to the tree's own root.
  unpack(TestArchive().symlink("l", "/../../../../..").file("l/secret", "changed").finish());
  EXPECT_EQ(read("secret"), "changed");
}

TEST_F(UnpackTest, ALinkInTheTreeIsFollowedAsInAChroot) {
  unpack(TestArchive()
             .folder("usr/lib")
             .symlink("lib", "/usr/lib")
             .file("lib/a", "1")
             .symlink("b", "usr")
             .file("b/lib/c", "2")
             .finish());
  EXPECT_EQ(read("usr/lib/a") + read("usr/lib/c"), "12");
}

TEST_F(UnpackTest, TheLastNameIsNeverFollowed) {
  unpack(TestArchive().symlink("l", outside() + "/secret").file("l", "new").finish());
  EXPECT_EQ(read("l"), "new");
  EXPECT_FALSE(fs::is_symlink(root() + "/l"));
  unpack(TestArchive().symlink("m", outside()).folder("m").file("m/new", "x").finish());
  EXPECT_EQ(read("m/new"), "x");
}

TEST_F(UnpackTest, HardLinksAreMadeOfWhatIsInTheTreeOnly) {
  EXPECT_THAT(error_of(TestArchive().hard_link("h", outside() + "/secret").finish()),
              HasSubstr("No such file or directory"));
  EXPECT_NE(error_of(TestArchive().symlink("l", outside()).hard_link("h", "l/secret").finish()), "no error");
  // To the link itself, not to what it names.
  unpack(TestArchive().symlink("s", outside() + "/secret").hard_link("t", "s").finish());
  EXPECT_TRUE(fs::is_symlink(root() + "/t"));
  EXPECT_EQ(fs::hard_link_count(outside() + "/secret"), 1U);
  unpack(TestArchive().file("f", "1").hard_link("f", "f").finish());
  EXPECT_EQ(read("f"), "1");
}

TEST_F(UnpackTest, DevicesNeedFakeroot) {
  EXPECT_THAT(error_of(TestArchive().device("dev/sda").finish()), HasSubstr("a device node 'dev/sda'"));
}

TEST_F(UnpackTest, FilesInPlaceOfFoldersAndTheOtherWay) {
  unpack(TestArchive()
             .folder("d")
             .file("d/f", "1")
             .file("d", "now a file")
             .file("x", "1")
             .folder("x")
             .file("x/y", "2")
             .finish());
  EXPECT_EQ(read("d"), "now a file");
  EXPECT_EQ(read("x/y"), "2");
  EXPECT_NE(error_of(TestArchive().file("p", "1").file("p/q", "2").finish()), "no error");
  EXPECT_THAT(error_of(TestArchive().file(".", "x").finish()), HasSubstr("its own folder"));
}

TEST_F(UnpackTest, BoundsHold) {
  UnpackOptions small;
  small.limits.max_bytes = 100;
  EXPECT_THAT(error_of(TestArchive().file("a", std::string(60, 'a')).file("b", std::string(60, 'b')).finish(), small),
              HasSubstr("more than 100 B of files"));
  EXPECT_THAT(error_of(TestArchive().sparse("huge", INT64_C(1) << 40).finish(), small),
              HasSubstr("more than 100 B of files"));
  totals = {};
  UnpackOptions few;
  few.limits.max_entries = 2;
  EXPECT_THAT(error_of(TestArchive().file("1", "").file("2", "").file("3", "").finish(), few),
              HasSubstr("more than 2 entries"));
  EXPECT_THAT(error_of(TestArchive().file(std::string(300, 'n'), "").finish()), HasSubstr("more than 255 bytes"));
  std::string deep;
  for (int i = 0; i < 2100; ++i) deep += "d/";
  EXPECT_THAT(error_of(TestArchive().file(deep + "f", "").finish()), HasSubstr("more than 4095 bytes"));
}

TEST_F(UnpackTest, ACompressionBombIsBounded) {
  UnpackOptions small;
  small.limits.max_bytes = 1 << 20;
  small.limits.max_entries = 100;
  EXPECT_THAT(error_of(TestArchive("xz").file("zeros", std::string(64 << 20, '\0')).finish(), small),
              HasSubstr("more than 1 MiB"));
}

TEST_F(UnpackTest, CutOffArchivesAreNoticed) {
  const std::string whole = TestArchive().file("a", std::string(5000, 'a')).file("b", std::string(5000, 'b')).finish();
  UnpackOptions strict;
  strict.require_end = true;
  EXPECT_EQ(error_of(whole, strict), "no error");
  for (const size_t size : {0UL, 100UL, 512UL, 3000UL, 512UL + 5120, 2 * (512UL + 5120)}) {
    EXPECT_NE(error_of(whole.substr(0, size), strict), "no error") << size;
  }
  const std::string packed = TestArchive("gzip").file("a", std::string(50000, 'a')).finish();
  EXPECT_NE(error_of(packed.substr(0, packed.size() - 10), strict), "no error");
  EXPECT_NE(error_of("this is no archive at all, but it is long enough to be looked at as one", strict), "no error");
}

TEST_F(UnpackTest, TheDigestOfTheUncompressedStreamIsChecked) {
  const std::string plain = TestArchive().file("a", "1").finish();
  UnpackOptions options;
  options.diff_id = sha256(plain);
  EXPECT_EQ(error_of(plain, options), "no error");
  EXPECT_EQ(error_of(compressed(plain, "zstd"), options), "no error");
  EXPECT_EQ(error_of(compressed(plain, "gzip"), options), "no error");
  EXPECT_THAT(error_of(TestArchive().file("a", "2").finish(), options), HasSubstr("as it should"));
}

TEST_F(UnpackTest, WhiteoutsRemoveWhatIsBelowOnly) {
  layer(TestArchive().folder("d").file("d/old", "1").file("d/kept", "2").folder("gone").file("gone/x", "3").finish());
  layer(TestArchive()
            .file("d/new", "4")
            .file("d/.wh.old", "")
            .file("d/.wh.new", "")
            .file(".wh.gone", "")
            .file(".wh.never", "")
            .finish());
  EXPECT_FALSE(exists("d/old"));
  EXPECT_FALSE(exists("gone"));
  EXPECT_FALSE(exists("d/.wh.old"));
  EXPECT_EQ(read("d/kept") + read("d/new"), "24");
}

TEST_F(UnpackTest, OpaqueFoldersKeepWhatTheirLayerMade) {
  layer(TestArchive().folder("d").file("d/old", "1").folder("d/sub").file("d/sub/old", "2").finish());
  // The marker comes in the middle: what the layer made before and after it stays.
  layer(TestArchive()
            .file("d/before", "3")
            .file("d/sub/new", "4")
            .file("d/.wh..wh..opq", "")
            .file("d/after", "5")
            .finish());
  EXPECT_FALSE(exists("d/old"));
  EXPECT_FALSE(exists("d/sub/old"));
  EXPECT_EQ(read("d/before") + read("d/sub/new") + read("d/after"), "345");
}

TEST_F(UnpackTest, HostileWhiteouts) {
  layer(TestArchive().symlink("l", outside()).symlink("up", "../outside").finish());
  UnpackOptions options;
  options.whiteouts = true;
  error_of(TestArchive().file("l/.wh.secret", "").finish(), options);
  error_of(TestArchive().file("up/.wh..wh..opq", "").finish(), options);
  error_of(TestArchive().file("l/.wh..wh..opq", "").finish(), options);
  EXPECT_THAT(error_of(TestArchive().file(".wh...", "").finish(), options), HasSubstr("names no file"));
  EXPECT_THAT(error_of(TestArchive().file(".wh.", "").finish(), options), HasSubstr("names no file"));
  EXPECT_THAT(error_of(TestArchive().file("a/../.wh.x", "").finish(), options), HasSubstr("which leaves it"));
  // A whiteout of a link removes the link.
  layer(TestArchive().file(".wh.l", "").finish());
  EXPECT_FALSE(exists("l"));
}

TEST_F(UnpackTest, TimesDoNotDependOnTheMoment) {
  const auto time_of = [&](const std::string& path) {
    struct stat info {};
    ::stat((root() + "/" + path).c_str(), &info);
    return info.st_mtim.tv_sec;
  };
  layer(TestArchive().folder("d", 1000).file("d/f", "1", 2000).file("made/f", "1", 3000).finish());
  EXPECT_EQ(time_of("d"), 1000);
  EXPECT_EQ(time_of("d/f"), 2000);
  EXPECT_EQ(time_of("made"), 0);
  // A layer that writes into a folder without naming it leaves its time.
  layer(TestArchive().file("d/g", "2", 4000).file("d/.wh.f", "").finish());
  EXPECT_EQ(time_of("d"), 1000);
  layer(TestArchive().file("d/h", "2", 4000).folder("d", 5000).file("d/i", "3", 1).finish());
  EXPECT_EQ(time_of("d"), 5000);
}

TEST_F(UnpackTest, KindsOfArchives) {
  const auto kind = [](const std::string& archive) {
    const base::Fd file(::memfd_create("archive", MFD_CLOEXEC));
    base::write_all(file.get(), {archive.data(), archive.size()}, "archive");
    ::lseek(file.get(), 0, SEEK_SET);
    return archive_kind(file.get(), "x.tar");
  };
  EXPECT_EQ(kind(TestArchive().folder("blobs").file("manifest.json", "").file("oci-layout", "").finish()), "oci");
  EXPECT_EQ(kind(TestArchive().file("layer.tar", "").file("manifest.json", "").finish()), "docker");
  EXPECT_EQ(kind(TestArchive().folder("./").folder("./bin").file("manifest.json", "").finish()), "root");
  EXPECT_EQ(kind(TestArchive("zstd").file("etc/passwd", "").finish()), "root");
}

}  // namespace
}  // namespace caisson::image
