// SPDX-License-Identifier: Apache-2.0

#include "secrets/value.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <type_traits>

#include "base/error.h"
#include "base/fd.h"
#include "base/text.h"

namespace caisson::secrets {
namespace {

using testing::HasSubstr;
using testing::Not;

static_assert(!std::is_copy_constructible_v<Value> && !std::is_copy_assignable_v<Value>);
static_assert(!fmt::is_formattable<Value>::value);
static_assert(!std::is_convertible_v<Value, std::string_view> && !std::is_convertible_v<std::string_view, Value>);

// What the kernel says of the mapping that an address is in: the words of VmFlags in proc(5).
std::vector<std::string> flags_of(const void* address) {
  std::ifstream maps("/proc/self/smaps");
  const auto wanted = reinterpret_cast<uintptr_t>(address);
  bool here = false;
  for (std::string line; std::getline(maps, line);) {
    uintptr_t first = 0;
    uintptr_t last = 0;
    char dash = 0;
    std::istringstream words(line);
    if (words >> std::hex >> first >> dash >> last && dash == '-') here = first <= wanted && wanted < last;
    if (here && line.starts_with("VmFlags:")) return base::split(line.substr(8), ' ');
  }
  return {};
}

std::string value_refusal(std::string_view bytes) {
  try {
    checked_value(Value::copy_of(bytes), "the value of 'x'");
  } catch (const base::Error& error) {
    return error.what();
  }
  return {};
}

TEST(Value, IsLockedAndInNoDump) {
  const Value value = Value::copy_of("a value of some bytes");
  const std::vector<std::string> flags = flags_of(value.reveal().data());
  EXPECT_THAT(flags, testing::Contains("dd"));
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
  return;  // it lets no mlock reach the kernel
#endif
#endif
  EXPECT_THAT(flags, testing::Contains("lo"));
}

TEST(Value, GoesFromOneOwnerToTheNext) {
  Value first = Value::copy_of("a value of some bytes");
  Value second = std::move(first);
  EXPECT_TRUE(first.empty());  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(second.reveal(), "a value of some bytes");
  Value third = Value::copy_of("another");
  third = std::move(second);
  EXPECT_EQ(third.reveal(), "a value of some bytes");
  third.wipe();
  EXPECT_TRUE(third.empty());
  EXPECT_EQ(third.reveal(), "");
}

TEST(Value, IsComparedAsAWhole) {
  EXPECT_TRUE(same_value(Value::copy_of("12345678"), Value::copy_of("12345678")));
  EXPECT_FALSE(same_value(Value::copy_of("12345678"), Value::copy_of("12345679")));
  EXPECT_FALSE(same_value(Value::copy_of("12345678"), Value::copy_of("1234567")));
  EXPECT_TRUE(same_value(Value(), Value()));
}

TEST(Value, IsReadWithinABound) {
  base::FdPair pipe = base::make_pipe();
  base::write_all(pipe.second.get(), std::string_view("12345678"), "pipe");
  pipe.second.reset();
  EXPECT_EQ(read_value(pipe.first.get(), 8, "it").reveal(), "12345678");
  pipe = base::make_pipe();
  base::write_all(pipe.second.get(), std::string_view("123456789"), "pipe");
  pipe.second.reset();
  EXPECT_THROW(read_value(pipe.first.get(), 8, "it"), base::Error);
}

TEST(CheckedValue, HasNoEndOfLine) {
  EXPECT_EQ(checked_value(Value::copy_of("12345678"), "it").reveal(), "12345678");
  EXPECT_EQ(checked_value(Value::copy_of("12345678\n"), "it").reveal(), "12345678");
  EXPECT_EQ(checked_value(Value::copy_of("12345678\r\n"), "it").reveal(), "12345678");
  EXPECT_EQ(checked_value(Value::copy_of("with a blank"), "it").reveal(), "with a blank");
}

TEST(CheckedValue, IsOneLineOfText) {
  EXPECT_THAT(value_refusal(""), HasSubstr("is empty"));
  EXPECT_THAT(value_refusal("\n"), HasSubstr("is empty"));
  EXPECT_THAT(value_refusal("1234567"), HasSubstr("fewer than 8"));
  EXPECT_THAT(value_refusal(" 12345678"), HasSubstr("blanks"));
  EXPECT_THAT(value_refusal("12345678 \n"), HasSubstr("blanks"));
  for (const std::string_view bytes :
       {std::string_view("1234\r\nHost: x"), std::string_view("12345678\n\n"), std::string_view("12345678\r"),
        std::string_view("1234\0"
                         "5678",
                         9),
        std::string_view("1234\x7f"
                         "5678"),
        std::string_view("1234\t5678")})
    EXPECT_THAT(value_refusal(bytes), HasSubstr("control byte"));
  EXPECT_THAT(value_refusal(std::string(kMaxValueBytes + 1, 'x')), HasSubstr("more than 8000"));
  EXPECT_EQ(value_refusal(std::string(kMaxValueBytes, 'x')), "");
}

TEST(CheckedValue, IsInNoRefusal) {
  for (const char* bytes : {"hunter2", " hunter2-hunter2", "hunter2\x01hunter2"})
    EXPECT_THAT(value_refusal(bytes), Not(HasSubstr("hunter2")));
}

}  // namespace
}  // namespace caisson::secrets
