// SPDX-License-Identifier: Apache-2.0

// Whole imports, with the real helper, fakeroot and mkfs.erofs; what became of them is read back with erofs-utils.

#include "image/import.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "base/process.h"
#include "base/progress.h"
#include "base/temp_folder_for_test.h"
#include "image/hello_image.h"
#include "image/oci.h"
#include "image/test_archive.h"
#include "image/work_folder.h"

namespace caisson::image {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class ImportTest : public ::testing::Test {
 protected:
  ImportTest() {
    for (const char* program : {"fakeroot", "mkfs.erofs", "fsck.erofs", "dump.erofs"}) {
      if (base::find_program(program).empty()) missing_ = program;
    }
    fs::create_directory(folder.path() + "/cache");
  }
  void SetUp() override {
    if (!missing_.empty()) GTEST_SKIP() << missing_ << " is not installed";
  }
  ~ImportTest() override {
    // Nothing temporary is left, whether it worked or not.
    std::error_code none;
    for (const auto& left : fs::directory_iterator(folder.path() + "/cache/tmp", none)) {
      EXPECT_EQ(left.path().filename(), ".lock");
    }
  }

  ImageRecord import(const std::string& source, const std::string& name = "x") {
    base::NoProgress progress;
    return import_image(store, name, source, progress);
  }
  std::string error_of(const std::string& source) {
    try {
      import(source, "broken");
    } catch (const base::Error& error) {
      EXPECT_FALSE(store.find("broken"));
      return error.what();
    }
    return "no error";
  }
  std::string write(const std::string& name, const std::string& content) {
    const std::string path = folder.path() + "/" + name;
    fs::create_directories(fs::path(path).parent_path());
    base::write_file_atomic(path, content);
    return path;
  }
  // The image unpacked again (as this user, so owners are not in it).
  std::string content_of(const ImageRecord& record) {
    const std::string out = folder.path() + "/out-" + record.digest;
    base::run_checked({"fsck.erofs", "--extract=" + out, "--overwrite", "--no-preserve-owner", "--preserve-perms",
                       store.path_of(record.digest)});
    return out;
  }
  // What dump.erofs says about one path: "Uid: 0   Gid: 0  Access: 0755/rwxr-xr-x".
  std::string facts_of(const ImageRecord& record, const std::string& path) {
    return base::run_checked({"dump.erofs", "--path=" + path, store.path_of(record.digest)});
  }

  // An image layout with these layers (tar bytes, already compressed as `type` says).
  struct Layer {
    std::string plain;
    const char* filter;
  };
  std::string blob(const std::string& layout, const std::string& content) {
    const std::string digest = sha256(content);
    write(layout + "/blobs/sha256/" + digest, content);
    return digest;
  }
  base::Json descriptor(const std::string& type, const std::string& digest, size_t size) {
    return {{"mediaType", type}, {"digest", "sha256:" + digest}, {"size", size}};
  }
  std::string layout(const std::string& name, const std::vector<Layer>& layers, const std::string& tag = "v1") {
    base::Json manifest = {{"schemaVersion", 2}, {"layers", base::Json::array()}};
    base::Json diff_ids = base::Json::array();
    for (const Layer& layer : layers) {
      const std::string stored = layer.filter[0] == '\0' ? layer.plain : compressed(layer.plain, layer.filter);
      const std::string type =
          std::string("application/vnd.oci.image.layer.v1.tar") + (layer.filter[0] == '\0' ? "" : "+") + layer.filter;
      manifest["layers"].push_back(descriptor(type, blob(name, stored), stored.size()));
      diff_ids.push_back("sha256:" + sha256(layer.plain));
    }
    const base::Json config = {
        {"architecture", oci_architecture()},
        {"os", "linux"},
        {"rootfs", {{"type", "layers"}, {"diff_ids", diff_ids}}},
        {"config",
         {{"Env", {"A=1"}}, {"User", "7:8"}, {"WorkingDir", "/w"}, {"Entrypoint", {"/e"}}, {"Cmd", {"c", "d"}}}},
        {"history", base::Json::array()}};
    const std::string config_text = config.dump();
    manifest["config"] =
        descriptor("application/vnd.oci.image.config.v1+json", blob(name, config_text), config_text.size());
    const std::string manifest_text = manifest.dump();
    base::Json entry =
        descriptor("application/vnd.oci.image.manifest.v1+json", blob(name, manifest_text), manifest_text.size());
    entry["annotations"] = {{"org.opencontainers.image.ref.name", tag}};
    write(name + "/index.json", base::Json{{"schemaVersion", 2}, {"manifests", {entry}}}.dump());
    write(name + "/oci-layout", R"({"imageLayoutVersion":"1.0.0"})");
    return folder.path() + "/" + name;
  }
  std::vector<Layer> two_layers() {
    return {
        {TestArchive().folder("etc").file("etc/old", "1").file("etc/kept", "2").folder("d").file("d/x", "3").finish(),
         "gzip"},
        {TestArchive().folder("etc").file("etc/.wh.old", "").file("d/.wh..wh..opq", "").file("d/new", "4").finish(),
         "zstd"}};
  }

  base::TempFolder folder;
  ImageStore store{folder.path() + "/cache"};
  std::string missing_;
};

TEST_F(ImportTest, AFolderAndTheSameFolderAgain) {
  write("root/etc/hello", "hello");
  write("root/usr/bin/dockerd", "");
  fs::create_symlink("etc/hello", folder.path() + "/root/link");
  const ImageRecord first = import(folder.path() + "/root", "one");
  EXPECT_TRUE(first.has_dockerd);
  const ImageRecord again = import(folder.path() + "/root", "two");
  EXPECT_EQ(again.digest, first.digest);
  const std::string out = content_of(first);
  EXPECT_EQ(base::read_file(out + "/etc/hello"), "hello");
  EXPECT_EQ(fs::read_symlink(out + "/link"), "etc/hello");
  fs::last_write_time(folder.path() + "/root/etc/hello", fs::file_time_type::clock::now() - std::chrono::hours(1));
  EXPECT_NE(import(folder.path() + "/root", "three").digest, first.digest);
}

TEST_F(ImportTest, ATarKeepsOwnersModesTimesAndDevices) {
  const std::string tar =
      write("root.tar.zst", TestArchive("zstd")
                                .folder("./", 5)
                                .owned("su", 0, 04755)
                                .owned("mine", 1234, 0640)
                                .owned("cap", 0, 0755, "security.capability",
                                       std::string_view("\1\0\0\2\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20))
                                .file("timed", "1", 86400)
                                .device("sda")
                                .finish());
  const ImageRecord record = import(tar);
  EXPECT_FALSE(record.has_dockerd);
  EXPECT_THAT(facts_of(record, "/su"), HasSubstr("Uid: 0   Gid: 0"));
  struct stat su {};
  ASSERT_EQ(::stat((content_of(record) + "/su").c_str(), &su), 0);
  EXPECT_EQ(su.st_mode & 07777, 04755U);
  EXPECT_THAT(facts_of(record, "/mine"), HasSubstr("Uid: 1234   Gid: 1234  Access: 0640"));
  EXPECT_THAT(facts_of(record, "/cap"), HasSubstr("Xattr size:"));
  EXPECT_THAT(facts_of(record, "/timed"), HasSubstr("1970-01-02"));
  EXPECT_THAT(facts_of(record, "/"), HasSubstr("Uid: 0   Gid: 0  Access: 0755"));
  EXPECT_EQ(import(tar, "again").digest, record.digest);
}

TEST_F(ImportTest, AnArchiveWithoutFoldersGivesTheSameImageEachTime) {
  const std::string tar = write("root.tar", TestArchive().file("a/b/c", "1").finish());
  const std::string first = import(tar).digest;
  fs::last_write_time(tar, fs::file_time_type::clock::now() - std::chrono::hours(1));
  EXPECT_EQ(import(tar, "again").digest, first);
}

TEST_F(ImportTest, AnOciLayoutWithLayersAndWhiteouts) {
  const std::string path = layout("layout", two_layers());
  for (const std::string& source : {path, "oci:" + path, "oci:" + path + ":v1"}) {
    const ImageRecord record = import(source);
    const std::string out = content_of(record);
    EXPECT_FALSE(fs::exists(out + "/etc/old"));
    EXPECT_FALSE(fs::exists(out + "/d/x"));
    EXPECT_EQ(base::read_file(out + "/etc/kept") + base::read_file(out + "/d/new"), "24");
    const ImageConfig expected = {
        .environment = {"A=1"}, .user = "7:8", .working_dir = "/w", .entrypoint = {"/e"}, .command = {"c", "d"}};
    EXPECT_EQ(store.find("x")->config, expected);
  }
  EXPECT_THAT(error_of("oci:" + path + ":v2"), HasSubstr("its tags: v1"));
}

TEST_F(ImportTest, AnOciArchive) {
  layout("layout", two_layers());
  base::run_checked({"tar", "-C", folder.path() + "/layout", "-czf", folder.path() + "/saved", "."});
  const ImageRecord record = import(folder.path() + "/saved");
  EXPECT_EQ(base::read_file(content_of(record) + "/d/new"), "4");
  EXPECT_EQ(import("oci-archive:" + folder.path() + "/saved", "again").digest, record.digest);
}

TEST_F(ImportTest, ADamagedLayoutIsRefused) {
  const std::string path = layout("layout", two_layers());
  const auto biggest = [&] {
    fs::path found;
    for (const auto& file : fs::directory_iterator(path + "/blobs/sha256")) {
      if (base::read_file(file.path()).starts_with("\x1f\x8b")) found = file.path();
    }
    return found;
  }();
  std::string content = base::read_file(biggest);
  content[content.size() / 2] ^= 1;
  base::write_file_atomic(biggest, content);
  EXPECT_THAT(error_of(path), HasSubstr("does not have this digest"));
  content.resize(content.size() / 2);
  base::write_file_atomic(biggest, content);
  EXPECT_THAT(error_of(path), HasSubstr("does not have this digest"));
  fs::remove(biggest);
  EXPECT_THAT(error_of(path), HasSubstr("is the image complete?"));
  fs::create_symlink("/etc/passwd", biggest);
  EXPECT_THAT(error_of(path), HasSubstr("cannot open the image's file"));
}

TEST_F(ImportTest, ALayerThatIsNotWhatTheConfigurationSays) {
  const std::string path = layout("layout", {{TestArchive().file("a", "1").finish(), ""}});
  // The manifest's digests are right, but the configuration speaks of another content.
  base::Json index = base::Json::parse(base::read_file(path + "/index.json"));
  const std::string old_manifest = index["manifests"][0]["digest"].get<std::string>().substr(7);
  base::Json manifest = base::Json::parse(base::read_file(path + "/blobs/sha256/" + old_manifest));
  const std::string other = TestArchive().file("a", "2").finish();
  manifest["layers"][0] = descriptor("application/vnd.oci.image.layer.v1.tar", blob("layout", other), other.size());
  const std::string text = manifest.dump();
  index["manifests"][0] = descriptor("application/vnd.oci.image.manifest.v1+json", blob("layout", text), text.size());
  write("layout/index.json", index.dump());
  EXPECT_THAT(error_of(path), HasSubstr("as it should"));
}

TEST_F(ImportTest, OurOwnHelloAsADockerArchive) {
  const std::string program = "\177ELF not really";
  const std::string archive = make_hello_archive(program, "amd64");
  EXPECT_EQ(make_hello_archive(program, "amd64"), archive);
  const std::string path = write("hello.tar", archive);
  const ImageRecord record = import(path);
  EXPECT_EQ(base::read_file(content_of(record) + "/hello"), program);
  EXPECT_EQ(record.config.command, std::vector<std::string>{"/hello"});
  EXPECT_THAT(facts_of(record, "/hello"), HasSubstr("Access: 0755"));
  EXPECT_EQ(import("docker-archive:" + path, "again").digest, record.digest);
}

TEST_F(ImportTest, HostileAndBrokenArchivesLeaveNothing) {
  EXPECT_THAT(error_of(write("up.tar", TestArchive().file("../up", "x").finish())), HasSubstr("which leaves it"));
  EXPECT_FALSE(fs::exists(folder.path() + "/cache/up"));
  const std::string packed = TestArchive("gzip").file("a", std::string(100000, 'a')).finish();
  EXPECT_THAT(error_of(write("cut.tar.gz", packed.substr(0, packed.size() / 2))), HasSubstr("complete tar archive"));
  EXPECT_NE(error_of(write("empty", "")), "no error");
  EXPECT_THAT(error_of(folder.path() + "/nothing"), HasSubstr("no such file or folder"));
  std::filesystem::create_directory(folder.path() + "/bare");
  EXPECT_THAT(error_of(folder.path() + "/bare"), HasSubstr("/bare': the folder is empty"));
}

TEST_F(ImportTest, TheNameBaseIsKept) {
  base::NoProgress progress;
  EXPECT_THROW(import_image(store, "base", folder.path(), progress), base::Error);
  EXPECT_THROW(import_image(store, "../x", folder.path(), progress), base::Error);
}

TEST(WorkFolderTest, SweepsWhatNobodyHolds) {
  const base::TempFolder cache;
  const std::string held = cache.path() + "/tmp/held";
  const std::string left = cache.path() + "/tmp/left";
  fs::create_directories(held);
  fs::create_directories(left + "/deep/er");
  base::write_file_atomic(left + "/lock", "");
  const base::FileLock lock = base::FileLock::acquire(held + "/lock");
  std::string path;
  {
    const WorkFolder work(cache.path(), "x");
    path = work.path();
    EXPECT_TRUE(fs::exists(path));
    EXPECT_TRUE(fs::exists(held));
    EXPECT_FALSE(fs::exists(left));
    sweep_work_folders(cache.path());
    EXPECT_TRUE(fs::exists(path));
  }
  EXPECT_FALSE(fs::exists(path));
}

}  // namespace
}  // namespace caisson::image
