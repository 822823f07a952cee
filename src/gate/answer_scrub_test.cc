// SPDX-License-Identifier: Apache-2.0

#include "gate/answer_scrub.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include "gate/http_fields.h"
#include "gate/websocket_scrub.h"
#include "gate/zlib_for_test.h"

namespace caisson::gate {
namespace {

const std::string kSecret = "the+secret/of-it";
const std::string kPlaceholder = "caisson_placeholder";
const std::vector<std::string> kUsers = {"user"};

AnswerScrub scrub_of_one() {
  AnswerScrub scrub;
  scrub.add({.value = kSecret, .placeholder = kPlaceholder, .users = kUsers});
  return scrub;
}

std::string body_in_pieces(const std::string& body, const std::string& coding, size_t piece) {
  AnswerScrub scrub = scrub_of_one();
  scrub.begin_body({coding});
  std::string out;
  for (size_t at = 0; at < body.size(); at += piece) {
    std::string_view bytes = std::string_view(body).substr(at, piece);
    AnswerScrub::Step step{.more = true};
    while (!bytes.empty() || step.more) {
      step = scrub.feed(bytes, out);
      bytes.remove_prefix(step.used);
    }
  }
  scrub.end(out);
  return out;
}

TEST(AnswerScrub, PutsThePlaceholderForEachForm) {
  const AnswerScrub scrub = scrub_of_one();
  EXPECT_EQ(scrub.whole("x " + kSecret + " y"), "x " + kPlaceholder + " y");
  EXPECT_EQ(scrub.whole("?key=the%2Bsecret%2fof-it"), "?key=the%2Bsecret%2fof-it");  // neither case as a whole
  EXPECT_EQ(scrub.whole("?key=the%2Bsecret%2Fof-it"), "?key=" + kPlaceholder);
  EXPECT_EQ(scrub.whole("\"the+secret\\/of-it\""), "\"" + kPlaceholder + "\"");
  EXPECT_EQ(scrub.whole("Basic " + to_base64("user:" + kSecret)), "Basic " + to_base64("user:" + kPlaceholder));
  EXPECT_EQ(scrub.whole(to_base64("{\"a\":\"" + kSecret + "\"}")).find(to_base64(kSecret).substr(4, 12)),
            std::string::npos);
}

TEST(AnswerScrub, DecodesWhatIsEncoded) {
  const std::string body = "a " + kSecret + " b " + kSecret;
  const std::string expected = "a " + kPlaceholder + " b " + kPlaceholder;
  for (const size_t piece : {1, 2, 7, 1000}) {
    EXPECT_EQ(body_in_pieces(body, "", piece), expected);
    EXPECT_EQ(body_in_pieces(body, "identity", piece), expected);
    EXPECT_EQ(body_in_pieces(gzip_of(body), "gzip", piece), expected);
    EXPECT_EQ(body_in_pieces(gzip_of(body), "X-GZip", piece), expected);
    EXPECT_EQ(body_in_pieces(deflate_of(body), "deflate", piece), expected);
    EXPECT_EQ(body_in_pieces(gzip_of("a the+sec") + gzip_of("ret/of-it"), "gzip", piece), "a " + kPlaceholder);
  }
}

TEST(AnswerScrub, RefusesWhatItCannotReadWhole) {
  for (const char* coding : {"br", "zstd", "gzip, gzip", "compress", "dcb"}) {
    AnswerScrub scrub = scrub_of_one();
    EXPECT_THROW(scrub.begin_body({coding}), HttpProblem) << coding;
  }
  AnswerScrub twice = scrub_of_one();
  EXPECT_THROW(twice.begin_body({"gzip", "deflate"}), HttpProblem);
  const std::string body = gzip_of("a " + kSecret);
  EXPECT_THROW(body_in_pieces(body.substr(0, body.size() - 1), "gzip", 5), HttpProblem);
  EXPECT_THROW(body_in_pieces("no gzip", "gzip", 5), HttpProblem);
  EXPECT_THROW(body_in_pieces(body + "and more", "gzip", 500), HttpProblem);
}

// A bomb comes out in pieces, as it is taken.
TEST(AnswerScrub, MakesABoundedAmountAtATime) {
  const std::string bomb = gzip_of(std::string(8U << 20, 'x'));
  AnswerScrub scrub = scrub_of_one();
  scrub.begin_body({"gzip"});
  std::string_view bytes = bomb;
  size_t made = 0;
  AnswerScrub::Step step{.more = true};
  while (!bytes.empty() || step.more) {
    std::string out;
    step = scrub.feed(bytes, out);
    bytes.remove_prefix(step.used);
    EXPECT_LE(out.size(), ContentDecoder::kMadeAtATime + kSecret.size());
    made += out.size();
  }
  EXPECT_EQ(made, 8U << 20);
}

std::string websocket_frame(int first, const std::string& payload) {
  std::string frame(1, static_cast<char>(first));
  if (payload.size() < 126) return frame + static_cast<char>(payload.size()) + payload;
  frame += static_cast<char>(126);
  frame += static_cast<char>(payload.size() >> 8);
  frame += static_cast<char>(payload.size() & 0xFF);
  return frame + payload;
}

// The messages and control frames in what was passed on.
std::vector<std::string> frames_in_pieces(const std::string& sent, size_t piece) {
  const AnswerScrub scrub = scrub_of_one();
  WebSocketScrub frames(scrub);
  std::string out;
  for (size_t at = 0; at < sent.size(); at += piece) frames.feed(std::string_view(sent).substr(at, piece), out);
  std::vector<std::string> got;
  std::string message;
  while (!out.empty()) {
    const auto first = static_cast<uint8_t>(out[0]);
    size_t size = static_cast<uint8_t>(out[1]);
    size_t begin = 2;
    if (size == 126) {
      size = static_cast<size_t>(static_cast<uint8_t>(out[2]) << 8 | static_cast<uint8_t>(out[3]));
      begin = 4;
    }
    const std::string payload = out.substr(begin, size);
    out.erase(0, begin + size);
    if ((first & 0x0F) >= 8) {
      got.push_back("control " + payload);
      continue;
    }
    if ((first & 0x0F) != 0) message = "message " + std::to_string(first & 0x0F) + " ";
    message += payload;
    if ((first & 0x80) != 0) got.push_back(message);
  }
  return got;
}

TEST(WebSocketScrub, LooksThroughMessagesAndControlFrames) {
  const std::string sent = websocket_frame(0x81, "hi " + kSecret) + websocket_frame(0x89, "ping " + kSecret) +
                           websocket_frame(0x02, "a the+sec") + websocket_frame(0x89, "") +
                           websocket_frame(0x00, "ret/of-") + websocket_frame(0x80, "it b") +
                           websocket_frame(0x82, std::string(300, 'x') + kSecret) + websocket_frame(0x81, "");
  const std::vector<std::string> expected = {"message 1 hi " + kPlaceholder,
                                             "control ping " + kPlaceholder,
                                             "control ",
                                             "message 2 a " + kPlaceholder + " b",
                                             "message 2 " + std::string(300, 'x') + kPlaceholder,
                                             "message 1 "};
  for (const size_t piece : {1, 3, 16, 5000}) EXPECT_EQ(frames_in_pieces(sent, piece), expected) << piece;
}

TEST(WebSocketScrub, RefusesWhatIsNoFrameOfAServers) {
  const std::string masked(
      "\x81\x85"
      "abcdhello");
  for (const std::string& sent : {websocket_frame(0xC1, "compressed"), websocket_frame(0x83, "reserved"),
                                  websocket_frame(0x80, "continues nothing"), websocket_frame(0x09, "cut ping"),
                                  websocket_frame(0x89, std::string(126, 'x')),
                                  websocket_frame(0x01, "a") + websocket_frame(0x81, "within"), masked})
    EXPECT_THROW(frames_in_pieces(sent, 1000), HttpProblem);
}

}  // namespace
}  // namespace caisson::gate
