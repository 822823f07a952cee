// SPDX-License-Identifier: Apache-2.0

#include "base/bytes.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace caisson::base {
namespace {

TEST(ParseBytes, ReadsPlainNumbersAndEverySuffix) {
  EXPECT_EQ(parse_bytes("4096").count, 4096U);
  EXPECT_EQ(parse_bytes("17b").count, 17U);
  EXPECT_EQ(parse_bytes("3k"), kibibytes(3));
  EXPECT_EQ(parse_bytes("512M"), mebibytes(512));
  EXPECT_EQ(parse_bytes("2G"), gibibytes(2));
  EXPECT_EQ(parse_bytes("1T"), gibibytes(1024));
  EXPECT_EQ(parse_bytes("8GiB"), gibibytes(8));
  EXPECT_EQ(parse_bytes("100kb"), kibibytes(100));
}

TEST(ParseBytes, ReadsFractions) {
  EXPECT_EQ(parse_bytes("1.5g"), mebibytes(1536));
  EXPECT_EQ(parse_bytes(".5G"), mebibytes(512));
}

TEST(ParseBytes, RefusesWhatIsNotASize) {
  for (const char* text : {"", "G", "-1", "+1", "1 G", " 1", "1.2.3G", "1e9", "0x10", "inf", "nan", "1P", "1Gb/s",
                           "1ii", "0", "99999999999999999999", "8388608T", "1,5G"}) {
    EXPECT_THROW(parse_bytes(text), Error) << text;
  }
}

TEST(ParseBytes, NamesTheTextAndTheForm) {
  try {
    parse_bytes("much\n");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.problem(), "not a size: 'much\\n'");
    EXPECT_NE(error.hint().find("512M"), std::string::npos);
  }
}

TEST(BytesToString, ChoosesTheUnitAPersonReads) {
  EXPECT_EQ(to_string(Bytes{0}), "0 B");
  EXPECT_EQ(to_string(Bytes{17}), "17 B");
  EXPECT_EQ(to_string(kibibytes(1)), "1 KiB");
  EXPECT_EQ(to_string(mebibytes(512)), "512 MiB");
  EXPECT_EQ(to_string(mebibytes(1536)), "1.5 GiB");
  EXPECT_EQ(to_string(gibibytes(2048)), "2 TiB");
  EXPECT_EQ(to_string(gibibytes(4U << 20)), "4096 TiB");
}

TEST(BytesToString, ARoundedValueMovesToTheNextUnit) {
  EXPECT_EQ(to_string(Bytes{(1U << 20) - 1}), "1 MiB");
}

}  // namespace
}  // namespace caisson::base
