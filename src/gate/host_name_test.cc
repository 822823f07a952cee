// SPDX-License-Identifier: Apache-2.0

#include "gate/host_name.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace caisson::gate {
namespace {

TEST(NormalName, IsLowerCaseWithoutATrailingDot) {
  EXPECT_EQ(normal_name("Example.COM."), "example.com");
  EXPECT_EQ(normal_name("xn--bcher-kva.example"), "xn--bcher-kva.example");
  EXPECT_EQ(normal_name("_sip._tcp.example.com"), "_sip._tcp.example.com");
  EXPECT_EQ(normal_name("1.2.3.4.in-addr.arpa"), "1.2.3.4.in-addr.arpa");
  EXPECT_EQ(normal_name("3com"), "3com");
}

TEST(NormalName, RefusesWhatIsNone) {
  for (const char* text :
       {"", ".", "a..b", ".a", "a.b..", "a b", "a\tb", "a/b", "a:b", "a@b", "a*b", "*", "-a.com", "a-.com", "a\\.b",
        "b\xc3\xbc"
        "cher.de",
        "a%2eb", "exam\nple.com"}) {
    EXPECT_FALSE(normal_name(text)) << text;
  }
  EXPECT_FALSE(normal_name(std::string_view("a\0b.com", 7)));
}

TEST(NormalName, RefusesWhatResolversReadAsAnAddress) {
  for (const char* text :
       {"127.0.0.1", "127.1", "2130706433", "0x7f000001", "0x7f.1", "0x", "0177.0.0.1", "example.1", "1.0x1"}) {
    EXPECT_FALSE(normal_name(text)) << text;
  }
}

TEST(NormalName, HasTheBoundsOfTheRfc) {
  const std::string label(63, 'a');
  EXPECT_TRUE(normal_name(label + ".com"));
  EXPECT_FALSE(normal_name(label + "a.com"));
  const std::string longest = label + "." + label + "." + label + "." + std::string(61, 'a');
  EXPECT_EQ(longest.size(), 253U);
  EXPECT_TRUE(normal_name(longest));
  EXPECT_TRUE(normal_name(longest + "."));
  EXPECT_FALSE(normal_name(longest + "a"));
}

TEST(CheckedName, SaysWhatIsWrong) {
  EXPECT_EQ(checked_name("Example.com."), "example.com");
  try {
    checked_name(
        "b\xc3\xbc"
        "cher.de");
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_STREQ(error.what(),
                 "'b\xc3\xbc"
                 "cher.de' is not a host name: it is not ASCII (write its IDNA form, which begins with xn--)");
  }
  EXPECT_THROW(checked_name(std::string(100000, 'a')), base::Error);
}

TEST(ParentName, DropsTheFirstLabel) {
  EXPECT_EQ(parent_name("a.b.c"), "b.c");
  EXPECT_EQ(parent_name("c"), "");
  EXPECT_EQ(parent_name(""), "");
}

}  // namespace
}  // namespace caisson::gate
