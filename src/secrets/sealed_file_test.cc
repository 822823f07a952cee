// SPDX-License-Identifier: Apache-2.0

#include "secrets/sealed_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sodium.h>

#include <set>

#include "base/error.h"

namespace caisson::secrets {
namespace {

using testing::AnyOf;
using testing::HasSubstr;
using testing::Not;

constexpr SealCost kCheap{.passes = 1, .memory_log2_kib = kLeastMemoryLog2Kib};
constexpr std::string_view kText = "a=hunter2-hunter2\nb=12345678\n";
constexpr size_t kVersionAt = 16;
constexpr size_t kPassesAt = 17;
constexpr size_t kMemoryAt = 18;
constexpr size_t kDigestBytes = 32;

Value passphrase() {
  return Value::copy_of("correct horse");
}

std::string sealed() {
  return seal(Value::copy_of(kText), passphrase(), kCheap);
}

std::string opening_refusal(std::string_view file, const Value& words = passphrase()) {
  try {
    unseal(file, words);
  } catch (const base::Error& error) {
    return error.problem();
  }
  return "opened";
}

// As somebody does who changes a file on purpose.
std::string with_new_digest(std::string file) {
  file.resize(file.size() - kDigestBytes);
  std::string digest(kDigestBytes, '\0');
  crypto_generichash(reinterpret_cast<unsigned char*>(digest.data()), digest.size(),
                     reinterpret_cast<const unsigned char*>(file.data()), file.size(), nullptr, 0);
  return file + digest;
}

TEST(SealedFile, IsOpenedByItsPassphraseAlone) {
  const std::string file = sealed();
  EXPECT_EQ(unseal(file, passphrase()).reveal(), kText);
  EXPECT_EQ(opening_refusal(file, Value::copy_of("correct Horse")), "the passphrase is wrong");
  EXPECT_EQ(opening_refusal(file, Value::copy_of("correct horse ")), "the passphrase is wrong");
  EXPECT_EQ(opening_refusal(file, Value()), "the passphrase is wrong");
  const std::string empty = seal(Value(), passphrase(), kCheap);
  EXPECT_TRUE(unseal(empty, passphrase()).empty());
}

TEST(SealedFile, ShowsNothing) {
  const std::string file = sealed();
  EXPECT_THAT(file, Not(HasSubstr("hunter2")));
  EXPECT_THAT(file, Not(HasSubstr("correct")));
  // Neither salt nor nonce nor anything behind them comes twice.
  EXPECT_NE(file.substr(19, 16), sealed().substr(19, 16));
  EXPECT_NE(file.substr(35, 24), sealed().substr(35, 24));
}

TEST(SealedFile, WithAnyBitFlippedIsDamaged) {
  const std::string file = sealed();
  for (size_t at = 0; at < file.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string other = file;
      other[at] = static_cast<char>(other[at] ^ (1 << bit));
      ASSERT_EQ(opening_refusal(other), "it is damaged") << at;
    }
  }
}

TEST(SealedFile, CutAtAnyLengthIsDamaged) {
  const std::string file = sealed();
  for (size_t size = 0; size < file.size(); ++size) {
    ASSERT_EQ(opening_refusal(std::string_view(file).substr(0, size)), "it is damaged") << size;
    ASSERT_EQ(opening_refusal(std::string_view(file).substr(file.size() - size)), "it is damaged") << size;
  }
  EXPECT_EQ(opening_refusal(file + "x"), "it is damaged");
  EXPECT_EQ(opening_refusal(file + file), "it is damaged");
}

TEST(SealedFile, ChangedOnPurposeIsNotOpened) {
  const std::string file = sealed();
  for (size_t at = 0; at + kDigestBytes < file.size(); ++at) {
    // The costs have a test of their own: some would be work for minutes.
    if (at == kPassesAt || at == kMemoryAt) continue;
    std::string other = file;
    other[at] = static_cast<char>(other[at] ^ 1);
    ASSERT_THAT(opening_refusal(with_new_digest(other)),
                AnyOf("the passphrase is wrong", "it is damaged", "it is of another version of Caisson"))
        << at;
  }
  for (size_t size = 0; size < file.size(); ++size) {
    if (size < kDigestBytes) continue;
    ASSERT_NE(opening_refusal(with_new_digest(file.substr(0, size))), "opened") << size;
  }
}

TEST(SealedFile, CostsAreBoundedBeforeAnythingIsComputed) {
  const auto with = [](size_t at, int number) {
    std::string file = sealed();
    file[at] = static_cast<char>(number);
    return opening_refusal(with_new_digest(file));
  };
  EXPECT_THAT(with(kPassesAt, 0), HasSubstr("more work"));
  EXPECT_THAT(with(kPassesAt, kMostPasses + 1), HasSubstr("more work"));
  EXPECT_THAT(with(kPassesAt, 255), HasSubstr("more work"));
  EXPECT_THAT(with(kMemoryAt, 2), HasSubstr("more work"));
  EXPECT_THAT(with(kMemoryAt, kMostMemoryLog2Kib + 1), HasSubstr("more work"));
  EXPECT_THAT(with(kMemoryAt, 255), HasSubstr("more work"));
  // Another cost makes another key.
  EXPECT_EQ(with(kPassesAt, 2), "the passphrase is wrong");
  EXPECT_EQ(with(kMemoryAt, 4), "the passphrase is wrong");
}

TEST(SealedFile, OfAnotherVersionIsSaidToBe) {
  std::string file = sealed();
  file[kVersionAt] = 2;
  EXPECT_EQ(opening_refusal(with_new_digest(file)), "it is of another version of Caisson");
}

}  // namespace
}  // namespace caisson::secrets
