// SPDX-License-Identifier: Apache-2.0

#include "gate/secret_forms.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace caisson::gate {
namespace {

std::vector<std::string> all_forms(const SecretForms& forms) {
  std::vector<std::string> all;
  for (size_t index = 0; index < forms.size(); ++index) all.emplace_back(forms[index]);
  return all;
}

// RFC 4648, section 10.
TEST(Base64, IsThatOfTheStandard) {
  EXPECT_EQ(to_base64(""), "");
  EXPECT_EQ(to_base64("f"), "Zg==");
  EXPECT_EQ(to_base64("fo"), "Zm8=");
  EXPECT_EQ(to_base64("foo"), "Zm9v");
  EXPECT_EQ(to_base64("foobar"), "Zm9vYmFy");
  for (const char* text : {"", "f", "fo", "foo", "foob", "fooba", "foobar", "\xff\xfe\x80"})
    EXPECT_EQ(from_base64(to_base64(text)), text);
  EXPECT_EQ(from_base64("Zm8"), "fo");
  EXPECT_EQ(from_base64("Zm 8"), "");
}

TEST(SecretForms, HasEachOnce) {
  EXPECT_THAT(all_forms(SecretForms("abcdefgh", {})),
              testing::UnorderedElementsAre("abcdefgh", "YWJjZGVmZ2", "FiY2RlZmdo", "hYmNkZWZna"));
}

TEST(SecretForms, AreFoundAtEachPlaceOfOtherBytes) {
  const std::string secret = "a+secret/of \"one\"\xfe\xff\\";
  const SecretForms forms(secret, {});
  for (size_t before = 0; before < 7; ++before) {
    for (size_t behind = 0; behind < 4; ++behind) {
      std::string encoded = to_base64(std::string(before, '\xff') + secret + std::string(behind, '?'));
      bool found = false;
      for (size_t index = 0; index < forms.size(); ++index) found |= encoded.find(forms[index]) != std::string::npos;
      EXPECT_TRUE(found) << before << ' ' << behind;
      for (char& c : encoded) c = c == '+' ? '-' : c == '/' ? '_' : c;
      found = false;
      for (size_t index = 0; index < forms.size(); ++index) found |= encoded.find(forms[index]) != std::string::npos;
      EXPECT_TRUE(found) << before << ' ' << behind << " in the other alphabet";
    }
  }
}

TEST(SecretForms, EscapesAsUrlsAndJsonDo) {
  const std::vector<std::string> all = all_forms(SecretForms("a+/\"\\~bc", {}));
  for (const char* form : {"a%2B%2F%22%5C~bc", "a%2b%2f%22%5c~bc", "a+/\\\"\\\\~bc", "a+\\/\\\"\\\\~bc"})
    EXPECT_THAT(all, testing::Contains(form));
}

TEST(SecretForms, KnowsTheUserOfBasicAuthentication) {
  const SecretForms forms("the-secret", {"one", "other"});
  size_t with_user = 0;
  for (size_t index = 0; index < forms.size(); ++index) {
    if (forms.user(index) == SecretForms::kNoUser) continue;
    ++with_user;
    EXPECT_EQ(forms[index], to_base64(forms.user(index) == 0 ? "one:the-secret" : "other:the-secret"));
  }
  EXPECT_EQ(with_user, 2U);
}

// All that is made of it finds room.
TEST(SecretForms, OfTheLongestValueThatIsEscapedWhole) {
  const std::string slashes(secrets::kMaxValueBytes, '/');
  const SecretForms forms(slashes, {"user", std::string(100, 'u')});
  EXPECT_GT(forms.size(), 6U);
  EXPECT_EQ(forms[0], slashes);
}

}  // namespace
}  // namespace caisson::gate
