// SPDX-License-Identifier: Apache-2.0

// How --resolve is written, and what a policy makes of it.

#include "gate/stand_in.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "gate/policy.h"

namespace caisson::gate {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::string stand_in_refusal(std::string_view text) {
  try {
    return "no refusal: " + to_string(parse_stand_in(text));
  } catch (const base::Error& error) {
    return error.what();
  }
}

TEST(StandIn, IsWrittenAsCurlHasIt) {
  const StandIn one = parse_stand_in("API.example.com.:443:127.0.0.1:8443");
  EXPECT_EQ(one.name, "api.example.com");
  EXPECT_EQ(one.port, 443);
  EXPECT_EQ(one.address, *IpAddress::parse("127.0.0.1"));
  EXPECT_EQ(one.address_port, 8443);
  for (const auto& [text, normal] : {
           std::pair("a.example:443:127.0.0.1", "a.example:443:127.0.0.1:443"),
           std::pair("a.example:80:[::1]", "a.example:80:[::1]:80"),
           std::pair("a.example:80:[2001:db8:0::7]:65535", "a.example:80:[2001:db8::7]:65535"),
           std::pair("mirror:1:[::ffff:10.0.0.7]:2", "mirror:1:10.0.0.7:2"),
       }) {
    EXPECT_EQ(to_string(parse_stand_in(text)), normal);
    EXPECT_EQ(parse_stand_in(normal), parse_stand_in(text));
  }
}

TEST(StandIn, SaysWhatIsWrongAndHowToWriteIt) {
  const std::vector<std::vector<std::string>> wrong = {
      {"", "not a host, a port and an address", "HOST:PORT:ADDRESS[:PORT]"},
      {"a.example", "cannot read 'a.example'", "HOST:PORT:ADDRESS[:PORT]"},
      {"a.example:443", "not a host, a port and an address", "api.example.com:443:127.0.0.1:8443"},
      {"https://a.example:443:127.0.0.1", "a URL"},
      {":443:127.0.0.1", "is not a host name"},
      {"a..example:443:127.0.0.1", "is not a host name"},
      {"*.example:443:127.0.0.1", "'*.example' stands for many names", "once for each name"},
      {"192.0.2.7:443:127.0.0.1", "'192.0.2.7' is an address", "write the name"},
      {"[2001:db8::7]:443:127.0.0.1", "'2001:db8::7' is an address", "write the name"},
      {"localhost:443:127.0.0.1", "'localhost' is the sandbox itself"},
      {"a.localhost:443:127.0.0.1", "is the sandbox itself"},
      {"host.caisson.internal:443:127.0.0.1", "is this machine"},
      {"a.example:0:127.0.0.1", "'0' is not a port", "1 to 65535"},
      {"a.example:65536:127.0.0.1", "'65536' is not a port"},
      {"a.example:https:127.0.0.1", "'https' is not a port"},
      {"a.example:443:127.0.0.1:0", "'0' is not a port"},
      {"a.example:443:127.0.0.1:", "'' is not a port"},
      {"a.example:443:", "'' is not an IP address"},
      {"a.example:443:b.example", "'b.example' is not an IP address", "names are not looked up"},
      {"a.example:443:10.0.0.0/8", "is not an IP address"},
      {"a.example:443:127.0.0.1,127.0.0.2", "is not an IP address"},
      {"a.example:443:127.1", "is not an IP address"},
      {"a.example:443:::1", "'::1' is not an IPv4 address with a port", "in brackets"},
      {"a.example:443:[::1", "the ']' behind the address is missing", "in brackets"},
      {"a.example:443:[::1]8443", "brackets are for an IPv6 address alone"},
      {"a.example:443:[127.0.0.1]:8443", "brackets are for an IPv6 address alone"},
      {"a.example:443:0.0.0.0", "'0.0.0.0' is not the address of a server", "127.0.0.1"},
      {"a.example:443:[::]:1", "'::' is not the address of a server"},
      {"a.example:443:224.0.0.1", "is not the address of a server"},
      {std::string(600, 'a'), "more than 512 bytes"},
  };
  for (const std::vector<std::string>& one : wrong) {
    const std::string refusal = stand_in_refusal(one[0]);
    for (size_t i = 1; i < one.size(); ++i) EXPECT_THAT(refusal, HasSubstr(one[i])) << one[0];
  }
}

TEST(StandIn, IsForItsNameAndPortAlone) {
  Policy policy;
  policy.add_stand_in(parse_stand_in("a.example:443:127.0.0.1:8443"));
  ASSERT_NE(policy.stand_in_for("a.example", 443), nullptr);
  EXPECT_EQ(policy.stand_in_for("a.example", 443)->address_port, 8443);
  for (const char* name : {"www.a.example", "example", "b.example", ""})
    EXPECT_EQ(policy.stand_in_for(name, 443), nullptr) << name;
  EXPECT_EQ(policy.stand_in_for("a.example", 8443), nullptr);
  // It allows nothing: that is for the rules.
  EXPECT_FALSE(policy.judge_name("a.example").allowed);
  EXPECT_FALSE(policy.judge_connect(Protocol::kTcp, "a.example", 443).allowed);
  EXPECT_FALSE(policy.judge_resolved(Protocol::kTcp, "a.example", *IpAddress::parse("127.0.0.1"), 8443).allowed);
  EXPECT_FALSE(policy.judge_address(Protocol::kTcp, *IpAddress::parse("127.0.0.1"), 8443).allowed);
}

TEST(StandIn, NeedsNoRuleForItsAddressAndIsClosedByOneThatDenies) {
  for (const char* address : {"127.0.0.1", "10.0.0.7", "169.254.169.254", "8.8.8.8", "[::1]"}) {
    const StandIn one = parse_stand_in(std::string("a.example:443:") + address + ":8443");
    Policy policy;
    EXPECT_TRUE(policy.judge_stand_in(Protocol::kTcp, one).allowed) << address;
    EXPECT_TRUE(policy.judge_stand_in(Protocol::kUdp, one).allowed) << address;
    policy.add(parse_rule(std::string(address) + ":443"), false, "--deny");
    EXPECT_TRUE(policy.judge_stand_in(Protocol::kTcp, one).allowed) << address;
    policy.add(parse_rule(std::string(address) + ":8443"), false, "--deny");
    const Verdict denied = policy.judge_stand_in(Protocol::kTcp, one);
    EXPECT_FALSE(denied.allowed) << address;
    EXPECT_THAT(denied.reason, AllOf(HasSubstr("is denied by the rule"), HasSubstr("8443")));
  }
}

TEST(StandIn, ThereAreOnlySoMany) {
  Policy policy;
  StandIn one = parse_stand_in("a.example:443:127.0.0.1");
  for (size_t i = 0; i < kMaxStandIns; ++i) {
    one.name = "a" + std::to_string(i) + ".example";
    policy.add_stand_in(one);
  }
  policy.add_stand_in(one);
  EXPECT_EQ(policy.stand_ins().size(), kMaxStandIns);
  one.name = "b.example";
  EXPECT_THROW(policy.add_stand_in(one), base::Error);
}

}  // namespace
}  // namespace caisson::gate
