// SPDX-License-Identifier: Apache-2.0

#include "guest/fuse_messages.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "base/error.h"

namespace caisson::guest {
namespace {

std::string message(uint32_t length, char fill) {
  std::string bytes(length, fill);
  std::memcpy(bytes.data(), &length, sizeof length);
  return bytes;
}

// All messages of a stream that comes in pieces of that size.
std::vector<std::string> taken(const std::string& stream, size_t piece) {
  FuseMessages messages;
  std::vector<std::string> found;
  for (size_t at = 0; at < stream.size();) {
    const std::span<uint8_t> room = messages.room();
    EXPECT_FALSE(room.empty());
    const size_t count = std::min({piece, room.size(), stream.size() - at});
    std::memcpy(room.data(), stream.data() + at, count);
    messages.add(count);
    at += count;
    while (const auto one = messages.take())
      found.emplace_back(reinterpret_cast<const char*>(one->data()), one->size());
  }
  return found;
}

TEST(FuseMessages, AreFoundHoweverTheyCome) {
  std::vector<std::string> sent;
  for (const uint32_t length : {16U, 17U, 4096U, 16U, 100000U, 24U})
    sent.push_back(message(length, static_cast<char>('a' + sent.size())));
  std::string stream;
  for (const std::string& one : sent) stream += one;
  for (const size_t piece : {size_t{1}, size_t{3}, size_t{16}, size_t{4095}, size_t{32756}, stream.size()})
    EXPECT_EQ(taken(stream, piece), sent) << piece;
}

TEST(FuseMessages, TheLongestFitsBehindAnything) {
  std::string stream;
  std::vector<std::string> sent;
  for (int i = 0; i < 6; ++i) {
    sent.push_back(
        message(static_cast<uint32_t>(link::kMostFuseBytes - static_cast<size_t>(i)), static_cast<char>('a' + i)));
    sent.push_back(message(300000, 'z'));
  }
  for (const std::string& one : sent) stream += one;
  for (const size_t piece : {size_t{32756}, size_t{200000}, size_t{5000000}})
    EXPECT_EQ(taken(stream, piece), sent) << piece;
}

TEST(FuseMessages, AnImpossibleLengthIsRefused) {
  for (const uint32_t length : {0U, 4U, 15U, static_cast<uint32_t>(link::kMostFuseBytes + 1), UINT32_MAX}) {
    FuseMessages messages;
    std::memcpy(messages.room().data(), &length, sizeof length);
    messages.add(sizeof length);
    EXPECT_THROW(messages.take(), base::Error) << length;
  }
}

}  // namespace
}  // namespace caisson::guest
