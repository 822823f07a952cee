// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include "gate/address_for_test.h"
#include "gate/dns.h"
#include "gate/policy.h"

namespace caisson::gate {
namespace {

using enum Protocol;

// Rules that begin with '!' deny. No address is this machine's own (policy_own_test.cc).
Policy policy_of(const std::vector<const char*>& rules, Default fallback = Default::kDeny) {
  Policy policy(fallback);
  policy.set_classify(classify);
  for (std::string_view rule : rules) {
    const bool allow = !rule.starts_with('!');
    policy.add(parse_rule(allow ? rule : rule.substr(1)), allow, "--test");
  }
  return policy;
}

TEST(JudgeName, IsAllowedWhereSomePortIs) {
  struct {
    std::vector<const char*> rules;
    const char* name;
    bool allowed;
  } const kCases[] = {
      {{}, "example.com", false},
      {{"example.com"}, "example.com", true},
      {{"example.com"}, "EXAMPLE.com.", true},
      {{"example.com:443"}, "example.com", true},
      {{"udp:example.com:53"}, "example.com", true},
      {{"example.com GET /x"}, "example.com", true},
      {{"example.com"}, "www.example.com", false},
      {{"*.example.com"}, "www.example.com", true},
      {{"**.example.com"}, "a.b.example.com", true},
      {{"*"}, "example.com", true},
      {{"10.0.0.0/8"}, "example.com", false},
      {{"**.example.com", "!secret.example.com"}, "secret.example.com", false},
      {{"secret.example.com", "!**.example.com"}, "secret.example.com", false},
      {{"example.com", "!example.com:80"}, "example.com", true},
      {{"example.com:80", "!example.com:80"}, "example.com", false},
      {{"example.com:80-90", "!example.com:80-85", "!example.com:86-100"}, "example.com", false},
      {{"example.com:80-90", "!example.com:80-84", "!example.com:86-100"}, "example.com", true},
      {{"example.com:65535", "!example.com:1-65534"}, "example.com", true},
      {{"example.com", "!example.com:1-65534"}, "example.com", true},
      {{"example.com", "!example.com GET /"}, "example.com", true},
      {{"example.com", "udp:example.com:53", "!example.com"}, "example.com", false},
      {{"example.com", "udp:example.com:53", "!tcp:example.com"}, "example.com", true},
      {{"example.com", "!udp:example.com"}, "example.com", true},
  };
  for (const auto& one : kCases) {
    EXPECT_EQ(policy_of(one.rules).judge_name(one.name).allowed, one.allowed) << one.name << " #" << (&one - kCases);
  }
}

TEST(JudgeName, LocalhostNeverLeaves) {
  for (const Default fallback : {Default::kDeny, Default::kAllow, Default::kAsk}) {
    const Policy policy = policy_of({"localhost", "*", "**.localhost"}, fallback);
    for (const char* name : {"localhost", "LOCALHOST.", "a.localhost"}) {
      EXPECT_FALSE(policy.judge_name(name).allowed) << name;
      EXPECT_FALSE(policy.judge_name(name).ask) << name;
      EXPECT_FALSE(policy.judge_connect(kTcp, name, 80).allowed) << name;
    }
  }
}

TEST(JudgeName, SomeNamesAreByExactRuleOnly) {
  for (const char* name : {"intranet", "host.caisson.internal", "other.caisson.internal"}) {
    EXPECT_FALSE(policy_of({"*", "*.caisson.internal", "**.internal"}).judge_name(name).allowed) << name;
    EXPECT_FALSE(policy_of({}, Default::kAllow).judge_name(name).allowed) << name;
    EXPECT_FALSE(policy_of({}, Default::kAsk).judge_name(name).ask) << name;
    EXPECT_TRUE(policy_of({name}).judge_name(name).allowed) << name;
    EXPECT_FALSE(policy_of({name, "!*"}).judge_name(name).allowed) << name;
  }
}

TEST(JudgeName, RefusesWhatIsNoName) {
  const Policy policy = policy_of({"*"}, Default::kAllow);
  for (const char* name : {"", "127.1", "0x7f000001", "a..b", "a b.com", "a\\046b.com"})
    EXPECT_FALSE(policy.judge_name(name).allowed) << name;
}

TEST(JudgeName, TheDefaultIsForWhatNoRuleSpeaksOf) {
  EXPECT_TRUE(policy_of({}, Default::kAllow).judge_name("example.com").allowed);
  EXPECT_FALSE(policy_of({"!tcp:example.com", "!udp:example.com"}, Default::kAllow).judge_name("example.com").allowed);
  EXPECT_TRUE(policy_of({}, Default::kAsk).judge_name("example.com").ask);
  EXPECT_FALSE(policy_of({}, Default::kAsk).judge_name("example.com").allowed);
  EXPECT_FALSE(policy_of({"example.com:1"}, Default::kAsk).judge_name("example.com").ask);
}

// Without a protocol it is for both, and with no port left the name has no records either.
TEST(JudgeName, ADenyRuleClosesTheWholeName) {
  constexpr RecordType kHttps = 65;
  for (const Default fallback : {Default::kAllow, Default::kAsk}) {
    for (const std::vector<const char*>& rules :
         std::vector<std::vector<const char*>>{{"!example.com"},
                                               {"!example.com:1-40000", "!example.com:40001-65535"},
                                               {"udp:example.com:443", "!*.com"}}) {
      const Policy policy = policy_of(rules, fallback);
      const Verdict name = policy.judge_name("example.com");
      EXPECT_FALSE(name.allowed || name.ask) << name.reason;
      for (const RecordType type : {RecordType{kTypeTxt}, RecordType{kTypeSrv}, RecordType{kTypeMx}, kHttps})
        EXPECT_FALSE(policy.judge_record("example.com", type).allowed) << type;
      EXPECT_FALSE(policy.judge_record("_sip._udp.example.com", kTypeSrv).allowed);
      for (const Protocol protocol : {kTcp, kUdp}) {
        const Verdict verdict = policy.judge_connect(protocol, "example.com", 443);
        EXPECT_FALSE(verdict.allowed || verdict.ask) << verdict.reason;
      }
    }
  }
}

// What a rule for ports leaves open is still reached, by its name.
TEST(JudgeName, ADenyRuleForPortsClosesThemAlone) {
  const Policy policy = policy_of({"!example.com:443"}, Default::kAllow);
  EXPECT_TRUE(policy.judge_name("example.com").allowed);
  EXPECT_TRUE(policy.judge_record("example.com", kTypeTxt).allowed);
  for (const Protocol protocol : {kTcp, kUdp}) {
    EXPECT_FALSE(policy.judge_connect(protocol, "example.com", 443).allowed);
    EXPECT_TRUE(policy.judge_connect(protocol, "example.com", 80).allowed);
  }
  const Policy tcp = policy_of({"!tcp:example.com"}, Default::kAllow);
  EXPECT_TRUE(tcp.judge_name("example.com").allowed);
  EXPECT_FALSE(tcp.judge_connect(kTcp, "example.com", 443).allowed);
  EXPECT_TRUE(tcp.judge_connect(kUdp, "example.com", 443).allowed);
}

TEST(JudgeConnect, NothingOverUdpWhereRequestsAreJudged) {
  for (const char* rule : {"example.com:443 GET /x", "!example.com:443 * /admin"}) {
    for (const Default fallback : {Default::kAllow, Default::kAsk, Default::kDeny}) {
      const Policy policy = policy_of({"udp:example.com", rule}, fallback);
      EXPECT_TRUE(policy.needs_http("example.com", 443));
      const Verdict quic = policy.judge_connect(kUdp, "example.com", 443);
      EXPECT_FALSE(quic.allowed || quic.ask) << rule;
      EXPECT_NE(quic.reason.find("over UDP (QUIC) they cannot be read"), std::string::npos) << quic.reason;
      EXPECT_TRUE(policy.judge_connect(kUdp, "example.com", 3478).allowed) << rule;
    }
  }
  EXPECT_FALSE(policy_of({"8.8.8.8 GET /x"}, Default::kAllow).judge_address(kUdp, ip("8.8.8.8"), 443).allowed);
  // Nor is the name there for the sake of such a port.
  EXPECT_FALSE(
      policy_of({"!tcp:example.com", "!example.com GET /"}, Default::kAllow).judge_name("example.com").allowed);
}

TEST(JudgeConnect, ByProtocolNameAndPort) {
  const Policy policy = policy_of({"**.example.com:443", "udp:dns.example.com:53", "!bad.example.com:443"});
  EXPECT_TRUE(policy.judge_connect(kTcp, "a.example.com", 443).allowed);
  EXPECT_FALSE(policy.judge_connect(kTcp, "a.example.com", 80).allowed);
  EXPECT_FALSE(policy.judge_connect(kUdp, "a.example.com", 443).allowed);
  EXPECT_TRUE(policy.judge_connect(kUdp, "dns.example.com", 53).allowed);
  EXPECT_FALSE(policy.judge_connect(kTcp, "bad.example.com", 443).allowed);
  EXPECT_FALSE(policy.judge_connect(kTcp, "example.com", 443).allowed);
}

// The guest reads them: in the body of a 403, in a DNS answer.
TEST(PolicyReasons, DoNotSayWhereARuleWasWritten) {
  Policy policy;
  policy.add(parse_rule("bad.com"), false, "./policy.toml");
  policy.add(parse_rule("192.0.2.7"), false, "./policy.toml");
  policy.add(parse_rule("good.com * /no"), false, "./policy.toml");
  for (const Verdict& verdict :
       {policy.judge_name("bad.com"), policy.judge_record("bad.com", kTypeTxt),
        policy.judge_connect(kTcp, "bad.com", 443), policy.judge_address(kTcp, ip("192.0.2.7"), 443),
        policy.judge_resolved(kTcp, "x.com", ip("192.0.2.7"), 443),
        policy.judge_request("good.com", 80, "GET", *canonical_path("/no"))}) {
    EXPECT_NE(verdict.reason.find("is denied by the rule"), std::string::npos) << verdict.reason;
    EXPECT_EQ(verdict.reason.find("policy.toml"), std::string::npos) << verdict.reason;
    EXPECT_EQ(reason_and_origin(verdict), verdict.reason + " (./policy.toml)");
  }
  const Verdict none = policy.judge_name("other.com");
  EXPECT_EQ(reason_and_origin(none), none.reason);
}

TEST(JudgeConnect, SaysWhy) {
  const Policy policy = policy_of({"good.com:443", "!bad.com"});
  EXPECT_EQ(policy.judge_connect(kTcp, "Good.com", 443).reason,
            "'good.com' port 443 is allowed by the rule 'good.com:443'");
  EXPECT_EQ(policy.judge_connect(kTcp, "bad.com", 443).reason, "'bad.com' port 443 is denied by the rule 'bad.com'");
  EXPECT_EQ(policy.judge_connect(kTcp, "other.com", 443).reason, "no rule allows 'other.com' port 443");
  EXPECT_EQ(policy.judge_connect(kUdp, "other.com", 53).reason, "no rule allows 'other.com' UDP port 53");
  EXPECT_EQ(policy.judge_connect(kTcp, "bad.com", 443).entry->id, 2U);
  EXPECT_FALSE(policy.judge_connect(kTcp, "other.com", 443).entry);
  EXPECT_EQ(policy_of({}, Default::kAllow).judge_connect(kTcp, "other.com", 443).reason,
            "'other.com' port 443 is allowed: no rule denies it, and the policy is open");
  EXPECT_EQ(policy_of({}, Default::kAsk).judge_connect(kTcp, "other.com", 443).reason,
            "no rule speaks of 'other.com' port 443");
}

TEST(JudgeConnect, ARuleForRequestsLetsTheConnectionBeRead) {
  EXPECT_TRUE(policy_of({"example.com GET /x"}).judge_connect(kTcp, "example.com", 443).allowed);
  EXPECT_TRUE(policy_of({"example.com", "!example.com GET /x"}).judge_connect(kTcp, "example.com", 443).allowed);
  EXPECT_FALSE(policy_of({"!example.com GET /x"}).judge_connect(kTcp, "example.com", 443).allowed);
  EXPECT_EQ(policy_of({"example.com GET /x", "example.com"}).judge_connect(kTcp, "example.com", 443).entry->id, 2U);
}

TEST(JudgeAddress, PublicOnesAreByRuleOrDefault) {
  EXPECT_FALSE(policy_of({}).judge_address(kTcp, ip("8.8.8.8"), 443).allowed);
  EXPECT_FALSE(policy_of({"*"}).judge_address(kTcp, ip("8.8.8.8"), 443).allowed);
  EXPECT_TRUE(policy_of({"8.8.8.8:443"}).judge_address(kTcp, ip("8.8.8.8"), 443).allowed);
  EXPECT_FALSE(policy_of({"8.8.8.8:443"}).judge_address(kTcp, ip("8.8.8.8"), 80).allowed);
  EXPECT_TRUE(policy_of({"0.0.0.0/0"}).judge_address(kTcp, ip("8.8.8.8"), 80).allowed);
  EXPECT_TRUE(policy_of({}, Default::kAllow).judge_address(kUdp, ip("8.8.8.8"), 53).allowed);
  EXPECT_TRUE(policy_of({}, Default::kAsk).judge_address(kTcp, ip("8.8.8.8"), 53).ask);
  EXPECT_FALSE(policy_of({"!8.0.0.0/8"}, Default::kAllow).judge_address(kTcp, ip("8.8.8.8"), 53).allowed);
  EXPECT_FALSE(policy_of({"8.8.8.8", "!0.0.0.0/0"}).judge_address(kTcp, ip("8.8.8.8"), 53).allowed);
}

constexpr const char* kSpecial[] = {"127.0.0.1",
                                    "10.1.2.3",
                                    "192.168.0.1",
                                    "169.254.169.254",
                                    "100.64.0.1",
                                    "168.63.129.16",
                                    "0.0.0.0",
                                    "198.18.5.5",
                                    "224.0.0.1",
                                    "::1",
                                    "::",
                                    "fd00::1",
                                    "fe80::1",
                                    "fd00:ec2::254",
                                    "::ffff:127.0.0.1",
                                    "64:ff9b::7f00:1",
                                    "2002:a9fe:a9fe::1",
                                    "2001:0:1:2:3:4:80ff:fffe"};

TEST(JudgeAddress, SpecialOnesAreByARuleThatNamesThemOnly) {
  for (const char* text : kSpecial) {
    const IpAddress address = ip(text);
    EXPECT_FALSE(policy_of({}, Default::kAllow).judge_address(kTcp, address, 80).allowed) << text;
    EXPECT_FALSE(policy_of({}, Default::kAsk).judge_address(kTcp, address, 80).ask) << text;
    EXPECT_FALSE(policy_of({"0.0.0.0/0", "::/0", "*"}).judge_address(kTcp, address, 80).allowed) << text;
    EXPECT_TRUE(policy_of({text}).judge_address(kTcp, address, 80).allowed) << text;
    EXPECT_FALSE(policy_of({text, (std::string("!") + text).c_str()}).judge_address(kTcp, address, 80).allowed) << text;
  }
  EXPECT_TRUE(policy_of({"10.0.0.0/8"}).judge_address(kTcp, ip("10.1.2.3"), 80).allowed);
  EXPECT_FALSE(policy_of({"169.254.0.0/16"}).judge_address(kTcp, ip("169.254.169.254"), 80).allowed);
  EXPECT_TRUE(policy_of({"169.254.0.0/16"}).judge_address(kTcp, ip("169.254.1.1"), 80).allowed);
}

TEST(JudgeAddress, ADenyRuleIsForBothProtocols) {
  const Policy policy = policy_of({"!8.8.8.8", "!9.9.9.9:53", "udp:8.8.8.8"}, Default::kAllow);
  for (const Protocol protocol : {kTcp, kUdp}) {
    EXPECT_FALSE(policy.judge_address(protocol, ip("8.8.8.8"), 53).allowed);
    EXPECT_FALSE(policy.judge_address(protocol, ip("9.9.9.9"), 53).allowed);
    EXPECT_TRUE(policy.judge_address(protocol, ip("9.9.9.9"), 54).allowed);
    EXPECT_FALSE(policy.judge_resolved(protocol, "example.com", ip("8.8.8.8"), 53).allowed);
  }
  EXPECT_FALSE(policy.judge_record("8.8.8.8.in-addr.arpa", kTypePtr).allowed);
  EXPECT_TRUE(policy.judge_record("9.9.9.9.in-addr.arpa", kTypePtr).allowed);
}

TEST(JudgeAddress, ADenyRuleSeesThroughEmbeddings) {
  const Policy policy = policy_of({"!8.8.8.8"}, Default::kAllow);
  for (const char* text :
       {"8.8.8.8", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1", "2001:0:1:2:3:4:f7f7:f7f7"}) {
    EXPECT_FALSE(policy.judge_address(kTcp, ip(text), 80).allowed) << text;
  }
  EXPECT_FALSE(policy_of({"!2002::/16"}, Default::kAllow).judge_address(kTcp, ip("2002:808:808::1"), 80).allowed);
}

TEST(JudgeAddress, SaysWhatKindOfAddressItIs) {
  EXPECT_EQ(policy_of({}).judge_address(kTcp, ip("10.0.0.1"), 80).reason,
            "no rule allows '10.0.0.1' port 80 (a private address, which only a rule for that address opens)");
}

TEST(JudgeResolved, ASpecialAddressNeedsARuleOfItsOwn) {
  for (const char* text : kSpecial) {
    const IpAddress address = ip(text);
    EXPECT_FALSE(policy_of({"example.com", "*", "0.0.0.0/0", "::/0"}, Default::kAllow)
                     .judge_resolved(kTcp, "example.com", address, 80)
                     .allowed)
        << text;
    EXPECT_TRUE(policy_of({"example.com", text}).judge_resolved(kTcp, "example.com", address, 80).allowed) << text;
    Policy other_protocol;
    Rule rule = parse_rule(text);
    rule.protocol = kUdp;
    other_protocol.add(rule, true, "--test");
    EXPECT_FALSE(other_protocol.judge_resolved(kTcp, "example.com", address, 80).allowed) << text;
  }
}

TEST(JudgeResolved, ByProtocolAndPortOfTheRuleForTheAddress) {
  const Policy policy = policy_of({"db.example.com", "10.0.0.0/8:5432"});
  EXPECT_TRUE(policy.judge_resolved(kTcp, "db.example.com", ip("10.0.0.5"), 5432).allowed);
  EXPECT_FALSE(policy.judge_resolved(kTcp, "db.example.com", ip("10.0.0.5"), 22).allowed);
  EXPECT_FALSE(policy.judge_resolved(kUdp, "db.example.com", ip("10.0.0.5"), 5432).allowed);
  EXPECT_EQ(policy.judge_resolved(kTcp, "db.example.com", ip("10.0.0.5"), 22).reason,
            "'db.example.com' has the address '10.0.0.5' port 22 (a private address, which only a rule for that "
            "address opens), and no rule allows that");
}

TEST(JudgeResolved, PublicAddressesAreAllowedUnlessDenied) {
  EXPECT_TRUE(policy_of({}).judge_resolved(kTcp, "example.com", ip("8.8.8.8"), 443).allowed);
  EXPECT_FALSE(
      policy_of({"example.com", "!8.8.0.0/16"}).judge_resolved(kTcp, "example.com", ip("8.8.8.8"), 443).allowed);
  EXPECT_TRUE(
      policy_of({"example.com", "!8.8.0.0/16:80"}).judge_resolved(kTcp, "example.com", ip("8.8.8.8"), 443).allowed);
  EXPECT_FALSE(policy_of({"example.com", "!8.8.0.0/16"})
                   .judge_resolved(kTcp, "example.com", ip("64:ff9b::808:808"), 443)
                   .allowed);
}

TEST(JudgeResolved, ARuleForRequestsToTheAddressOpensNothing) {
  EXPECT_FALSE(policy_of({"10.0.0.5 GET /x"}).judge_resolved(kTcp, "example.com", ip("10.0.0.5"), 80).allowed);
  EXPECT_FALSE(policy_of({"!8.8.8.8 GET /x"}).judge_resolved(kTcp, "example.com", ip("8.8.8.8"), 80).allowed);
}

TEST(NeedsHttp, WhereARuleSpeaksOfRequests) {
  const Policy policy =
      policy_of({"*.example.com:443 GET /x", "!**.other.com * /admin", "plain.com", "10.0.0.5:80 GET /"});
  EXPECT_TRUE(policy.needs_http("a.example.com", 443));
  EXPECT_FALSE(policy.needs_http("a.example.com", 80));
  EXPECT_FALSE(policy.needs_http("a.b.example.com", 443));
  EXPECT_TRUE(policy.needs_http("A.B.Other.com.", 1));
  EXPECT_FALSE(policy.needs_http("plain.com", 443));
  EXPECT_TRUE(policy.needs_http(ip("10.0.0.5"), 80));
  EXPECT_FALSE(policy.needs_http(ip("10.0.0.5"), 443));
}

TEST(JudgeRequest, ByMethodAndPath) {
  struct {
    std::vector<const char*> rules;
    const char* method;
    const char* path;
    bool allowed;
  } const kCases[] = {
      {{"example.com GET /a/*"}, "GET", "/a/b", true},
      {{"example.com GET /a/*"}, "GET", "/a/b/c", false},
      {{"example.com GET /a/*"}, "POST", "/a/b", false},
      {{"example.com GET /a/*"}, "get", "/a/b", false},
      {{"example.com GET /a/*"}, "GET", "/A/b", false},
      {{"example.com * /a/**"}, "DELETE", "/a/b/c", true},
      {{"example.com:80 GET /"}, "GET", "/", false},
      {{"example.com"}, "GET", "/anything", true},
      {{"example.com", "!example.com * /admin/**"}, "GET", "/admin/x", false},
      {{"example.com", "!example.com * /admin/**"}, "GET", "/ADMIN/x", false},
      {{"example.com", "!example.com * /admin/**"}, "GET", "/admin", false},
      {{"example.com", "!example.com POST /x"}, "post", "/x/", false},
      {{"example.com", "!example.com POST /x"}, "GET", "/x", true},
      {{"example.com", "!example.com POST /x"}, "POSTS", "/x", true},
      {{"example.com GET /**", "!example.com"}, "GET", "/x", false},
      {{}, "GET", "/", false},
  };
  for (const auto& one : kCases) {
    const Verdict verdict =
        policy_of(one.rules).judge_request("example.com", 443, one.method, *canonical_path(one.path));
    EXPECT_EQ(verdict.allowed, one.allowed) << verdict.reason << " #" << (&one - kCases);
  }
}

TEST(JudgeRequest, ToAnAddressByItsRules) {
  const Policy policy = policy_of({"10.0.0.5:80 GET /x"});
  EXPECT_TRUE(policy.judge_address(kTcp, ip("10.0.0.5"), 80).allowed);
  EXPECT_TRUE(policy.judge_request(ip("10.0.0.5"), 80, "GET", *canonical_path("/x")).allowed);
  EXPECT_FALSE(policy.judge_request(ip("10.0.0.5"), 80, "GET", *canonical_path("/y")).allowed);
  EXPECT_FALSE(policy_of({}, Default::kAllow).judge_request(ip("10.0.0.5"), 80, "GET", *canonical_path("/")).allowed);
}

TEST(JudgeRequest, SaysWhy) {
  const Policy policy = policy_of({"example.com GET /x"});
  EXPECT_EQ(policy.judge_request("example.com", 443, "GET", *canonical_path("/y")).reason,
            "no rule allows GET '/y' on 'example.com' port 443");
}

TEST(JudgeRecord, ByTheNameItBelongsTo) {
  const Policy policy = policy_of({"example.com", "*.example.net"});
  EXPECT_TRUE(policy.judge_record("example.com", kTypeTxt).allowed);
  EXPECT_TRUE(policy.judge_record("_xmpp-client._tcp.example.com", kTypeSrv).allowed);
  EXPECT_TRUE(policy.judge_record("_a._b._c.example.com", kTypeTxt).allowed);
  EXPECT_FALSE(policy.judge_record("_a._b._c._d.example.com", kTypeTxt).allowed);
  EXPECT_FALSE(policy.judge_record("secret.example.com", kTypeTxt).allowed);
  EXPECT_FALSE(policy.judge_record("c2VjcmV0.evil.net", kTypeTxt).allowed);
  EXPECT_FALSE(policy.judge_record("_com", kTypeTxt).allowed);
  EXPECT_FALSE(policy_of({}, Default::kAsk).judge_record("example.com", kTypeTxt).ask);
  EXPECT_TRUE(policy_of({}, Default::kAllow).judge_record("example.com", kTypeTxt).allowed);
}

TEST(JudgeRecord, TypesThatLeadAroundTheGateAreNotAskedFor) {
  const Policy policy = policy_of({"example.com"}, Default::kAllow);
  for (const RecordType type :
       {RecordType{kTypeA}, RecordType{kTypeAaaa}, RecordType{64}, RecordType{65}, RecordType{251}, RecordType{252},
        RecordType{255}, RecordType{10}, RecordType{65535}, RecordType{kTypePtr}}) {
    EXPECT_FALSE(policy.judge_record("example.com", type).allowed) << type;
  }
}

TEST(JudgeRecord, AReverseNameByItsAddress) {
  EXPECT_TRUE(policy_of({"10.0.0.0/8"}).judge_record("4.3.2.10.in-addr.arpa", kTypePtr).allowed);
  EXPECT_FALSE(policy_of({"*"}, Default::kAllow).judge_record("4.3.2.10.in-addr.arpa", kTypePtr).allowed);
  EXPECT_TRUE(policy_of({}, Default::kAllow).judge_record("8.8.8.8.in-addr.arpa", kTypePtr).allowed);
  EXPECT_FALSE(policy_of({"8.8.8.8"}).judge_record("8.8.8.8.in-addr.arpa", kTypeTxt).allowed);
}

TEST(Judge, StaysQuickWithManyRules) {
  // Not timed: it would take minutes if each judgement looked at each rule.
  Policy policy;
  for (int i = 0; i < 10000; ++i) policy.add(parse_rule("**.n" + std::to_string(i) + ".example.com:443"), true, "");
  for (int i = 0; i < 100000; ++i) {
    const std::string name = "a.n" + std::to_string(i) + ".example.com";
    EXPECT_EQ(policy.judge_connect(kTcp, name, 443).allowed, i < 10000) << name;
  }
}

TEST(JudgeRequest, AnEscapedSlashIsAllowedByARuleThatHasItOnly) {
  const auto allows = [](const Policy& policy, const char* path) {
    return policy.judge_request("a.com", 443, "GET", canonical_path(path).value()).allowed;
  };
  Policy policy;
  policy.add(parse_rule("a.com GET /@scope%2fname"), true, "test");
  policy.add(parse_rule("a.com GET /free/**"), true, "test");
  EXPECT_TRUE(allows(policy, "/@scope%2fname"));
  EXPECT_TRUE(allows(policy, "/@scope%2Fname"));
  EXPECT_FALSE(allows(policy, "/@scope/name"));
  EXPECT_FALSE(allows(policy, "/free/a%2fb"));
  policy.add(parse_rule("a.com"), true, "test");
  EXPECT_TRUE(allows(policy, "/@scope/name"));
  EXPECT_FALSE(allows(policy, "/free/a%2fb"));
  Policy open(Default::kAllow);
  open.add(parse_rule("a.com GET /free/**"), true, "test");
  EXPECT_FALSE(allows(open, "/free/a%2fb"));
  EXPECT_EQ(policy.judge_request("a.com", 443, "GET", canonical_path("/x%2fy").value()).reason,
            "no rule with this escaped slash in its path (%2F) allows GET '/x%2Fy' on 'a.com' port 443");
  policy.add(parse_rule("a.com GET /@scope/**"), false, "test");
  EXPECT_FALSE(allows(policy, "/@scope%2fname"));
}

}  // namespace
}  // namespace caisson::gate
