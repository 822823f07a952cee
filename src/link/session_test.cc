// SPDX-License-Identifier: Apache-2.0

// Two of our sessions talk to each other.

#include "link/session.h"

#include <gtest/gtest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <csignal>

#include "link/link_for_test.h"

namespace caisson::link {
namespace {

Task send_all(StreamPtr stream, std::vector<uint8_t> bytes) {
  co_await stream->write(bytes);
  co_await stream->close_write();
}

asio::awaitable<std::vector<uint8_t>> receive_all(StreamPtr stream) {
  std::vector<uint8_t> all;
  std::vector<uint8_t> buffer(100'000);
  while (const size_t got = co_await stream->read_some(buffer))
    all.insert(all.end(), buffer.begin(), buffer.begin() + got);
  co_return all;
}

Task echo(StreamPtr stream) {
  std::vector<uint8_t> buffer(64U << 10);
  while (const size_t got = co_await stream->read_some(buffer)) co_await stream->write(std::span(buffer).first(got));
  co_await stream->close_write();
}

Task echo_everything(Session* session, Loop* loop) {
  try {
    while (true) loop->spawn(echo(co_await session->accept()));
  } catch (const base::Error&) {
  }
}

TEST(Session, BytesAndTheEndPassInBothDirections) {
  Loop loop;
  SessionPair pair(loop);
  const auto there = pattern(1'000'000, 1);
  const auto back = pattern(700'001, 2);
  loop.run({[&]() -> Task {
              StreamPtr stream = co_await pair.a.session.open();
              EXPECT_EQ(stream->id(), 1U);
              co_await send_all(stream, there);
              const auto got = co_await receive_all(stream);
              EXPECT_EQ(got, back);
            },
            [&]() -> Task {
              StreamPtr stream = co_await pair.b.session.accept();
              const auto got = co_await receive_all(stream);
              EXPECT_EQ(got, there);
              co_await send_all(stream, back);  // the half that is still open
            }});
  loop.settle();
  EXPECT_EQ(pair.a.session.stream_count(), 0U);
  EXPECT_EQ(pair.b.session.stream_count(), 0U);
  EXPECT_EQ(pair.a.session.buffered_bytes(), 0U);
}

TEST(Session, BothEndsOpenStreams) {
  Loop loop;
  SessionPair pair(loop);
  loop.spawn(echo_everything(&pair.a.session, &loop));
  loop.spawn(echo_everything(&pair.b.session, &loop));
  const auto ask = [](Session* session, uint32_t first_id) -> Task {
    for (uint32_t i = 0; i < 3; ++i) {
      StreamPtr stream = co_await session->open();
      EXPECT_EQ(stream->id(), first_id + 2 * i);
      const auto sent = pattern(1000, i);
      co_await send_all(stream, sent);
      const auto got = co_await receive_all(stream);
      EXPECT_EQ(got, sent);
    }
  };
  loop.run({[&] { return ask(&pair.a.session, 1); }, [&] { return ask(&pair.b.session, 2); }});
}

TEST(Session, SixtyFourMebibytesComeBackUnchangedWithSmallAndLargeWindows) {
  for (const uint32_t window : {0U, 4U << 20}) {
    Loop loop;
    Limits limits;
    limits.window_bytes = window;
    SessionPair pair(loop, limits);
    loop.spawn(echo_everything(&pair.b.session, &loop));
    const auto block = pattern(1U << 20);
    constexpr int kBlocks = 64;
    StreamPtr stream;
    loop.run({[&]() -> Task { stream = co_await pair.a.session.open(); }});
    loop.run({[&]() -> Task {
                for (int i = 0; i < kBlocks; ++i) co_await stream->write(block);
                co_await stream->close_write();
              },
              [&]() -> Task {
                std::vector<uint8_t> got(block.size());
                for (int i = 0; i < kBlocks; ++i) {
                  co_await stream->read_exact(got);
                  if (got != block) ADD_FAILURE() << "block " << i << " differs";
                }
                const size_t end = co_await stream->read_some(got);
                EXPECT_EQ(end, 0U);
              }});
  }
}

TEST(Session, ThousandsOfStreamsAtOnce) {
  Loop loop;
  SessionPair pair(loop);
  loop.spawn(echo_everything(&pair.b.session, &loop));
  std::vector<std::function<Task()>> tasks;
  for (uint32_t i = 0; i < 3000; ++i) {
    tasks.emplace_back([&pair, i]() -> Task {
      StreamPtr stream = co_await pair.a.session.open();
      const auto sent = pattern(100 + i, i);
      co_await send_all(stream, sent);
      const auto got = co_await receive_all(stream);
      if (got != sent) ADD_FAILURE() << "stream " << stream->id() << " differs";
    });
  }
  loop.run(std::move(tasks));
  loop.settle();
  EXPECT_EQ(pair.a.session.stream_count(), 0U);
  EXPECT_EQ(pair.b.session.stream_count(), 0U);
}

TEST(Session, AReaderThatDoesNotReadStopsTheWriterAndNobodyElse) {
  Loop loop;
  SessionPair pair(loop);
  const auto much = pattern(8U << 20);
  StreamPtr stuck;
  StreamPtr stuck_reader;
  bool written = false;
  loop.run({[&]() -> Task { stuck = co_await pair.a.session.open(); },
            [&]() -> Task { stuck_reader = co_await pair.b.session.accept(); }});
  const auto write_much = [&]() -> Task {
    co_await stuck->write(much);
    written = true;
  };
  loop.spawn(write_much());
  loop.run({[&]() -> Task {
              StreamPtr stream = co_await pair.a.session.open();
              co_await send_all(stream, much);
            },
            [&]() -> Task {
              StreamPtr stream = co_await pair.b.session.accept();
              const auto got = co_await receive_all(stream);
              EXPECT_EQ(got, much);
            }});
  loop.settle();
  EXPECT_FALSE(written);
  EXPECT_LE(pair.b.session.buffered_bytes(), size_t{256} << 10);
  std::vector<uint8_t> got(much.size());
  loop.run({[&]() -> Task { co_await stuck_reader->read_exact(got); }});
  loop.settle();
  EXPECT_TRUE(written);
  EXPECT_EQ(got, much);
}

TEST(Session, AResetIsSeenByBothEnds) {
  Loop loop;
  SessionPair pair(loop);
  loop.run({[&]() -> Task {
              StreamPtr stream = co_await pair.a.session.open();
              std::vector<uint8_t> one(1);
              co_await stream->write(one);
              const std::string seen = co_await error_of([&]() -> Task { co_await stream->read_exact(one); });
              EXPECT_EQ(seen, "the other end of the link reset the stream");
              const std::string later = co_await error_of([&]() -> Task { co_await stream->write(one); });
              EXPECT_EQ(later, "the other end of the link reset the stream");
            },
            [&]() -> Task {
              StreamPtr stream = co_await pair.b.session.accept();
              std::vector<uint8_t> two(2);
              co_await stream->read_some(two);
              stream->reset();
              stream->reset();
              const std::string seen = co_await error_of([&]() -> Task { co_await stream->read_exact(two); });
              EXPECT_EQ(seen, "the stream of the link was reset");
            }});
  loop.settle();
  EXPECT_EQ(pair.a.session.stream_count(), 0U);
  EXPECT_EQ(pair.b.session.stream_count(), 0U);
}

TEST(Session, WhoWaitsForSomethingElseIsToldOnceThatAStreamIsBroken) {
  Loop loop;
  SessionPair pair(loop);
  std::vector<int> told(4);
  loop.run({[&]() -> Task {
    std::vector<StreamPtr> here;
    std::vector<StreamPtr> there;
    for (int i = 0; i < 3; ++i) {
      here.push_back(co_await pair.a.session.open());
      there.push_back(co_await pair.b.session.accept());
      here.back()->on_broken([&told, i] { ++told[static_cast<size_t>(i)]; });
    }
    here[0]->reset();
    here[0]->reset();
    EXPECT_EQ(told, (std::vector<int>{1, 0, 0, 0}));
    there[1]->reset();
    while (told[1] == 0) co_await asio::post(loop.executor(), asio::use_awaitable);
    pair.a.session.close();
    EXPECT_EQ(told, (std::vector<int>{1, 1, 1, 0}));
    here[2]->on_broken([&] { ++told[3]; });
    EXPECT_EQ(told, (std::vector<int>{1, 1, 1, 1}));
  }});
}

TEST(Session, WhatWasSentBeforeAResetIsStillRead) {
  Loop loop;
  SessionPair pair(loop);
  const auto last_words = pattern(1000);
  StreamPtr marker;
  loop.run({[&]() -> Task {
              StreamPtr ended = co_await pair.a.session.open();
              StreamPtr dropped = co_await pair.a.session.open();
              marker = co_await pair.a.session.accept();  // everything of the other end is here now
              const auto whole = co_await receive_all(ended);
              EXPECT_EQ(whole, last_words);
              std::vector<uint8_t> got(last_words.size());
              co_await dropped->read_exact(got);
              EXPECT_EQ(got, last_words);
              const std::string end = co_await error_of([&]() -> Task { co_await dropped->read_exact(got); });
              EXPECT_EQ(end, "the other end of the link reset the stream");
              marker.reset();
            },
            [&]() -> Task {
              StreamPtr ended = co_await pair.b.session.accept();
              StreamPtr dropped = co_await pair.b.session.accept();
              co_await send_all(ended, last_words);
              co_await dropped->write(last_words);
              ended.reset();
              dropped.reset();
              StreamPtr last = co_await pair.b.session.open();
              std::vector<uint8_t> one(1);
              co_await error_of([&]() -> Task { co_await last->read_exact(one); });
            }});
}

TEST(Session, TheEndOfASessionWakesEverybody) {
  Loop loop;
  SessionPair pair(loop);
  StreamPtr reading;
  StreamPtr writing;
  loop.run({[&]() -> Task {
    reading = co_await pair.a.session.open();
    writing = co_await pair.a.session.open();
  }});
  std::vector<std::string> ends;
  const auto watch = [&](std::function<Task()> call) -> Task { ends.push_back(co_await error_of(call)); };
  std::vector<uint8_t> one(1);
  const auto much = pattern(1U << 20);
  loop.run({[&] { return watch([&]() -> Task { co_await reading->read_exact(one); }); },
            [&] { return watch([&]() -> Task { co_await writing->write(much); }); },
            [&] { return watch([&]() -> Task { co_await pair.a.session.accept(); }); },
            [&]() -> Task {
              StreamPtr kept = co_await pair.b.session.accept();
              pair.b.session.close();
            }});
  loop.settle();
  EXPECT_EQ(ends, std::vector<std::string>(3, "the link was closed"));
  EXPECT_TRUE(pair.a.returned && pair.b.returned);
  EXPECT_EQ(pair.a.reason, "");
  EXPECT_EQ(pair.b.reason, "");
  EXPECT_TRUE(pair.a.session.ended());
  loop.run({[&] { return watch([&]() -> Task { co_await pair.a.session.open(); }); }});
  EXPECT_EQ(ends.back(), "the link was closed");
}

TEST(Session, WhatWasWrittenBeforeCloseArrives) {
  Loop loop;
  SessionPair pair(loop);
  const auto much = pattern(250'000);
  loop.run({[&]() -> Task {
              StreamPtr stream = co_await pair.a.session.open();
              co_await stream->write(much);
              pair.a.session.close();
            },
            [&]() -> Task {
              StreamPtr stream = co_await pair.b.session.accept();
              std::vector<uint8_t> got(much.size());
              co_await stream->read_exact(got);
              EXPECT_EQ(got, much);
            }});
}

TEST(Session, WhatCameBeforeTheOtherEndWentStaysReadable) {
  Loop loop;
  SessionPair pair(loop);
  StreamPtr stream;
  const auto last_words = pattern(1000);
  loop.run({[&]() -> Task {
              StreamPtr own = co_await pair.a.session.open();
              co_await own->write(last_words);
              pair.a.session.close();
            },
            [&]() -> Task { stream = co_await pair.b.session.accept(); }});
  loop.settle();
  EXPECT_TRUE(pair.b.session.ended());
  loop.run({[&]() -> Task {
    std::vector<uint8_t> got(last_words.size());
    co_await stream->read_exact(got);
    EXPECT_EQ(got, last_words);
    const std::string end = co_await error_of([&]() -> Task { co_await stream->read_exact(got); });
    EXPECT_EQ(end, "the link was closed");
  }});
}

TEST(Session, OpeningBeyondTheLimitThrows) {
  Loop loop;
  Limits limits;
  limits.max_streams = 3;
  SessionPair pair(loop, limits);
  loop.run({[&]() -> Task {
    std::vector<StreamPtr> streams;
    for (int i = 0; i < 3; ++i) streams.push_back(co_await pair.a.session.open());
    const std::string refused = co_await error_of([&]() -> Task { co_await pair.a.session.open(); });
    EXPECT_EQ(refused, "cannot open a stream on the link: 3 are open already");
    streams.pop_back();
    co_await pair.a.session.open();
  }});
}

TEST(Session, OpeningWaitsForAcknowledgements) {
  Loop loop;
  Limits limits;
  limits.max_unacknowledged = 4;
  SessionPair pair(loop, limits);
  std::vector<StreamPtr> opened;
  const auto open_ten = [&]() -> Task {
    for (int i = 0; i < 10; ++i) opened.push_back(co_await pair.a.session.open());
  };
  loop.spawn(open_ten());
  loop.settle();
  EXPECT_EQ(opened.size(), 4U);
  std::vector<StreamPtr> accepted;
  loop.run({[&]() -> Task {
    for (int i = 0; i < 10; ++i) accepted.push_back(co_await pair.b.session.accept());
  }});
  EXPECT_EQ(opened.size(), 10U);
}

TEST(Session, AWriteThatWasGivenUpLeavesTheStreamUsable) {
  Loop loop;
  SessionPair pair(loop);
  StreamPtr stream;
  StreamPtr other;
  loop.run({[&]() -> Task { stream = co_await pair.a.session.open(); },
            [&]() -> Task { other = co_await pair.b.session.accept(); }});
  asio::cancellation_signal cancel;
  bool cancelled = false;
  {
    auto much = std::make_unique<std::vector<uint8_t>>(4U << 20);
    asio::co_spawn(
        loop.context(), stream->write(*much),
        asio::bind_cancellation_slot(cancel.slot(), [&](std::exception_ptr e) { cancelled = e != nullptr; }));
    loop.settle();
    cancel.emit(asio::cancellation_type::all);
    cancel.emit(asio::cancellation_type::all);
    loop.settle();
  }
  EXPECT_TRUE(cancelled);
  std::vector<uint8_t> buffer(1U << 20);
  loop.run({[&]() -> Task {
              const std::vector<uint8_t> mark(3, 7);
              co_await send_all(stream, mark);
            },
            [&]() -> Task {
              const auto got = co_await receive_all(other);
              EXPECT_EQ(got.size(), (size_t{256} << 10) + 3);
              EXPECT_EQ(got.back(), 7);
            }});
}

TEST(Session, ASecondSessionFollowsOnTheSameDescriptorsWithoutLosingAByte) {
  Loop loop;
  base::FdPair ends = base::make_socketpair();
  // Everything that one end has to say in two sessions lies in the socket before the other end begins to read.
  const auto say = [&](uint8_t what) {
    RunningSession session(loop, ends.first.duplicate(), Role::kClient);
    loop.run({[&]() -> Task {
      StreamPtr stream = co_await session.session.open();
      co_await send_all(stream, std::vector<uint8_t>(5, what));
    }});
    session.session.close();
    loop.settle();
  };
  say(1);
  say(2);
  for (const uint8_t expected : {1, 2}) {
    RunningSession session(loop, ends.second.duplicate(), Role::kServer);
    StreamPtr stream;
    loop.run({[&]() -> Task { stream = co_await session.session.accept(); }});
    loop.settle();
    EXPECT_TRUE(session.returned);
    EXPECT_EQ(session.reason, "");
    loop.run({[&]() -> Task {
      const auto got = co_await receive_all(stream);
      EXPECT_EQ(got, std::vector<uint8_t>(5, expected));
    }});
  }
}

TEST(Session, RunsOverPipes) {
  std::signal(SIGPIPE, SIG_IGN);
  Loop loop;
  base::FdPair there = base::make_pipe();
  base::FdPair back = base::make_pipe();
  Session a(loop.executor(), pipe_transport(loop.executor(), std::move(back.first), std::move(there.second)),
            Role::kClient);
  Session b(loop.executor(), pipe_transport(loop.executor(), std::move(there.first), std::move(back.second)),
            Role::kServer);
  const auto run = [](Session* session) -> Task { co_await session->run(); };
  loop.spawn(run(&a));
  loop.spawn(run(&b));
  loop.spawn(echo_everything(&b, &loop));
  const auto sent = pattern(3'000'000);
  StreamPtr stream;
  loop.run({[&]() -> Task { stream = co_await a.open(); }});
  loop.run({[&] { return send_all(stream, sent); },
            [&]() -> Task {
              const auto got = co_await receive_all(stream);
              EXPECT_EQ(got, sent);
            }});
}

}  // namespace
}  // namespace caisson::link
