// SPDX-License-Identifier: Apache-2.0

#include "link/relay.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <cstring>

#include "link/link_for_test.h"

namespace caisson::link {
namespace {

// A stream with both its ends, and a socket with its other end.
struct Joined {
  explicit Joined(Loop& loop) : pair(loop), ends(base::make_socketpair()) {
    socket = std::make_shared<Descriptor>(loop.executor(), std::move(ends.first));
    other = std::make_shared<Descriptor>(loop.executor(), std::move(ends.second));
  }
  asio::awaitable<void> open() {
    ours = co_await pair.a.session.open();
    theirs = co_await pair.b.session.accept();
  }

  SessionPair pair;
  base::FdPair ends;
  std::shared_ptr<Descriptor> socket;
  std::shared_ptr<Descriptor> other;
  StreamPtr ours;
  StreamPtr theirs;
};

asio::awaitable<std::string> receive_all(Descriptor& socket) {
  std::string text;
  char buffer[4096];
  while (true) {
    const ssize_t got = ::recv(socket.get(), buffer, sizeof buffer, 0);
    const int errnum = errno;
    if (got > 0) text.append(buffer, static_cast<size_t>(got));
    if (got == 0 || (got < 0 && errnum != EAGAIN)) co_return text;
    if (got < 0) co_await socket.readable();
  }
}

TEST(Relay, PassesBothWaysAndHalfCloses) {
  Loop loop;
  Joined joined(loop);
  RelayEnd end;
  loop.run({[&]() -> Task {
              co_await joined.open();
              end = co_await relay(joined.theirs, joined.socket);
            },
            [&]() -> Task {
              while (!joined.theirs) co_await asio::post(loop.executor(), asio::use_awaitable);
              const std::vector<uint8_t> bytes = pattern(1 << 20);
              co_await joined.ours->write(bytes);
              co_await joined.ours->close_write();
              // The stream's writer is done; the other direction still goes on.
              EXPECT_EQ(::send(joined.other->get(), "back", 4, 0), 4);
              std::array<uint8_t, 4> back;
              co_await joined.ours->read_exact(back);
              EXPECT_EQ(std::memcmp(back.data(), "back", 4), 0);
              ::shutdown(joined.other->get(), SHUT_WR);
            },
            [&]() -> Task {
              const std::string got = co_await receive_all(*joined.other);
              const std::vector<uint8_t> bytes = pattern(1 << 20);
              EXPECT_TRUE(std::equal(got.begin(), got.end(), bytes.begin(), bytes.end(),
                                     [](char a, uint8_t b) { return static_cast<uint8_t>(a) == b; }));
            }});
  EXPECT_EQ(end.failure, "");
  EXPECT_EQ(end.from_stream_bytes, 1U << 20);
  EXPECT_EQ(end.to_stream_bytes, 4U);
}

TEST(Relay, AResetOfTheStreamEndsTheSocket) {
  Loop loop;
  Joined joined(loop);
  RelayEnd end;
  loop.run({[&]() -> Task {
              co_await joined.open();
              end = co_await relay(joined.theirs, joined.socket);
            },
            [&]() -> Task {
              while (!joined.theirs) co_await asio::post(loop.executor(), asio::use_awaitable);
              joined.ours->reset();
              const std::string got = co_await receive_all(*joined.other);
              EXPECT_EQ(got, "");
            }});
  EXPECT_NE(end.failure, "");
  EXPECT_FALSE(joined.socket->is_open());
}

TEST(Relay, ABrokenSocketResetsTheStream) {
  Loop loop;
  Joined joined(loop);
  loop.run({[&]() -> Task {
              co_await joined.open();
              co_await relay(joined.theirs, joined.socket);
            },
            [&]() -> Task {
              while (!joined.theirs) co_await asio::post(loop.executor(), asio::use_awaitable);
              joined.other->close();
              // More than any buffer between them holds.
              const std::vector<uint8_t> bytes = pattern(8 << 20);
              const std::string error = co_await error_of([&]() -> Task { co_await joined.ours->write(bytes); });
              EXPECT_NE(error.find("reset"), std::string::npos) << error;
            }});
}

class Shorten final : public RelayFilter {
 public:
  asio::awaitable<std::span<const uint8_t>> pass(Way way, std::span<const uint8_t> bytes) override {
    if (way == Way::kFromStream && bytes[0] == '!') throw base::Error("that is not allowed");
    co_return bytes.first(1);
  }
  void went_on(Way way) override { gone.push_back(way); }

  std::vector<Way> gone;
};

TEST(Relay, AFilterDecidesWhatGoesOnAndCanEndIt) {
  Loop loop;
  Joined joined(loop);
  RelayEnd end;
  const auto filter = std::make_shared<Shorten>();
  loop.run({[&]() -> Task {
              co_await joined.open();
              end = co_await relay(joined.theirs, joined.socket, filter);
            },
            [&]() -> Task {
              while (!joined.theirs) co_await asio::post(loop.executor(), asio::use_awaitable);
              EXPECT_EQ(::send(joined.other->get(), "abc", 3, 0), 3);
              std::array<uint8_t, 1> first;
              co_await joined.ours->read_exact(first);
              EXPECT_EQ(first[0], 'a');
              const std::array<uint8_t, 1> bad{'!'};
              co_await joined.ours->write(bad);
            }});
  EXPECT_EQ(end.failure, "that is not allowed");
  EXPECT_EQ(end.to_stream_bytes, 1U);
  EXPECT_EQ(end.from_stream_bytes, 0U);
  EXPECT_EQ(filter->gone, (std::vector{Way::kToStream}));
}

// The bytes wait where the link has put them.
TEST(Relay, AStreamThatIsResetWhileItsSocketIsFullEndsIt) {
  Loop loop;
  Joined joined(loop);
  RelayEnd end;
  std::string got;
  loop.run({[&]() -> Task {
              co_await joined.open();
              end = co_await relay(joined.theirs, joined.socket);
            },
            [&]() -> Task {
              while (!joined.theirs) co_await asio::post(loop.executor(), asio::use_awaitable);
              const std::vector<uint8_t> bytes = pattern(4 << 20);
              const std::string error = co_await error_of([&]() -> Task { co_await joined.ours->write(bytes); });
              EXPECT_NE(error, "");
            },
            [&]() -> Task {
              // What has come so far is of the socket's size; the rest does not go past the stream's window.
              co_await joined.other->readable();
              while (joined.pair.b.session.buffered_bytes() < (128U << 10))
                co_await asio::post(loop.executor(), asio::use_awaitable);
              EXPECT_LE(joined.pair.b.session.buffered_bytes(), Limits().window_bytes);
              joined.ours->reset();
              got = co_await receive_all(*joined.other);
            }});
  EXPECT_NE(end.failure, "");
  EXPECT_LT(end.from_stream_bytes, 4U << 20);
  EXPECT_EQ(end.from_stream_bytes, got.size());
}

}  // namespace
}  // namespace caisson::link
