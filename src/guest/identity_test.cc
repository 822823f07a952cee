// SPDX-License-Identifier: Apache-2.0

#include "guest/identity.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace caisson::guest {
namespace {

TEST(Hosts, OwnNameReplacesTheOldOneAndNothingElse) {
  EXPECT_EQ(hosts_with("127.0.0.1 localhost\n127.0.1.1 old\n10.0.0.1 db\n", "new"),
            "127.0.0.1 localhost\n127.0.1.1\tnew\n10.0.0.1 db\n");
  EXPECT_EQ(hosts_with("127.0.1.1\told\n127.0.1.1 again\n", "new"), "127.0.1.1\tnew\n");
}

TEST(Hosts, OwnNameIsAddedWhereThereIsNone) {
  EXPECT_EQ(hosts_with("", "new"), "127.0.1.1\tnew\n");
  EXPECT_EQ(hosts_with("127.0.1.10 other", "new"), "127.0.1.10 other\n127.0.1.1\tnew\n");
}

}  // namespace
}  // namespace caisson::guest
