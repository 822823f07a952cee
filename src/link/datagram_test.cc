// SPDX-License-Identifier: Apache-2.0

#include "link/datagram.h"

#include <gtest/gtest.h>

#include "link/link_for_test.h"

namespace caisson::link {
namespace {

// What is read of these bytes, in these pieces, until the stream's end or what is wrong.
struct ReadDatagrams {
  std::vector<std::string> datagrams;
  std::string problem;
};

class Datagrams : public testing::Test {
 protected:
  ReadDatagrams read(const std::vector<std::string>& pieces) {
    ReadDatagrams got;
    loop.run({[&]() -> Task {
                const StreamPtr stream = co_await pair.a.session.open();
                for (const std::string& piece : pieces) {
                  const std::span<const uint8_t> bytes(reinterpret_cast<const uint8_t*>(piece.data()), piece.size());
                  co_await stream->write(bytes);
                }
                co_await stream->close_write();
                std::array<uint8_t, 1> end;
                co_await stream->read_some(end);
              },
              [&]() -> Task {
                const StreamPtr stream = co_await pair.b.session.accept();
                try {
                  for (;;) {
                    const auto datagram = co_await read_datagram(*stream);
                    if (!datagram) break;
                    got.datagrams.emplace_back(datagram->begin(), datagram->end());
                  }
                } catch (const base::Error& error) {
                  got.problem = error.problem();
                }
                co_await stream->close_write();
              }});
    return got;
  }

  Loop loop;
  SessionPair pair{loop};
};

TEST_F(Datagrams, StandBehindTheirLength) {
  const ReadDatagrams got = read({std::string("\0\2ab\0\0\0\1c", 9)});
  EXPECT_EQ(got.datagrams, (std::vector<std::string>{"ab", "", "c"}));
  EXPECT_EQ(got.problem, "");
}

TEST_F(Datagrams, MayComeInAnyPieces) {
  const ReadDatagrams got = read({std::string("\0", 1), "\2", "a", std::string("b\0", 2), "\1", "c"});
  EXPECT_EQ(got.datagrams, (std::vector<std::string>{"ab", "c"}));
  EXPECT_EQ(got.problem, "");
}

TEST_F(Datagrams, TheLongestIsAllThatALengthCanSay) {
  const std::string longest(kMaxDatagramBytes, 'x');
  const ReadDatagrams got = read({"\xff\xff" + longest});
  EXPECT_EQ(got.datagrams, (std::vector<std::string>{longest}));
}

TEST_F(Datagrams, AnEndInsideOfOneIsAFailure) {
  for (const std::string& cut : {std::string("\0", 1), std::string("\0\2a", 3), std::string("\0\1a\0\1", 5)}) {
    const ReadDatagrams got = read({cut});
    EXPECT_NE(got.problem, "") << cut.size();
  }
}

TEST_F(Datagrams, OneThatIsTooLongIsNotWritten) {
  std::string problem;
  loop.run({[&]() -> Task {
    const StreamPtr stream = co_await pair.a.session.open();
    std::vector<uint8_t> buffer(kDatagramHeaderBytes + kMaxDatagramBytes + 1);
    try {
      co_await write_datagram(*stream, buffer, kMaxDatagramBytes + 1);
    } catch (const base::Error& error) {
      problem = error.problem();
    }
  }});
  EXPECT_EQ(problem, "a datagram is too long for the link");
}

}  // namespace
}  // namespace caisson::link
