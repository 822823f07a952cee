// SPDX-License-Identifier: Apache-2.0

#include "gate/host_authorities.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <string>
#include <vector>

#include "base/file.h"
#include "base/temp_folder_for_test.h"
#include "gate/x509.h"

namespace caisson::gate {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct Made {
  std::string pem;
  std::string hash;
};

Made make(const std::string& name) {
  const KeyPtr key = new_key();
  const X509Ptr certificate = new_authority(*key, name);
  return {to_pem(*certificate), subject_hash(*certificate)};
}

std::vector<std::string> certificates(const std::vector<link::Authority>& authorities) {
  std::vector<std::string> pems;
  for (const link::Authority& authority : authorities) pems.push_back(authority.certificate);
  return pems;
}

TEST(HostAuthorities, AreTheOnesOfEachFolderInOrder) {
  const base::TempFolder folder;
  const Made first = make("one");
  const Made second = make("two");
  const Made other = make("three");
  ASSERT_EQ(::mkdir((folder.path() + "/a").c_str(), 0755), 0);
  ASSERT_EQ(::mkdir((folder.path() + "/b").c_str(), 0755), 0);
  ASSERT_EQ(::mkdir((folder.path() + "/a/company").c_str(), 0755), 0);
  base::write_file_atomic(folder.path() + "/a/company/z.crt", "a remark\n" + first.pem, 0644);
  base::write_file_atomic(folder.path() + "/a/y.pem", second.pem, 0644);
  base::write_file_atomic(folder.path() + "/b/x.crt", other.pem, 0644);
  base::write_file_atomic(folder.path() + "/b/no-certificate.crt", "-----BEGIN CERTIFICATE-----\n", 0644);
  base::write_file_atomic(folder.path() + "/b/another-kind.txt", first.pem, 0644);
  const auto found = authorities_in({folder.path() + "/a", folder.path() + "/missing", folder.path() + "/b"});
  EXPECT_THAT(certificates(found), ElementsAre(first.pem, second.pem, other.pem));
  EXPECT_EQ(found.at(1).subject_hash, second.hash);
}

TEST(HostAuthorities, LeaveRoomForTheGatesOwn) {
  const base::TempFolder folder;
  const Made one = make("one");
  for (int i = 0; i < 40; ++i) base::write_file_atomic(folder.path() + "/" + std::to_string(i) + ".crt", one.pem, 0644);
  EXPECT_EQ(authorities_in({folder.path()}).size(), link::kMostAuthorities - 1);
}

TEST(HostAuthorities, AreNoneWhereNoFolderIs) {
  EXPECT_THAT(authorities_in({"/nowhere"}), IsEmpty());
}

}  // namespace
}  // namespace caisson::gate
