// SPDX-License-Identifier: Apache-2.0

#include "cli/policy_target.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace caisson::cli {
namespace {

class PolicyTarget : public testing::Test {
 protected:
  PolicyTarget() {
    policy.add(gate::parse_rule("example.com:443"), true, "test");
    policy.add(gate::parse_rule("udp:192.0.2.7:53"), true, "test");
    policy.add(gate::parse_rule("paths.example:80 GET /free/**"), true, "test");
    policy.add(gate::parse_rule("[2001:db8::7]:9418"), true, "test");
  }
  bool allows(const std::string& target) const { return judge_target(policy, target).allowed; }

  gate::Policy policy;
};

TEST_F(PolicyTarget, IsAPlaceOrAUrl) {
  EXPECT_TRUE(allows("example.com:443"));
  EXPECT_TRUE(allows("udp:192.0.2.7:53"));
  EXPECT_FALSE(allows("192.0.2.7:53"));
  EXPECT_TRUE(allows("https://example.com"));
  EXPECT_TRUE(allows("HTTPS://user:secret@Example.com/x?y#z"));
  EXPECT_FALSE(allows("https://example.com:444/"));
  EXPECT_FALSE(allows("http://example.com/"));
  EXPECT_TRUE(allows("git://[2001:db8::7]/x.git"));
  EXPECT_TRUE(allows("ssh://example.com:443/x"));
}

TEST_F(PolicyTarget, OfAUrlItsPathIsJudgedWhereARuleHasPaths) {
  EXPECT_TRUE(allows("http://paths.example/free/x?y"));
  EXPECT_FALSE(allows("http://paths.example/"));
  EXPECT_FALSE(allows("http://paths.example"));
  EXPECT_EQ(judge_target(policy, "http://paths.example/free//x").reason,
            "the path of 'http://paths.example/free//x' has no single meaning");
}

// The second ones lead to one host for some programs and to another for others.
TEST_F(PolicyTarget, NothingElseIsOne) {
  for (const char* target :
       {"", "*.example.com:443", "example.com", "192.0.2.0/24:443", "example.com:1-2", "example.com:443 GET /",
        "https://example.com\\@b.example/", "https://exam ple.com/", "https://example.com:0/", "ftp://example.com/"})
    EXPECT_THROW(allows(target), base::Error) << target;
}

}  // namespace
}  // namespace caisson::cli
