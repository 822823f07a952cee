// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <set>

#include "base/error.h"
#include "spec/sandbox_spec.h"

namespace caisson::spec {
namespace {

TEST(GenerateName, IsAlwaysAValidName) {
  for (uint64_t i = 0; i < 64; ++i) {
    for (const uint64_t random : {i, i << 6, ~i, i * 0x9E3779B97F4A7C15U})
      EXPECT_NO_THROW(validate_name(generate_name(random)));
  }
  EXPECT_NO_THROW(validate_name(generate_name(UINT64_MAX)));
}

TEST(GenerateName, DiffersWhereTheBitsDiffer) {
  std::set<std::string> seen;
  for (uint64_t bit = 0; bit < 28; ++bit) seen.insert(generate_name(uint64_t{1} << bit));
  EXPECT_EQ(seen.size(), 28U);
  EXPECT_EQ(generate_name(7), generate_name(7));
}

TEST(ValidateName, TakesDockersNames) {
  for (const char* name : {"a", "A", "0", "web", "my_app-1.2", "a.", "a-", "x__y"})
    EXPECT_NO_THROW(validate_name(name)) << name;
  EXPECT_NO_THROW(validate_name(std::string(63, 'a')));
}

TEST(ValidateName, RefusesHostileOnes) {
  for (const char* name :
       {"", ".", "..", ".hidden", "-flag", "_x", "a/b", "../x", "a b", "a\n", "a\x1b", "caf\xc3\xa9", "a:b", "a\\b"}) {
    EXPECT_THROW(validate_name(name), base::Error) << name;
  }
  EXPECT_THROW(validate_name(std::string(64, 'a')), base::Error);
  EXPECT_THROW(validate_name(std::string_view("a\0b", 3)), base::Error);
}

}  // namespace
}  // namespace caisson::spec
