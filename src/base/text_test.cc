// SPDX-License-Identifier: Apache-2.0

#include "base/text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>

#include "base/error.h"

namespace caisson::base {
namespace {

using ::testing::ElementsAre;
using namespace std::string_literals;

TEST(Escaped, KeepsTextThatIsSafe) {
  EXPECT_EQ(escaped(""), "");
  EXPECT_EQ(escaped("plain text ~"), "plain text ~");
  EXPECT_EQ(escaped("naïve – 日本 🦦"), "naïve – 日本 🦦");
  EXPECT_EQ(escaped("a\\b"), "a\\b");
}

TEST(Escaped, DefusesEverythingThatSteersATerminal) {
  EXPECT_EQ(escaped("\x1b[2J"), "\\x1b[2J");
  EXPECT_EQ(escaped("a\nb"), "a\\nb");
  EXPECT_EQ(escaped("\r\t\b\a\0\x7f"s), "\\x0d\\x09\\x08\\x07\\x00\\x7f");
  EXPECT_EQ(escaped("\u009b31m"), "\\xc2\\x9b31m");  // CSI as a C1 control
  EXPECT_EQ(escaped("a\u202eb\u2066c\u2028d"), "a\\xe2\\x80\\xaeb\\xe2\\x81\\xa6c\\xe2\\x80\\xa8d");
  EXPECT_EQ(escaped("a\u200bb\ufeffc\u061cd\u3164e\U000E0041f"),
            "a\\xe2\\x80\\x8bb\\xef\\xbb\\xbfc\\xd8\\x9cd\\xe3\\x85\\xa4e\\xf3\\xa0\\x81\\x81f");
  for (const char* text : {"\u2027\u2030", "\u0645\u06cc\u200c\u0631", "\U0001F468\u200d\U0001F469", "\u2764\ufe0f",
                           "\u00ac\u00ae", "\ufffd", "\U000DFFFF", "\U000E1000"})
    EXPECT_EQ(escaped(text), text);
  EXPECT_EQ(escaped("\u00a0"), "\u00a0");  // the first code point after the C1 controls
}

TEST(Escaped, DefusesInvalidUtf8ByteByByte) {
  EXPECT_EQ(escaped("\x80"), "\\x80");
  EXPECT_EQ(escaped("\xc3"), "\\xc3");                             // cut off
  EXPECT_EQ(escaped("\xc0\x9b"), "\\xc0\\x9b");                    // overlong ESC
  EXPECT_EQ(escaped("\xe0\x80\x9b"), "\\xe0\\x80\\x9b");           // overlong, three bytes
  EXPECT_EQ(escaped("\xed\xa0\x80"), "\\xed\\xa0\\x80");           // a surrogate
  EXPECT_EQ(escaped("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");  // above U+10FFFF
  EXPECT_EQ(escaped("\xf0\x9f\xa6"), "\\xf0\\x9f\\xa6");
  EXPECT_EQ(escaped("\xff"
                    "a"),
            "\\xffa");
}

TEST(Escaped, NeverLetsAControlByteThrough) {
  for (int first = 0; first < 256; ++first) {
    for (int second = 0; second < 256; ++second) {
      const std::string text{static_cast<char>(first), static_cast<char>(second)};
      for (char c : escaped(text)) {
        const auto byte = static_cast<uint8_t>(c);
        ASSERT_TRUE(byte >= 0x20 && byte != 0x7f) << first << " " << second;
      }
    }
  }
}

TEST(InQuotes, QuotesTheEscapedText) {
  EXPECT_EQ(in_quotes("a\x1b"), "'a\\x1b'");
}

TEST(Split, KeepsEmptyParts) {
  EXPECT_THAT(split("a:b::c:", ':'), ElementsAre("a", "b", "", "c", ""));
  EXPECT_THAT(split("", ':'), ElementsAre(""));
}

TEST(Join, IsTheReverseOfSplit) {
  EXPECT_EQ(join({"a", "", "b"}, ", "), "a, , b");
  EXPECT_EQ(join({}, ", "), "");
  EXPECT_EQ(join(split("x::y", ':'), ":"), "x::y");
}

TEST(Trimmed, TakesBlanksFromBothEndsOnly) {
  EXPECT_EQ(trimmed(" \t a b \r\n"), "a b");
  EXPECT_EQ(trimmed(" \n "), "");
  EXPECT_EQ(trimmed(""), "");
}

TEST(ParseNumber, TakesWholeNumbersOnly) {
  EXPECT_EQ(parse_number<int>("42"), 42);
  EXPECT_EQ(parse_number<int>("-42"), -42);
  EXPECT_EQ(parse_number<uint16_t>("65535"), 65535);
  EXPECT_EQ(parse_number<uint16_t>("65536"), std::nullopt);
  EXPECT_EQ(parse_number<unsigned>("-1"), std::nullopt);
  for (const char* text : {"", " 1", "1 ", "+1", "1x", "0x1", "1.0"})
    EXPECT_EQ(parse_number<int>(text), std::nullopt) << text;
}

TEST(Hex, IsLowerCaseAndTwoDigitsAByte) {
  EXPECT_EQ(hex("\x00\x0f\xff"s), "000fff");
  EXPECT_EQ(hex(""), "");
}

TEST(Hex, IsReadOfEitherCaseAndNothingElse) {
  EXPECT_EQ(from_hex("00ffA5"), "\x00\xff\xa5"s);
  EXPECT_EQ(from_hex(""), "");
  for (const char* text : {"0", "000", "0g", "g0", " 00", "+1", "0x"}) EXPECT_EQ(from_hex(text), std::nullopt) << text;
}

TEST(ErrorText, PutsTheHintInParentheses) {
  const Error error("cannot open 'x': no such file", "create it", 2);
  EXPECT_STREQ(error.what(), "cannot open 'x': no such file (create it)");
  const Error outer = error.within("cannot start 'web'");
  EXPECT_STREQ(outer.what(), "cannot start 'web': cannot open 'x': no such file (create it)");
  EXPECT_EQ(outer.errnum(), 2);
  EXPECT_EQ(outer.hint(), "create it");
}

TEST(ErrorText, ASystemErrorEscapesTheObject) {
  EXPECT_EQ(system_error("cannot open", "a\nb", ENOENT).problem(), "cannot open 'a\\nb': No such file or directory");
  EXPECT_EQ(system_error("cannot open", "x", EACCES).errnum(), EACCES);
}

}  // namespace
}  // namespace caisson::base
