// SPDX-License-Identifier: Apache-2.0

#include "config/trust.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <thread>

#include "base/error.h"
#include "base/file.h"
#include "base/paths.h"
#include "base/temp_folder_for_test.h"

namespace caisson::config {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;

const std::string kOne(64, 'a');
const std::string kTwo(64, 'b');

class Trust : public testing::Test {
 protected:
  std::string path() const { return folder_ / "trusted.json"; }
  TrustStore store() const { return TrustStore(path()); }

  std::string refusal() const {
    try {
      static_cast<void>(store().accepts("/p", kOne));
    } catch (const base::Error& error) {
      return error.what();
    }
    return {};
  }

  base::TempFolder folder_;
};

TEST_F(Trust, NothingIsAcceptedByItself) {
  EXPECT_FALSE(store().accepts("/p", kOne));
  EXPECT_THAT(store().list(), IsEmpty());
  EXPECT_FALSE(store().forget("/p"));
}

TEST_F(Trust, IsForThatDigestInThatFolder) {
  store().accept("/p", kOne);
  EXPECT_TRUE(store().accepts("/p", kOne));
  EXPECT_FALSE(store().accepts("/p", kTwo)) << "a changed file";
  EXPECT_FALSE(store().accepts("/q", kOne)) << "a moved or copied folder";
  EXPECT_FALSE(store().accepts("/p/q", kOne));
  EXPECT_FALSE(store().accepts("/p", ""));
  ASSERT_EQ(store().list().size(), 1U);
  EXPECT_EQ(store().list()[0].folder, "/p");
  EXPECT_EQ(store().list()[0].digest, kOne);
  EXPECT_GT(store().list()[0].accepted.time_since_epoch().count(), 0);
}

TEST_F(Trust, AChangeBackIsAChange) {
  store().accept("/p", kOne);
  store().accept("/p", kTwo);
  EXPECT_FALSE(store().accepts("/p", kOne));
  EXPECT_TRUE(store().accepts("/p", kTwo));
  EXPECT_EQ(store().list().size(), 1U);
}

TEST_F(Trust, IsTakenBack) {
  store().accept("/p", kOne);
  store().accept("/q", kOne);
  EXPECT_TRUE(store().forget("/p"));
  EXPECT_FALSE(store().accepts("/p", kOne));
  EXPECT_TRUE(store().accepts("/q", kOne));
  EXPECT_FALSE(store().forget("/p"));
}

TEST_F(Trust, TwoWhoWriteAtOnceLoseNothing) {
  constexpr int kEach = 40;
  const auto write = [this](const std::string& name) {
    for (int i = 0; i < kEach; ++i) store().accept("/" + name + std::to_string(i), kOne);
  };
  std::thread other(write, "other");
  write("one");
  other.join();
  EXPECT_EQ(store().list().size(), 2U * kEach);
}

TEST_F(Trust, ItsFileIsTheUsersAlone) {
  store().accept("/p", kOne);
  struct stat info {};
  ASSERT_EQ(::stat(path().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777U, 0600U);
  std::filesystem::permissions(path(), std::filesystem::perms::group_write, std::filesystem::perm_options::add);
  EXPECT_THAT(refusal(),
              AllOf(HasSubstr("'" + path() + "'"), HasSubstr("may write to it"), HasSubstr("remove the file")));
  EXPECT_THROW(store().accept("/q", kOne), base::Error);
}

TEST_F(Trust, ADamagedFileAcceptsNothing) {
  const std::string good =
      R"({"version":1,"folders":[{"folder":"/p","digest":")" + kOne + R"(","accepted_unix_ms":1}]})";
  base::write_file_atomic(path(), good);
  EXPECT_TRUE(store().accepts("/p", kOne));
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    return text.replace(text.find(from), from.size(), to);
  };
  for (const std::string& text :
       {std::string(), std::string("{}"), good.substr(0, good.size() - 1), good + "x",
        with("\"version\":1", "\"version\":2"), with("\"folder\":\"/p\"", "\"folder\":7"),
        with("\"folder\":\"/p\"", "\"folder\":\"p\""), with(kOne, "a"), with("accepted_unix_ms", "accepted"),
        with("\"folders\"", "\"folders\":[],\"folders\""), with("[{", "{\"x\":[{")}) {
    base::write_file_atomic(path(), text);
    EXPECT_THAT(refusal(), AllOf(HasSubstr("'" + path() + "'"), HasSubstr("remove the file"))) << text;
    EXPECT_THROW(store().list(), base::Error) << text;
    EXPECT_THROW(store().accept("/p", kOne), base::Error) << text;
    EXPECT_THROW(store().forget("/p"), base::Error) << text;
    EXPECT_EQ(base::read_file(path()), text) << "it was replaced";
  }
}

TEST_F(Trust, ALinkInItsPlaceIsNotFollowed) {
  base::write_file_atomic(folder_ / "other", R"({"version":1,"folders":[]})");
  std::filesystem::create_symlink("other", path());
  EXPECT_NE(refusal(), "");
  std::filesystem::remove(path());
  ASSERT_EQ(::mkfifo(path().c_str(), 0600), 0);
  EXPECT_THAT(refusal(), HasSubstr("it is not a file"));
}

TEST_F(Trust, IsBounded) {
  std::string text = R"({"version":1,"folders":[)";
  for (size_t i = 0; i < kMostTrusted; ++i)
    text += (i == 0 ? "" : ",") + (R"({"folder":"/p)" + std::to_string(i)) + R"(","digest":")" + kOne +
            R"(","accepted_unix_ms":1})";
  base::write_file_atomic(path(), text + "]}");
  store().accept("/new", kTwo);
  EXPECT_EQ(store().list().size(), kMostTrusted);
  EXPECT_TRUE(store().accepts("/new", kTwo));
  EXPECT_FALSE(store().accepts("/p0", kOne)) << "the oldest";
  EXPECT_TRUE(store().accepts("/p1", kOne));
}

TEST_F(Trust, ANameThatIsNoUtf8IsNotKeptAsAnother) {
  EXPECT_THROW(store().accept("/p\xff", kOne), base::Error);
  EXPECT_THAT(store().list(), IsEmpty());
}

TEST_F(Trust, TheUsersIsInTheDataFolder) {
  const base::ScopedEnvironment data("XDG_DATA_HOME", folder_.path().c_str());
  TrustStore().accept("/p", kOne);
  EXPECT_TRUE(std::filesystem::exists(base::data_folder() + "/trusted.json"));
  EXPECT_TRUE(TrustStore().accepts("/p", kOne));
}

}  // namespace
}  // namespace caisson::config
