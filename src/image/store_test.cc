// SPDX-License-Identifier: Apache-2.0

#include "image/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "base/error.h"
#include "base/progress.h"
#include "base/small_disk_for_test.h"
#include "base/temp_folder_for_test.h"
#include "image/base_image.h"
#include "image/digest.h"

namespace caisson::image {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class StoreTest : public ::testing::Test {
 protected:
  ImageRecord add(const std::string& name, const std::string& content, const std::string& file = "new") {
    const std::string path = folder.path() + "/" + file;
    std::ofstream(path) << content;
    ImageRecord record;
    record.name = name;
    record.source = "a test";
    record.config.environment = {"A=1"};
    return store.add(record, path);
  }
  static std::string nobody(const std::string&) { return {}; }

  base::TempFolder folder;
  ImageStore store{folder.path()};
};

TEST_F(StoreTest, FoundByNameAndByDigest) {
  const ImageRecord added = add("team/tools:1", "content");
  EXPECT_EQ(added.digest, sha256("content"));
  for (const std::string& word :
       {std::string("team/tools:1"), added.digest, added.digest.substr(0, 8), "sha256:" + added.digest}) {
    const auto found = store.find(word);
    ASSERT_TRUE(found) << word;
    EXPECT_EQ(found->name, "team/tools:1");
    EXPECT_EQ(found->size.count, 7U);
    EXPECT_EQ(found->config.environment, std::vector<std::string>{"A=1"});
  }
  EXPECT_FALSE(store.find(added.digest.substr(0, 5)));
  EXPECT_FALSE(store.find("nothing"));
  EXPECT_THROW(store.require("nothing"), base::Error);
  struct stat info {};
  ASSERT_EQ(::stat(store.path_of(added.digest).c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0400U);
}

TEST_F(StoreTest, BadNamesAreRefused) {
  for (const char* name : {"", "../x", "a/../b", "-x", "a b", "a\n", ".hidden", "/abs"}) {
    EXPECT_THROW(add(name, "x"), base::Error) << name;
  }
}

TEST_F(StoreTest, ANameMovesToItsNewImageAndTheOldStaysUntilPruned) {
  const ImageRecord first = add("x", "one");
  const ImageRecord second = add("x", "two");
  EXPECT_EQ(store.find("x")->digest, second.digest);
  ASSERT_EQ(store.list().size(), 2U);
  EXPECT_EQ(store.list()[1].name, "");
  EXPECT_EQ(store.find(first.digest)->digest, first.digest);
  EXPECT_TRUE(store.prune([](const std::string&) { return std::string("the sandbox 'web'"); }).empty());
  EXPECT_EQ(store.prune(nobody), std::vector<std::string>{first.digest});
  EXPECT_FALSE(store.find(first.digest));
  EXPECT_TRUE(store.find("x"));
}

TEST_F(StoreTest, RemoveRefusesWhatIsUsedAndKeepsSharedFiles) {
  const ImageRecord added = add("a", "same");
  add("b", "same");
  try {
    store.remove("a", [&](const std::string& digest) {
      EXPECT_EQ(digest, added.digest);
      return std::string("the sandbox 'web'");
    });
    FAIL() << "an image in use was removed";
  } catch (const base::Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("the sandbox 'web' uses it"));
  }
  store.remove("a", nobody);
  EXPECT_FALSE(store.find("a"));
  EXPECT_TRUE(store.find("b"));
  store.remove("b", nobody);
  EXPECT_FALSE(fs::exists(store.path_of(added.digest)));
  EXPECT_THROW(store.remove("b", nobody), base::Error);
}

TEST_F(StoreTest, VerifyNoticesChangesAndMissingFiles) {
  const ImageRecord good = add("good", "good");
  const ImageRecord bad = add("bad", "bad");
  const ImageRecord gone = add("gone", "gone");
  fs::permissions(store.path_of(bad.digest), fs::perms::owner_all);
  std::ofstream(store.path_of(bad.digest)) << "BAD";
  fs::remove(store.path_of(gone.digest));
  EXPECT_FALSE(store.find("gone"));
  for (const ImageCheck& check : store.verify()) {
    EXPECT_EQ(check.intact, check.record.name == "good") << check.record.name;
    if (check.record.name == "bad") {
      EXPECT_THAT(check.problem, HasSubstr("has changed"));
    }
    if (check.record.name == "gone") {
      EXPECT_EQ(check.problem, "its file is missing");
    }
  }
  store.remove("gone", nobody);
  EXPECT_EQ(store.list().size(), 2U);
}

TEST_F(StoreTest, ATruncatedFileIsNoticedBeforeAGuestReadsIt) {
  const ImageRecord added = add("tools", "content");
  base::NoProgress progress;
  EXPECT_EQ(ensure_image(store, "tools", progress).digest, added.digest);
  fs::permissions(store.path_of(added.digest), fs::perms::owner_all);
  fs::resize_file(store.path_of(added.digest), 3);
  for (const std::string& word : {std::string("tools"), "sha256:" + added.digest}) {
    try {
      ensure_image(store, word, progress);
      FAIL() << word;
    } catch (const base::Error& error) {
      EXPECT_EQ(error.problem(), "the image 'tools' is damaged: its file has 3 bytes instead of 7");
      EXPECT_THAT(error.hint(), HasSubstr("caisson image import tools"));
      EXPECT_THAT(error.hint(), HasSubstr("caisson image verify"));
    }
  }
  add("tools", "content");
  EXPECT_EQ(ensure_image(store, "tools", progress).digest, added.digest);
  store.remove("tools", nobody);
}

TEST_F(StoreTest, OneRecordThatCannotBeReadIsInNobodysWay) {
  const ImageRecord good = add("good", "good");
  const ImageRecord lost = add("team/bad:1", "bad");
  std::ofstream(folder.path() + "/images/names/team%2Fbad%3A1.json") << "{\"format\":";
  std::vector<BadRecord> bad;
  const std::vector<ImageRecord> listed = store.list(&bad);
  ASSERT_EQ(listed.size(), 2U);
  EXPECT_EQ(listed[0].name, "good");
  EXPECT_EQ(listed[1].digest, lost.digest);  // nameless for now
  ASSERT_EQ(bad.size(), 1U);
  EXPECT_EQ(bad[0].name(), "team/bad:1");
  EXPECT_THAT(bad[0].what(), HasSubstr("`caisson image rm team/bad:1` removes it"));
  EXPECT_EQ(store.find("good")->digest, good.digest);
  EXPECT_EQ(store.find("sha256:" + good.digest.substr(0, 8))->digest, good.digest);
  base::NoProgress progress;
  EXPECT_EQ(ensure_image(store, "good", progress).digest, good.digest);
  EXPECT_THROW(store.require("team/bad:1"), BadRecord);
  const std::vector<ImageCheck> checks = store.verify();
  ASSERT_EQ(checks.size(), 3U);
  EXPECT_EQ(checks[0].record.name, "team/bad:1");
  EXPECT_FALSE(checks[0].intact);
  // Its file is kept until it is known to be nobody's.
  EXPECT_THROW(store.prune(nobody), BadRecord);
  EXPECT_TRUE(fs::exists(store.path_of(lost.digest)));
  EXPECT_EQ(store.remove("team/bad:1", nobody).name, "team/bad:1");
  EXPECT_EQ(store.prune(nobody), std::vector<std::string>{lost.digest});
  EXPECT_EQ(store.list().size(), 1U);
}

TEST_F(StoreTest, TooLittleRoomForTheBaseImageIsSaidBeforeTheWork) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (!base::mount_small(folder.path())) ::_exit(77);
    base::NoProgress progress;
    std::string said;
    try {
      ensure_base(store, progress);
    } catch (const base::Error& error) {
      said = error.what();
    }
    ::_exit(said.starts_with("no space left for the base image in '" + folder.path() + "': 3 GiB are needed, 2") ? 0
                                                                                                                 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  if (WEXITSTATUS(status) == 77) GTEST_SKIP() << "no mount namespace can be made here";
  EXPECT_EQ(status, 0);
}

TEST_F(StoreTest, ARecordWithAnUnknownKeyIsAnError) {
  add("x", "x");
  const std::string path = folder.path() + "/images/names/x.json";
  base::Json json = base::Json::parse(base::read_file(path));
  json["surprise"] = true;
  std::ofstream(path) << json.dump();
  EXPECT_THROW(store.find("x"), base::Error);
}

TEST_F(StoreTest, ManyAddAtOnce) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      for (int round = 0; round < 10; ++round) {
        const std::string file = std::to_string(i) + "-" + std::to_string(round);
        add("name" + std::to_string(round % 3), "content" + std::to_string(round % 2), file);
        for (const ImageRecord& record : store.list()) EXPECT_FALSE(record.digest.empty());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const char* name : {"name0", "name1", "name2"}) EXPECT_TRUE(store.find(name)) << name;
  for (const ImageCheck& check : store.verify()) EXPECT_TRUE(check.intact) << check.problem;
  // No file but the two images, and none of the temporary ones.
  size_t files = 0;
  for (const auto& entry : fs::directory_iterator(folder.path() + "/images")) files += entry.is_regular_file() ? 1 : 0;
  EXPECT_EQ(files, 3U) << "two images and the lock";
}

}  // namespace
}  // namespace caisson::image
