// SPDX-License-Identifier: Apache-2.0

#include "gate/http1_chunks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace caisson::gate {
namespace {

struct Read {
  std::string data;
  std::string rest;  // what was not used
  std::string problem;
  bool done = false;
  HttpFields trailers;
};

// In pieces of this size.
Read read(std::string_view bytes, size_t piece = 1000000) {
  ChunkReader reader;
  Read result;
  try {
    while (!bytes.empty() && !reader.done()) {
      const BodyPiece got = reader.read(bytes.substr(0, piece));
      result.data += got.data;
      bytes.remove_prefix(got.used);
    }
  } catch (const HttpProblem& error) {
    result.problem = error.problem();
  }
  result.rest = bytes;
  result.done = reader.done();
  result.trailers = reader.trailers();
  return result;
}

TEST(Chunks, AreReadInAnyPieces) {
  const std::string text = "5\r\nhello\r\n1\r\n \r\n00A;x=y\r\n0123456789\r\n0\r\nX-Sum: 7\r\n\r\nNEXT";
  for (const size_t piece : {1U, 2U, 7U, 1000U}) {
    const Read got = read(text, piece);
    EXPECT_EQ(got.problem, "");
    EXPECT_EQ(got.data, "hello 0123456789");
    EXPECT_TRUE(got.done);
    EXPECT_EQ(got.rest, "NEXT");
    EXPECT_THAT(got.trailers, testing::ElementsAre(testing::Pair("x-sum", "7")));
  }
}

TEST(Chunks, OfUnclearSizeAreRefused) {
  const std::string number = "a chunk's size is no number, or too large";
  for (const char* text : {"\r\n", "-1\r\n", "+1\r\n", "0x5\r\n", " 5\r\n", "5 5\r\n", "g\r\n", ";a\r\n",
                           "FFFFFFFFFFFFFFFF\r\n", "10000000000000000\r\n", "0000000000000005\r\n"}) {
    EXPECT_EQ(read(text).problem, number) << text;
  }
  EXPECT_EQ(read(std::string_view("5\0\r\n", 5)).problem, "a chunk's size has a control byte");
  EXPECT_EQ(read("5;\r\r\n").problem, "a chunk's size has a control byte");
}

TEST(Chunks, EndWithTheirLines) {
  const std::string bare = "a line of its chunks ends with LF alone";
  EXPECT_EQ(read("5\nhello").problem, bare);
  EXPECT_EQ(read("5\r\nhello\n").problem, bare);
  EXPECT_EQ(read("0\r\n\n").problem, bare);
  EXPECT_EQ(read("5\r\nhellooo\r\n").problem, "a chunk is longer than its size");
  EXPECT_FALSE(read("5\r\nhel").done);
  EXPECT_FALSE(read("0\r\n").done);
}

TEST(Chunks, HaveBoundedLinesAndTrailers) {
  EXPECT_EQ(read("5;" + std::string(5000, 'x')).problem, "a line of its chunks is longer than 4096 bytes");
  std::string many = "0\r\n";
  for (int i = 0; i < 300; ++i) many += "a: b\r\n";
  EXPECT_EQ(read(many + "\r\n").problem, "it has more than 256 fields");
  std::string large = "0\r\n";
  for (int i = 0; i < 6; ++i) large += "a: " + std::string(3000, 'x') + "\r\n";
  EXPECT_EQ(read(large + "\r\n").problem, "its trailers are longer than 16384 bytes");
}

TEST(Chunks, HaveNoTrailersThatBelongIntoTheHead) {
  for (const char* name : {"Content-Length", "Transfer-Encoding", "Host", "Connection"}) {
    EXPECT_EQ(read("0\r\n" + std::string(name) + ": 1\r\n\r\n").problem, "it has a trailer that belongs into its head");
  }
  EXPECT_EQ(read("0\r\n folded\r\n\r\n").problem, "it has a folded line");
}

TEST(Chunks, AreWrittenAsTheyAreRead) {
  const std::string text = chunk_begin(26) + std::string(26, 'x') + std::string(kChunkEnd) + last_chunk({{"a", "b"}});
  EXPECT_EQ(text, "1a\r\n" + std::string(26, 'x') + "\r\n0\r\na: b\r\n\r\n");
  EXPECT_EQ(read(text).data, std::string(26, 'x'));
}

}  // namespace
}  // namespace caisson::gate
