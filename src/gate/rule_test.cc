// SPDX-License-Identifier: Apache-2.0

#include "gate/rule.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace caisson::gate {
namespace {

TEST(ParseRule, HasOneNormalForm) {
  struct {
    const char* text;
    const char* normal;
  } constexpr kCases[] = {
      {"example.com", "example.com"},
      {"Example.COM.:443", "example.com:443"},
      {"tcp:example.com:443", "tcp:example.com:443"},
      {"udp:example.com:53", "udp:example.com:53"},
      {"*.example.com", "*.example.com"},
      {"**.example.com:8000-9000", "**.example.com:8000-9000"},
      {"example.com:80-80", "example.com:80"},
      {"example.com:1-65535", "example.com"},
      {"*", "*"},
      {"*:443", "*:443"},
      {"localbox", "localbox"},
      {"192.0.2.7", "192.0.2.7"},
      {"192.0.2.7:22", "192.0.2.7:22"},
      {"10.0.0.0/8:5432", "10.0.0.0/8:5432"},
      {"2001:DB8::7", "2001:db8::7"},
      {"[2001:db8::7]", "2001:db8::7"},
      {"[2001:db8::7]:443", "[2001:db8::7]:443"},
      {"fd00::/8", "fd00::/8"},
      {"[fd00::/8]:443-444", "[fd00::/8]:443-444"},
      {"udp:[2001:db8::7]:443", "udp:[2001:db8::7]:443"},
      {"::ffff:10.0.0.1", "10.0.0.1"},
      {"2001:db8::7:443", "2001:db8::7:443"},
      {"tcp", "tcp"},
      {"tcp:tcp", "tcp:tcp"},
      {"tcp:tcp:80", "tcp:tcp:80"},
      {"tcp:udp:80", "tcp:udp:80"},
      {"udp:udp:80", "udp:udp:80"},
      {"example.com GET /", "example.com GET /"},
      {"example.com:443  POST,GET,POST   /a/*", "example.com:443 GET,POST /a/*"},
      {"*.example.com * /**", "*.example.com * /**"},
  };
  for (const auto& one : kCases) {
    const Rule rule = parse_rule(one.text);
    EXPECT_EQ(to_string(rule), one.normal) << one.text;
    EXPECT_EQ(parse_rule(to_string(rule)), rule) << one.text;
  }
}

TEST(ParseRule, ReadsTheParts) {
  const Rule rule = parse_rule("**.Example.com:80-90 GET,HEAD /a");
  EXPECT_EQ(rule.protocol, std::nullopt);
  EXPECT_EQ(parse_rule("tcp:example.com").protocol, Protocol::kTcp);
  EXPECT_EQ(parse_rule("udp:example.com").protocol, Protocol::kUdp);
  EXPECT_EQ(rule.host.kind, HostPattern::Kind::kAnyDepth);
  EXPECT_EQ(rule.host.name, "example.com");
  EXPECT_EQ(rule.ports, (PortRange{80, 90}));
  EXPECT_EQ(rule.request->methods, (std::vector<std::string>{"GET", "HEAD"}));
  EXPECT_EQ(rule.request->path, "/a");
  EXPECT_TRUE(parse_rule("example.com * /").request->methods.empty());
  EXPECT_TRUE(parse_rule("example.com").ports.is_every());
}

TEST(ParseRule, RefusesWhatIsNone) {
  for (const char* text : {
           "",
           " ",
           ":443",
           "tcp:",
           "udp:",
           "tcp::443",
           "TCP:443",
           "Udp:80-90",
           "example.com:",
           "example.com:0",
           "example.com:65536",
           "example.com:http",
           "example.com:*",
           "example.com:90-80",
           "example.com:80-",
           "example.com:-80",
           "example.com:80:90",
           "example.com:+80",
           "sctp:example.com:1",
           "https://example.com",
           "https://example.com/",
           "example.com/",
           "example.com/path",
           "user@example.com",
           "*example.com",
           "a.*.com",
           "*.*.com",
           "***.com",
           "**",
           "*.",
           "**.",
           "*.10.0.0.1",
           "a*b",
           "b\xc3\xbc"
           "cher.de",
           "a..b",
           "-a",
           "127.1",
           "10.0.0.1/8",
           "10.0.0.0/40",
           "300.1.1.1",
           "0x7f.1",
           "[2001:db8::7",
           "[2001:db8::7]443",
           "[10.0.0.1]:80",
           "[example.com]:80",
           "[]:80",
           "2001:db8::7]:80",
           "fe80::1%eth0",
           "example.com GET",
           "example.com /",
           "example.com GET / x",
           "example.com get /",
           "example.com GET, /",
           "example.com GET a",
           "example.com GET /a/../b",
           "example.com *,GET /",
           "udp:example.com GET /",
           "example.com\tGET /",
           "example.com\n",
           "@registries",
       }) {
    EXPECT_THROW(parse_rule(text), base::Error) << text;
  }
  EXPECT_THROW(parse_rule(std::string(kMaxRuleBytes + 1, 'a')), base::Error);
  EXPECT_THROW(parse_rule(std::string_view("a.com\0b", 7)), base::Error);
}

TEST(ParseRule, NamesTheRuleAndTheRemedy) {
  try {
    parse_rule("example.com:0");
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_STREQ(
        error.what(),
        "cannot read the rule 'example.com:0': '0' is not a port (a port is 1 to 65535; leave it out for every port)");
  }
}

TEST(ParseRuleOrGroup, KnowsTheGroups) {
  EXPECT_EQ(std::get<GroupName>(parse_rule_or_group("@registries")).name, "registries");
  EXPECT_EQ(std::get<GroupName>(parse_rule_or_group("@git")).name, "git");
  EXPECT_EQ(to_string(std::get<Rule>(parse_rule_or_group("example.com"))), "example.com");
  for (const char* text : {"@", "@npm", "@Registries", "@git ", "@git:443"})
    EXPECT_THROW(parse_rule_or_group(text), base::Error) << text;
}

TEST(MatchesName, ByTheNumberOfLabels) {
  struct {
    const char* rule;
    const char* name;
    bool matches;
  } constexpr kCases[] = {
      {"example.com", "example.com", true},
      {"example.com", "a.example.com", false},
      {"example.com", "anexample.com", false},
      {"*.example.com", "a.example.com", true},
      {"*.example.com", "a.b.example.com", false},
      {"*.example.com", "example.com", false},
      {"*.example.com", "anexample.com", false},
      {"**.example.com", "a.example.com", true},
      {"**.example.com", "a.b.example.com", true},
      {"**.example.com", "example.com", false},
      {"**.example.com", "anexample.com", false},
      {"**.example.com", ".example.com", false},
      {"**.example.com", "a.example.com.evil.net", false},
      {"*", "a.b.c", true},
      {"10.0.0.0/8", "example.com", false},
  };
  for (const auto& one : kCases)
    EXPECT_EQ(matches_name(parse_rule(one.rule).host, one.name), one.matches) << one.rule << " " << one.name;
}

}  // namespace
}  // namespace caisson::gate
