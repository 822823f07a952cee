// SPDX-License-Identifier: Apache-2.0

#include "secrets/values.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace caisson::secrets {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string list_refusal(std::string_view text) {
  try {
    decode_values(Value::copy_of(text));
  } catch (const base::Error& error) {
    return error.what();
  }
  return {};
}

TEST(Values, AreReadAsTheyWereWritten) {
  Values values;
  EXPECT_TRUE(encode_values(values).empty());
  EXPECT_TRUE(decode_values(Value()).empty());
  values["b"] = Value::copy_of("with = and \xc3\xa4");
  values["a"] = Value::copy_of(std::string(kMaxValueBytes, 'x'));
  const Value text = encode_values(values);
  const Values again = decode_values(text);
  ASSERT_EQ(again.size(), 2U);
  EXPECT_TRUE(same_value(again.at("a"), values.at("a")));
  EXPECT_TRUE(same_value(again.at("b"), values.at("b")));
}

TEST(Values, AreReadStrictly) {
  for (const char* text : {"a=hunter2-hunter2", "a=hunter2-hunter2\n\n", "hunter2-hunter2\n", "=hunter2-hunter2\n",
                           "a=\n", "a=hunter2\n", "A=hunter2-hunter2\n", "a=hunter2-hunter2\na=hunter2-hunter2\n",
                           "a= hunter2-hunter2\n", "a=hunter2-hunter2\r\n", "hunter2/=hunter2-hunter2\n"}) {
    const std::string refusal = list_refusal(text);
    EXPECT_NE(refusal, "") << text;
    EXPECT_THAT(refusal, Not(HasSubstr("hunter2")));
  }
  std::string many;
  for (size_t i = 0; i <= kMostSecrets; ++i) many += "s" + std::to_string(i) + "=12345678\n";
  EXPECT_THAT(list_refusal(many), HasSubstr("more secrets than there can be"));
}

}  // namespace
}  // namespace caisson::secrets
