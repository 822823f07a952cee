// SPDX-License-Identifier: Apache-2.0

// The host's own addresses, which a policy takes as it takes private ones. Here they are those of kOwnOnes.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "gate/address_for_test.h"
#include "gate/dns.h"
#include "gate/policy.h"

namespace caisson::gate {
namespace {

using enum Protocol;

constexpr std::array kOwnOnes = {"8.8.4.4", "2606:4700::1111", "10.7.7.7"};

AddressKind with_own(const IpAddress& address) {
  const auto same = [&](const char* text) { return ip(text) == address || ip(text) == address.effective(); };
  return std::any_of(kOwnOnes.begin(), kOwnOnes.end(), same) ? AddressKind::kOwn : classify(address);
}

// Rules that begin with '!' deny.
Policy policy_here(const std::vector<std::string>& rules, Default fallback = Default::kDeny) {
  Policy policy(fallback);
  policy.set_classify(with_own);
  for (const std::string& rule : rules) {
    const bool allow = !rule.starts_with('!');
    policy.add(parse_rule(allow ? rule : rule.substr(1)), allow, "--test");
  }
  return policy;
}

TEST(OwnAddresses, AreOpenedByARuleForThemAlone) {
  for (const Default fallback : {Default::kAllow, Default::kAsk}) {
    const Policy policy = policy_here({"0.0.0.0/0", "::/0", "8.8.4.0/24", "10.7.0.0/16", "2606:4700::/32"}, fallback);
    for (const char* text : kOwnOnes) {
      const Verdict verdict = policy.judge_address(kTcp, ip(text), 80);
      EXPECT_FALSE(verdict.allowed || verdict.ask) << text;
      EXPECT_TRUE(policy_here({text}).judge_address(kTcp, ip(text), 80).allowed) << text;
      EXPECT_FALSE(policy_here({text, std::string("!") + text}).judge_address(kTcp, ip(text), 80).allowed) << text;
    }
    EXPECT_TRUE(policy.judge_address(kTcp, ip("8.8.4.5"), 80).allowed);
    EXPECT_TRUE(policy.judge_address(kTcp, ip("10.7.7.8"), 80).allowed);
  }
}

TEST(OwnAddresses, AreNoNamesToLeadTo) {
  const Policy open = policy_here({"example.com"}, Default::kAllow);
  for (const char* text : kOwnOnes) {
    EXPECT_FALSE(open.judge_resolved(kTcp, "example.com", ip(text), 80).allowed) << text;
    const Policy named = policy_here({"example.com", text});
    EXPECT_TRUE(named.judge_resolved(kTcp, "example.com", ip(text), 80).allowed) << text;
  }
  EXPECT_TRUE(open.judge_resolved(kTcp, "example.com", ip("8.8.8.8"), 80).allowed);
}

TEST(OwnAddresses, AreSeenInAddressesThatEmbedThem) {
  const Policy open = policy_here({"8.8.4.4"}, Default::kAllow);
  for (const char* text : {"64:ff9b::8.8.4.4", "2002:808:404::1", "2001:0:4136:e378:8000:63bf:f7f7:fbfb"}) {
    EXPECT_FALSE(open.judge_address(kTcp, ip(text), 80).allowed) << text;
    EXPECT_FALSE(open.judge_resolved(kTcp, "example.com", ip(text), 80).allowed) << text;
    EXPECT_TRUE(policy_here({text}).judge_address(kTcp, ip(text), 80).allowed) << text;
  }
  EXPECT_TRUE(open.judge_address(kTcp, ip("::ffff:8.8.4.4"), 80).allowed);
  EXPECT_FALSE(policy_here({}, Default::kAllow).judge_address(kTcp, ip("::ffff:8.8.4.4"), 80).allowed);
}

TEST(OwnAddresses, AreJudgedSoForRequestsAndReverseNames) {
  const Policy open = policy_here({}, Default::kAllow);
  EXPECT_FALSE(open.judge_request(ip("8.8.4.4"), 80, "GET", *canonical_path("/")).allowed);
  EXPECT_FALSE(open.judge_record("4.4.8.8.in-addr.arpa", kTypePtr).allowed);
  const Policy named = policy_here({"8.8.4.4:80 GET /x"});
  EXPECT_TRUE(named.needs_http(ip("8.8.4.4"), 80));
  EXPECT_TRUE(named.judge_request(ip("8.8.4.4"), 80, "GET", *canonical_path("/x")).allowed);
}

TEST(OwnAddresses, AreCalledSo) {
  const Policy open = policy_here({}, Default::kAllow);
  EXPECT_EQ(open.judge_address(kTcp, ip("8.8.4.4"), 80).reason,
            "no rule allows '8.8.4.4' port 80 (this host's own address, which only a rule for that address opens)");
  EXPECT_EQ(open.judge_resolved(kTcp, "example.com", ip("8.8.4.4"), 80).reason,
            "'example.com' has the address '8.8.4.4' port 80 (this host's own address, which only a rule for that "
            "address opens), and no rule allows that");
}

}  // namespace
}  // namespace caisson::gate
