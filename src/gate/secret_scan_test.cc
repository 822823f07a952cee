// SPDX-License-Identifier: Apache-2.0

#include "gate/secret_scan.h"

#include <gtest/gtest.h>

#include <array>

namespace caisson::gate {
namespace {

TEST(StreamScan, FindsWhatABorderCuts) {
  const std::string stream = "xx the-text yy";
  for (size_t cut = 0; cut <= stream.size(); ++cut) {
    StreamScan scan({"never", "the-text"});
    const auto before = scan.feed(std::string_view(stream).substr(0, cut));
    const auto behind = scan.feed(std::string_view(stream).substr(cut));
    EXPECT_EQ(before.value_or(0) + (before ? 0 : behind.value_or(0)), 1U) << cut;
    EXPECT_EQ(before.has_value(), cut >= 11) << cut;
  }
}

TEST(StreamScan, FindsWhatComesInSingleBytes) {
  StreamScan scan({"the-text"});
  const std::string stream = "the-the-text";
  for (size_t at = 0; at < stream.size(); ++at)
    EXPECT_EQ(scan.feed(stream.substr(at, 1)).has_value(), at == stream.size() - 1) << at;
  EXPECT_FALSE(StreamScan({}).feed("anything"));
}

std::string scrubbed_in_pieces(const std::string& stream, size_t piece) {
  Scrubber scrubber({{"secret", "PLACE"}, {"secretive", "LONG"}, {"c2VjcmV0", "B64"}});
  std::string out;
  for (size_t at = 0; at < stream.size(); at += piece) scrubber.feed(std::string_view(stream).substr(at, piece), out);
  scrubber.end(out);
  return out;
}

TEST(Scrubber, ReplacesAcrossEveryBorder) {
  const std::string stream = "a secret, secsecret c2VjcmV0c2VjcmV0; secre";
  for (size_t piece = 1; piece <= stream.size(); ++piece)
    EXPECT_EQ(scrubbed_in_pieces(stream, piece), "a PLACE, secPLACE B64B64; secre") << piece;
}

TEST(Scrubber, TakesTheLongestWhereItIsThere) {
  Scrubber scrubber({{"secret", "PLACE"}, {"secretive", "LONG"}});
  EXPECT_EQ(scrubber.whole("secretive secretiv"), "LONG PLACEiv");
  EXPECT_TRUE(scrubber.found());
}

// A stream of events is not held up.
TEST(Scrubber, HoldsNothingButABeginning) {
  const std::vector<Replacement> texts = {{.from = "secret", .to = "PLACE"}};
  Scrubber scrubber(texts);
  std::string out;
  scrubber.feed("data: hi\n\n", out);
  EXPECT_EQ(out, "data: hi\n\n");
  scrubber.feed("sec", out);
  EXPECT_EQ(out, "data: hi\n\n");
  scrubber.feed("ond", out);
  EXPECT_EQ(out, "data: hi\n\nsecond");
  EXPECT_FALSE(scrubber.found());
}

}  // namespace
}  // namespace caisson::gate
