// SPDX-License-Identifier: Apache-2.0

#include "secrets/placeholder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "secrets/known_services.h"

namespace caisson::secrets {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::StartsWith;

TEST(Placeholder, HasTheShape) {
  for (const KnownService& service : known_services()) {
    const PlaceholderShape& shape = service.shape;
    const std::string text = make_placeholder(shape);
    EXPECT_THAT(text, StartsWith(std::string(shape.prefix)));
    EXPECT_TRUE(text.ends_with(shape.suffix));
    const std::string_view random = std::string_view(text).substr(shape.prefix.size(), shape.length);
    EXPECT_EQ(text.size(), shape.prefix.size() + shape.length + shape.suffix.size()) << service.name;
    EXPECT_EQ(random.find_first_not_of(shape.alphabet), std::string_view::npos) << service.name;
    EXPECT_GE(static_cast<double>(shape.length) * std::log2(shape.alphabet.size()), 119) << service.name;
  }
  EXPECT_EQ(make_placeholder(find_service("anthropic")->shape).size(), 108U);
  EXPECT_EQ(make_placeholder(find_service("github")->shape).size(), 40U);
}

TEST(Placeholder, IsAnotherEachTime) {
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(seen.insert(make_placeholder(kOwnShape)).second);
}

// Each letter of the alphabet comes, about as often as the others: 62 letters, 64000 of them, 1032 of each; 10 standard
// deviations are 320.
TEST(Placeholder, PrefersNoLetter) {
  std::map<char, int> counts;
  for (int i = 0; i < 1000; ++i) {
    for (const char c : make_placeholder({.prefix = "", .alphabet = kLettersAndDigits, .length = 64})) ++counts[c];
  }
  EXPECT_EQ(counts.size(), kLettersAndDigits.size());
  for (const auto& [letter, count] : counts) {
    EXPECT_GT(count, 700) << letter;
    EXPECT_LT(count, 1360) << letter;
  }
}

TEST(FindAll, FindsEachOfThem) {
  const std::vector<std::string_view> texts = {"ghp_abc", "sk-x"};
  EXPECT_THAT(find_all("", texts), IsEmpty());
  EXPECT_THAT(find_all("ghp_ab sk- ghp_aBc", texts), IsEmpty());
  EXPECT_THAT(find_all("sk-xghp_abc, sk-x", texts), ElementsAre(Occurrence{0, 1}, Occurrence{4, 0}, Occurrence{13, 1}));
  const std::string with_zeros("\0sk-x\0", 6);
  EXPECT_THAT(find_all(with_zeros, texts), ElementsAre(Occurrence{1, 1}));
  EXPECT_THAT(find_all("sk-x", {}), IsEmpty());
}

TEST(FindAll, FindsWhatOverlaps) {
  const std::vector<std::string_view> texts = {"aba", "ab"};
  EXPECT_THAT(find_all("ababa", texts),
              ElementsAre(Occurrence{0, 0}, Occurrence{0, 1}, Occurrence{2, 0}, Occurrence{2, 1}));
}

// As its comment says: with one byte fewer than the longest in front, none is missed and none is found twice.
TEST(FindAll, InPiecesOfAStream) {
  const std::string placeholder = make_placeholder(kOwnShape);
  const std::string stream = "Authorization: Bearer " + placeholder + "\r\n" + placeholder;
  const std::vector<std::string_view> texts = {placeholder};
  for (size_t cut = 0; cut <= stream.size(); ++cut) {
    const size_t kept = std::min(cut, placeholder.size() - 1);
    EXPECT_EQ(find_all(stream.substr(0, cut), texts).size() + find_all(stream.substr(cut - kept), texts).size(), 2U)
        << cut;
  }
}

}  // namespace
}  // namespace caisson::secrets
