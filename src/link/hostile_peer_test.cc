// SPDX-License-Identifier: Apache-2.0

// What a session does to an other end that breaks the rules, frame by frame: the reason is exact, the process lives,
// memory is bounded; and what looks wrong but is not is tolerated.

#include <gtest/gtest.h>
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "link/link_for_test.h"

namespace caisson::link {
namespace {

constexpr uint32_t kWindow = kInitialWindowBytes;

// The raw other end of a session: the session under test is the server, so that this end's stream ids are odd.
class Hostile {
 public:
  explicit Hostile(Limits limits = {}) : Hostile(base::make_socketpair(), limits) {}

  void send(Frame frame, size_t payload = 0) {
    std::vector<uint8_t> bytes(kFrameHeaderBytes + payload, 'x');
    encode_frame(frame, std::span<uint8_t, kFrameHeaderBytes>(bytes.data(), kFrameHeaderBytes));
    send_bytes(bytes);
  }
  void data(uint32_t stream, uint16_t flags, uint32_t length) {
    send({.type = FrameType::kData, .flags = flags, .stream = stream, .length = length}, length);
  }
  void update(uint32_t stream, uint16_t flags, uint32_t length = 0) {
    send({.type = FrameType::kWindowUpdate, .flags = flags, .stream = stream, .length = length});
  }
  void send_bytes(const std::vector<uint8_t>& bytes) {
    Transport* transport = transport_.get();
    loop_.run({[transport, &bytes]() -> Task { co_await transport->write_all(bytes); }});
  }
  // The other end closes its side of the byte stream.
  void go() {
    transport_->close();
    raw_.reset();
  }
  size_t send_what_is_taken(const std::vector<uint8_t>& bytes) {
    const iovec part{const_cast<uint8_t*>(bytes.data()), bytes.size()};
    return transport_->try_write(std::span(&part, 1));
  }

  // Everything that the session has sent until now, as frames (without payload).
  std::vector<Frame> received() {
    loop_.settle();
    std::array<uint8_t, 65536> buffer;
    for (ssize_t got; (got = ::read(raw_.get(), buffer.data(), buffer.size())) > 0;)
      unread_.insert(unread_.end(), buffer.begin(), buffer.begin() + got);
    std::vector<Frame> frames;
    size_t at = 0;
    while (unread_.size() - at >= kFrameHeaderBytes) {
      const Frame frame = decode_frame(std::span<const uint8_t, kFrameHeaderBytes>(&unread_[at], kFrameHeaderBytes));
      const size_t size = kFrameHeaderBytes + (frame.type == FrameType::kData ? frame.length : 0);
      if (unread_.size() - at < size) break;
      frames.push_back(frame);
      at += size;
    }
    unread_.erase(unread_.begin(), unread_.begin() + static_cast<std::ptrdiff_t>(at));
    return frames;
  }
  // Why the session ended; fails the test where it goes on.
  std::string reason() {
    loop_.settle();
    EXPECT_TRUE(under_test_.returned) << "the session goes on";
    return under_test_.reason;
  }
  bool goes_on() {
    loop_.settle();
    return !under_test_.session.ended();
  }
  StreamPtr accept() {
    StreamPtr stream;
    loop_.run({[&]() -> Task { stream = co_await under_test_.session.accept(); }});
    return stream;
  }
  Session& session() { return under_test_.session; }
  Loop& loop() { return loop_; }

 private:
  Hostile(base::FdPair ends, Limits limits)
      : raw_(ends.first.duplicate()),
        transport_(descriptor_transport(loop_.executor(), std::move(ends.first))),
        under_test_(loop_, std::move(ends.second), Role::kServer, limits) {}

  Loop loop_;
  base::Fd raw_;
  std::vector<uint8_t> unread_;
  std::unique_ptr<Transport> transport_;
  RunningSession under_test_;
};

TEST(HostilePeer, SpeaksAnotherVersion) {
  Hostile peer;
  peer.send_bytes({9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
  EXPECT_EQ(peer.reason(), "a frame of yamux version 9 instead of version 0");
  const auto farewell = peer.received();
  ASSERT_EQ(farewell.size(), 1U);
  EXPECT_EQ(farewell[0].type, FrameType::kGoAway);
  EXPECT_EQ(farewell[0].length, 1U);  // protocol error
}

TEST(HostilePeer, SpeaksHttp) {
  Hostile peer;
  const std::string text = "GET / HTTP/1.1\r\n\r\n";
  peer.send_bytes({text.begin(), text.end()});
  EXPECT_EQ(peer.reason(), "a frame of yamux version 71 instead of version 0");
}

TEST(HostilePeer, SendsAnUnknownType) {
  Hostile peer;
  peer.send_bytes({0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
  EXPECT_EQ(peer.reason(), "a frame of the unknown type 7");
}

TEST(HostilePeer, OpensStreamsWithIdsOfOurs) {
  Hostile peer;
  peer.update(2, kSyn);
  EXPECT_EQ(peer.reason(), "a SYN on stream 2, an id of this end");
}

TEST(HostilePeer, OpensAStreamTwice) {
  Hostile peer;
  peer.update(1, kSyn);
  peer.update(1, kSyn);
  EXPECT_EQ(peer.reason(), "a second SYN on stream 1");
}

TEST(HostilePeer, SpeaksOfStreamsThatNeverWere) {
  {
    Hostile peer;
    peer.data(5, 0, 10);
    EXPECT_EQ(peer.reason(), "a frame on stream 5, which was never opened");
  }
  Hostile peer;
  peer.update(4, kFin);
  EXPECT_EQ(peer.reason(), "a frame on stream 4, which was never opened");
}

TEST(HostilePeer, AcknowledgesItsOwnStream) {
  Hostile peer;
  peer.update(1, kSyn | kAck);
  EXPECT_EQ(peer.reason(), "an ACK on stream 1, which was not opened here");
}

TEST(HostilePeer, OverrunsTheWindow) {
  Hostile peer;
  peer.data(1, kSyn, kWindow);
  EXPECT_TRUE(peer.goes_on());
  peer.data(1, 0, 1);
  EXPECT_EQ(peer.reason(), "a data frame of 1 bytes on stream 1, over the window of 0");
}

TEST(HostilePeer, OverrunsTheWindowInOneFrame) {
  Hostile peer;
  peer.send({.type = FrameType::kData, .flags = kSyn, .stream = 1, .length = kWindow + 1});
  EXPECT_EQ(peer.reason(), "a data frame of 262145 bytes on stream 1, over the window of 262144");
}

TEST(HostilePeer, TakesAGrantedWindowOnlyOnce) {
  Hostile peer;
  peer.data(1, kSyn, kWindow);
  const StreamPtr stream = peer.accept();
  std::vector<uint8_t> half(kWindow / 2);
  peer.loop().run({[&]() -> Task { co_await stream->read_exact(half); }});
  const auto updates = peer.received();
  ASSERT_EQ(updates.size(), 2U);
  EXPECT_TRUE(updates[0].has(kAck));
  EXPECT_EQ(updates[0].length, 0U);
  EXPECT_EQ(updates[1].length, kWindow / 2);
  peer.data(1, 0, kWindow / 2);
  EXPECT_TRUE(peer.goes_on());
  EXPECT_EQ(peer.session().buffered_bytes(), kWindow);
  peer.data(1, 0, 1);
  EXPECT_EQ(peer.reason(), "a data frame of 1 bytes on stream 1, over the window of 0");
}

TEST(HostilePeer, PromisesAHugeFrame) {
  Limits limits;
  limits.window_bytes = 4U << 20;
  Hostile peer(limits);
  peer.update(1, kSyn);
  const StreamPtr stream = peer.accept();
  peer.send({.type = FrameType::kData, .flags = 0, .stream = 1, .length = (1U << 20) + 1});
  EXPECT_EQ(peer.reason(), "a data frame of 1048577 bytes on stream 1, over the bound of 1048576");
}

TEST(HostilePeer, PromisesAHugeFrameToAStreamThatIsGone) {
  Hostile peer;
  peer.update(1, kSyn);
  peer.accept()->reset();
  peer.send({.type = FrameType::kData, .flags = 0, .stream = 1, .length = UINT32_MAX});
  EXPECT_EQ(peer.reason(), "a data frame of 4294967295 bytes on stream 1, over the bound of 1048576");
}

TEST(HostilePeer, GrantsMoreThanAWindowCanHold) {
  Hostile peer;
  peer.update(1, kSyn);
  peer.update(1, 0, UINT32_MAX - kWindow);
  EXPECT_TRUE(peer.goes_on());
  peer.update(1, 0, 1);
  EXPECT_EQ(peer.reason(), "a window of over 4 GiB on stream 1");
}

TEST(HostilePeer, GoesOnAfterItsFin) {
  Hostile peer;
  peer.data(1, kSyn | kFin, 10);
  EXPECT_TRUE(peer.goes_on());
  peer.data(1, 0, 1);
  EXPECT_EQ(peer.reason(), "data after the FIN on stream 1");
}

TEST(HostilePeer, OpensTooManyStreams) {
  Limits limits;
  limits.max_streams = 3;
  Hostile peer(limits);
  for (const uint32_t id : {1, 3, 5}) peer.update(id, kSyn);
  EXPECT_TRUE(peer.goes_on());
  peer.update(3, kRst);
  peer.update(7, kSyn);
  EXPECT_TRUE(peer.goes_on());
  peer.update(9, kSyn);
  EXPECT_EQ(peer.reason(), "more than 3 streams at once");
}

TEST(HostilePeer, OpensMoreThanAreAccepted) {
  Limits limits;
  limits.max_waiting_accepts = 2;
  Hostile peer(limits);
  for (const uint32_t id : {1, 3, 5}) peer.data(id, kSyn, 100);
  peer.data(5, 0, 100);  // it cannot know yet
  const auto answers = peer.received();
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_TRUE(answers[0].has(kRst));
  EXPECT_EQ(answers[0].stream, 5U);
  EXPECT_TRUE(peer.goes_on());
  EXPECT_EQ(peer.session().stream_count(), 2U);
  EXPECT_EQ(peer.session().buffered_bytes(), 200U);
}

// All that this process has from malloc(3).
size_t allocated_bytes() {
  const struct mallinfo2 info = ::mallinfo2();
  return info.uordblks + info.hblkhd;
}
// A frame on its way, the streams' own objects.
constexpr size_t kOfTheTest = 2U << 20;

TEST(HostilePeer, FillsStreamsOfWhichAllButAByteIsRead) {
  constexpr size_t kLimit = 8U << 20;
  Limits limits;
  limits.max_buffered_bytes = kLimit;
  Hostile peer(limits);
  const size_t before = allocated_bytes();
  std::vector<StreamPtr> streams;
  std::vector<uint8_t> most(kWindow - 1);
  for (uint32_t i = 0; i < 200; ++i) {
    peer.data(2 * i + 1, kSyn, kWindow);
    streams.push_back(peer.accept());
    peer.loop().run({[&]() -> Task { co_await streams.back()->read_exact(most); }});
    ASSERT_LE(allocated_bytes(), before + kLimit + kOfTheTest) << i;
  }
  // None was reset: 200 windows would be 50 MiB, 200 bytes are next to nothing.
  EXPECT_EQ(peer.session().stream_count(), 200U);
  EXPECT_EQ(peer.session().buffered_bytes(), 200U);
}

TEST(HostilePeer, FillsStreamsThatNobodyReads) {
  constexpr size_t kLimit = 8U << 20;
  Limits limits;
  limits.max_buffered_bytes = kLimit;
  Hostile peer(limits);
  const size_t before = allocated_bytes();
  for (uint32_t i = 0; i < 200; ++i) {
    peer.data(2 * i + 1, kSyn, kWindow / 2);
    peer.data(2 * i + 1, 0, kWindow / 2);
    peer.loop().settle();
    ASSERT_LE(allocated_bytes(), before + kLimit + kOfTheTest) << i;
  }
  EXPECT_TRUE(peer.goes_on());
  // Half of the memory is in use at least; the other streams were reset, each with its reason.
  EXPECT_GE(peer.session().buffered_bytes(), kLimit / 3);
  EXPECT_LT(peer.session().stream_count(), 40U);
}

TEST(HostilePeer, FloodsPingsAndReadsNothing) {
  Hostile peer;
  Frame ping{.type = FrameType::kPing, .flags = kSyn, .stream = 0, .length = 1};
  std::vector<uint8_t> block(kFrameHeaderBytes * 4096);
  for (size_t i = 0; i < block.size(); i += kFrameHeaderBytes)
    encode_frame(ping, std::span<uint8_t, kFrameHeaderBytes>(block.data() + i, kFrameHeaderBytes));
  // Written until nothing is taken any more: what lies in the sockets and one bounded queue.
  size_t taken = 0;
  for (size_t last = 1; last > 0; taken += last) {
    last = peer.send_what_is_taken(block);
    peer.loop().settle();
    ASSERT_LT(taken, size_t{16} << 20) << "the session takes pings without an end";
  }
  EXPECT_GT(taken, size_t{64} << 10);
  EXPECT_TRUE(peer.goes_on());
  // As soon as the answers are read, it is listened to again.
  size_t answered = 0;
  while (const size_t more = peer.received().size()) answered += more;
  EXPECT_EQ(answered, taken / kFrameHeaderBytes);
  EXPECT_GT(peer.send_what_is_taken(block), 0U);
}

TEST(HostilePeer, EndsInsideAHeader) {
  Hostile peer;
  peer.send_bytes({0, 0, 0});
  peer.go();
  EXPECT_EQ(peer.reason(), "the byte stream ended inside a frame");
}

TEST(HostilePeer, EndsInsideAPayload) {
  Hostile peer;
  peer.send({.type = FrameType::kData, .flags = kSyn, .stream = 1, .length = 100}, 50);
  EXPECT_TRUE(peer.goes_on());
  EXPECT_EQ(peer.session().buffered_bytes(), 50U);
  peer.go();
  EXPECT_EQ(peer.reason(), "the byte stream ended inside a frame");
  EXPECT_EQ(peer.session().buffered_bytes(), 0U);
}

TEST(WellBehavedPeer, MayJustHangUp) {
  Hostile peer;
  peer.data(1, kSyn, 100);
  peer.go();
  EXPECT_EQ(peer.reason(), "");
}

TEST(HostilePeer, SaysGoAway) {
  const auto reason_of = [](uint32_t code) {
    Hostile peer;
    peer.send({.type = FrameType::kGoAway, .flags = 0, .stream = 0, .length = code});
    return peer.reason();
  };
  EXPECT_EQ(reason_of(0), "");
  EXPECT_EQ(reason_of(1), "the other end reports a protocol error");
  EXPECT_EQ(reason_of(2), "the other end reports an internal error");
  EXPECT_EQ(reason_of(3), "a GoAway with the unknown code 3");
}

TEST(WellBehavedPeer, IsAnsweredAPing) {
  Hostile peer;
  peer.send({.type = FrameType::kPing, .flags = kSyn, .stream = 0, .length = 0xdeadbeef});
  peer.send({.type = FrameType::kPing, .flags = kAck, .stream = 0, .length = 5});  // to a question nobody asked
  const auto answers = peer.received();
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers[0].type, FrameType::kPing);
  EXPECT_EQ(answers[0].flags, kAck);
  EXPECT_EQ(answers[0].length, 0xdeadbeefU);
}

TEST(WellBehavedPeer, MaySpeakOfAStreamThatWasResetUnderWay) {
  Hostile peer;
  peer.data(1, kSyn, 10);
  peer.accept()->reset();
  peer.data(1, 0, 200'000);
  peer.data(1, 0, 200'000);  // more than a window in all: frames to nobody cost nobody a window
  peer.update(1, 0, 5);
  peer.update(1, kFin);
  peer.update(1, kRst);
  EXPECT_TRUE(peer.goes_on());
  EXPECT_EQ(peer.session().stream_count(), 0U);
  EXPECT_EQ(peer.session().buffered_bytes(), 0U);
}

TEST(WellBehavedPeer, MayOpenStreamsInAnyOrder) {
  Hostile peer;
  for (const uint32_t id : {5, 1, 3}) peer.data(id, kSyn, 1);
  for (const uint32_t id : {5U, 1U, 3U}) EXPECT_EQ(peer.accept()->id(), id);
  EXPECT_TRUE(peer.goes_on());
}

TEST(WellBehavedPeer, MaySetEveryFlagOnADataFrame) {
  Hostile peer;
  peer.data(1, kSyn | kFin, 3);
  const StreamPtr stream = peer.accept();
  peer.loop().run({[&]() -> Task {
    std::vector<uint8_t> got(10);
    const size_t size = co_await stream->read_some(got);
    EXPECT_EQ(size, 3U);
    const size_t end = co_await stream->read_some(got);
    EXPECT_EQ(end, 0U);
  }});
}

TEST(WellBehavedPeer, GetsTheFramesOfBusyStreamsInTurns) {
  const std::vector<uint8_t> much(2U << 20);
  Hostile peer;
  std::vector<StreamPtr> streams;
  for (const uint32_t id : {2U, 4U}) {
    peer.loop().run({[&]() -> Task { streams.push_back(co_await peer.session().open()); }});
    peer.loop().settle();
    peer.update(id, kAck, 4U << 20);
    peer.loop().spawn(streams.back()->write(much));
  }
  // The first fills the socket before the second begins; from then on they take turns until the first is finished.
  std::vector<Frame> data;
  for (auto some = peer.received(); !some.empty(); some = peer.received())
    std::ranges::copy_if(some, std::back_inserter(data),
                         [](const Frame& frame) { return frame.type == FrameType::kData; });
  const auto first_of_4 = std::ranges::find(data, 4U, &Frame::stream);
  const auto last_of_2 = std::find_if(data.rbegin(), data.rend(), [](const Frame& frame) { return frame.stream == 2; });
  ASSERT_LT(first_of_4, last_of_2.base());
  EXPECT_GT(std::distance(first_of_4, last_of_2.base()), 50);
  for (auto frame = first_of_4; frame + 1 < last_of_2.base(); ++frame) EXPECT_NE(frame->stream, (frame + 1)->stream);
}

TEST(WellBehavedPeer, GetsAWindowThatIsRaisedAtOnce) {
  Limits limits;
  limits.window_bytes = 1U << 20;
  Hostile peer(limits);
  peer.update(1, kSyn);
  const StreamPtr stream = peer.accept();
  StreamPtr own;
  peer.loop().run({[&]() -> Task { own = co_await peer.session().open(); }});
  const auto frames = peer.received();
  ASSERT_EQ(frames.size(), 2U);
  EXPECT_EQ(frames[0].flags, kAck);
  EXPECT_EQ(frames[0].length, (1U << 20) - kWindow);
  EXPECT_EQ(frames[1].flags, kSyn);
  EXPECT_EQ(frames[1].stream, 2U);
  EXPECT_EQ(frames[1].length, (1U << 20) - kWindow);
}

}  // namespace
}  // namespace caisson::link
