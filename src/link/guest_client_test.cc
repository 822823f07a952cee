// SPDX-License-Identifier: Apache-2.0

// The host's view of init, and the messages below it, against an init that this file plays.

#include "link/guest_client.h"

#include <gtest/gtest.h>

#include <chrono>
#include <optional>

#include "link/link_for_test.h"

namespace caisson::link {
namespace {

using base::Json;
using Talk = std::vector<std::pair<Json, Json>>;

struct Pair {
  explicit Pair(Loop& loop) : Pair(loop, base::make_socketpair()) {}
  Pair(Loop& loop, base::FdPair ends)
      : init(loop, std::move(ends.second), Role::kServer),
        client(std::make_unique<GuestClient>(loop.executor(),
                                             descriptor_transport(loop.executor(), std::move(ends.first)),
                                             [this](std::string reason) { end = std::move(reason); })) {}
  std::optional<std::string> end;
  RunningSession init;
  std::unique_ptr<GuestClient> client;
};

// Accepts a stream, checks that its first message is `first`, and answers the messages behind it.
asio::awaitable<StreamPtr> serve(Session* session, Json first, Talk talk) {
  StreamPtr stream = co_await session->accept();
  const Json got = co_await read_message(*stream);
  EXPECT_EQ(got, first);
  for (const auto& [request, answer] : talk) {
    const Json asked = co_await read_message(*stream);
    EXPECT_EQ(asked, request);
    co_await write_message(*stream, answer);
  }
  co_return stream;
}

const Json kControl{{"service", "control"}};

Task write_raw(Stream& stream, std::string bytes) {
  co_await stream.write(std::span(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()));
}

std::string exec_frame(ExecFrame type, const std::string& payload) {
  std::array<uint8_t, kExecHeaderBytes> header;
  encode_exec_header({.type = type, .length = static_cast<uint32_t>(payload.size())}, header);
  return std::string(header.begin(), header.end()) + payload;
}

class OutOfMemory final : public Transport {
 public:
  asio::awaitable<size_t> read_some(std::span<uint8_t>) override {
    throw std::bad_alloc();
    co_return 0;
  }
  asio::awaitable<void> write_all(std::span<const uint8_t>) override { co_return; }
  void close() override {}
};

// The sandbox would read as running for ever.
TEST(GuestClient, ItsOwnFailureIsAnEndToo) {
  Loop loop;
  std::optional<std::string> end;
  GuestClient client(loop.executor(), std::make_unique<OutOfMemory>(),
                     [&](std::string reason) { end = std::move(reason); });
  loop.settle();
  EXPECT_EQ(end, "this end failed: std::bad_alloc");
  EXPECT_TRUE(client.session().ended());
}

TEST(GuestClient, WhatTheGuestOpensIsReset) {
  Loop loop;
  Pair pair(loop);
  loop.run({[&]() -> Task {
    for (int i = 0; i < 1000; ++i) {
      const StreamPtr stream = co_await pair.init.session.open();
      const std::string error = co_await error_of([&]() -> Task {
        std::array<uint8_t, 1> byte{};
        co_await stream->read_some(byte);
      });
      EXPECT_EQ(error, "the other end of the link reset the stream");
    }
  }});
  EXPECT_EQ(pair.client->session().stream_count(), 0U);
  EXPECT_EQ(pair.client->session().buffered_bytes(), 0U);
  EXPECT_FALSE(pair.end) << *pair.end;
}

TEST(Message, HasALengthAndBounds) {
  Loop loop;
  SessionPair pair(loop);
  loop.run({[&]() -> Task {
              StreamPtr stream = co_await pair.a.session.open();
              const Json message{{"a", 1}};
              co_await write_message(*stream, message);
              const Json large{{"a", std::string(kMaxMessageBytes, 'x')}};
              std::string error = co_await error_of([&]() -> Task { co_await write_message(*stream, large); });
              EXPECT_EQ(error, "cannot send a message of 1048584 bytes on the link: the bound is 1048576");
              const Json not_text{{"a", "\xff"}};
              error = co_await error_of([&]() -> Task { co_await write_message(*stream, not_text); });
              EXPECT_EQ(error, "cannot send a message on the link: a string in it is not UTF-8");
              for (const std::string& bytes : {std::string("\0\0\0\2[]", 6), std::string("\0\0\0\2{]", 6),
                                               std::string("\0\x10\0\1", 4), std::string("\0\0\0\5{}", 6)}) {
                StreamPtr one = co_await pair.a.session.open();
                co_await write_raw(*one, bytes);
                co_await one->close_write();
                std::vector<uint8_t> byte(1);
                co_await one->read_some(byte);
              }
            },
            [&]() -> Task {
              StreamPtr stream = co_await pair.b.session.accept();
              const Json message = co_await read_message(*stream);
              EXPECT_EQ(message, (Json{{"a", 1}}));
              for (const char* expected :
                   {"message on the link: not a JSON object", "message on the link: not valid JSON",
                    "a message of 1048577 bytes on the link, over the bound of 1048576",
                    "the other end of the link ended the stream too early"}) {
                StreamPtr one = co_await pair.b.session.accept();
                const std::string error = co_await error_of([&]() -> Task { co_await read_message(*one); });
                EXPECT_EQ(error, expected);
                co_await one->close_write();
              }
            }});
}

TEST(ExecFrames, AreATypeAndALength) {
  std::array<uint8_t, kExecHeaderBytes> bytes;
  encode_exec_header({.type = ExecFrame::kStderr, .length = 0x10000}, bytes);
  EXPECT_EQ(bytes, (std::array<uint8_t, 5>{3, 0, 1, 0, 0}));
  const ExecHeader read = decode_exec_header(bytes);
  EXPECT_EQ(read.type, ExecFrame::kStderr);
  EXPECT_EQ(read.length, 0x10000U);
  const auto complaint = [](std::array<uint8_t, 5> header) -> std::string {
    try {
      decode_exec_header(header);
    } catch (const base::Error& error) {
      return error.problem();
    }
    return "";
  };
  EXPECT_EQ(complaint({7, 0, 0, 0, 0}), "an exec frame of the unknown type 7");
  EXPECT_EQ(complaint({2, 0, 1, 0, 1}), "an exec frame of 65537 bytes, over the bound of 65536");
}

TEST(GuestClient, GreetsAndRefusesAnotherProtocol) {
  Loop loop;
  Pair pair(loop);
  Json hello{{"ok", true}, {"protocol", kProtocolVersion}, {"version", "1"}, {"kernel", "6.1"}, {"docker", "ready"}};
  Json other = hello;
  other["protocol"] = kProtocolVersion + 1;
  const Json ask{{"op", "hello"}};
  const Talk talk{{ask, hello}, {ask, other}};
  loop.run({[&]() -> Task {
              const Hello answer = co_await pair.client->hello();
              EXPECT_EQ(answer.kernel, "6.1");
              const std::string error = co_await error_of([&]() -> Task { co_await pair.client->hello(); });
              const std::string version = std::to_string(kProtocolVersion + 1);
              EXPECT_EQ(error, "the sandbox's init speaks version " + version + " of the link's protocol");
            },
            [&]() -> Task { co_await serve(&pair.init.session, kControl, talk); }});
}

TEST(GuestClient, SendsConcurrentRequestsInTheirOrder) {
  Loop loop;
  Pair pair(loop);
  const Json ok = ok_answer();
  std::vector<int> done;
  std::vector<std::function<Task()>> tasks;
  Talk talk;
  for (int i = 1; i <= 20; ++i) {
    tasks.emplace_back([&pair, &done, i]() -> Task {
      const std::string error = co_await error_of([&]() -> Task { co_await pair.client->signal(5, i); });
      EXPECT_EQ(error, i == 3 ? "cannot send signal 3: no such command" : "");
      done.push_back(i);
    });
    talk.emplace_back(Json{{"op", "signal"}, {"id", 5}, {"signal", i}}, i == 3 ? error_answer("no such command") : ok);
  }
  tasks.emplace_back([&]() -> Task { co_await serve(&pair.init.session, kControl, talk); });
  loop.run(std::move(tasks));
  EXPECT_TRUE(std::ranges::is_sorted(done));
  EXPECT_EQ(done.size(), 20U);
}

TEST(GuestClient, WaitingForDockerHoldsNobodyUp) {
  Loop loop;
  Pair pair(loop);
  bool docker_up = false;
  loop.run({[&]() -> Task {
              const std::string state = co_await pair.client->wait_docker();
              EXPECT_EQ(state, "ready");
              EXPECT_TRUE(docker_up);
            },
            [&]() -> Task {
              TtySize size;
              co_await pair.client->resize(1, size);
              docker_up = true;
            },
            [&]() -> Task {
              StreamPtr docker = co_await serve(&pair.init.session, kControl, Talk());
              const Json request = co_await read_message(*docker);
              EXPECT_EQ(request, (Json{{"op", "wait-docker"}}));
              const Json resize{{"op", "resize"}, {"id", 1}, {"rows", 24}, {"columns", 80}};
              const Talk talk{{resize, ok_answer()}};
              StreamPtr other = co_await serve(&pair.init.session, kControl, talk);
              const Json answer{{"ok", true}, {"docker", "ready"}};
              co_await write_message(*docker, answer);
            }});
}

TEST(GuestClient, AnInitThatDoesNotAnswerIsAnErrorInTime) {
  Loop loop;
  Pair pair(loop);
  constexpr std::chrono::milliseconds kAtOnce{1};
  constexpr std::chrono::hours kNever{1};
  std::vector<std::string> errors;
  const auto hears = [&](std::function<Task()> call) -> Task {
    try {
      co_await call();
    } catch (const NoAnswer& error) {
      errors.push_back(error.problem());
      EXPECT_EQ(error.hint(), "`caisson stop` and `caisson rm -f` work all the same");
    }
  };
  loop.run({[&]() -> Task {
              pair.client->set_patience({.control = kAtOnce, .start = kNever});
              co_await hears([&]() -> Task { co_await pair.client->stats(); });
              co_await hears([&]() -> Task { co_await pair.client->signal(1, 15); });
              pair.client->set_patience({.control = kNever, .start = kAtOnce});
              ExecRequest exec;
              exec.argv = {"true"};
              co_await hears([&]() -> Task { co_await pair.client->exec(exec); });
              CopyRequest copy;
              copy.path = "/etc";
              co_await hears([&]() -> Task { co_await pair.client->copy(copy); });
              PortRequest port;
              port.port = 80;
              co_await hears([&]() -> Task { co_await pair.client->port(port); });
              const Stats stats = co_await pair.client->stats();
              EXPECT_EQ(stats.processes, 7U);
            },
            [&]() -> Task {
              std::vector<StreamPtr> silent(5);
              for (StreamPtr& stream : silent) stream = co_await pair.init.session.accept();
              Stats stats;
              stats.processes = 7;
              Json answer = to_json(stats);
              answer["ok"] = true;
              const Talk talk{{Json{{"op", "stats"}}, answer}};
              co_await serve(&pair.init.session, kControl, talk);
            }});
  const std::string silence = ": the sandbox's init does not answer";
  EXPECT_EQ(errors, (std::vector<std::string>{"cannot ask the sandbox for its numbers" + silence,
                                              "cannot send signal 15" + silence, "cannot start 'true'" + silence,
                                              "cannot copy '/etc'" + silence,
                                              "cannot connect to port 80 of the sandbox" + silence}));
}

TEST(GuestClient, ARequestsTimeBeginsBeforeItsTurn) {
  Loop loop;
  Pair pair(loop);
  pair.client->set_patience({.control = std::chrono::milliseconds(1)});
  int silences = 0;
  std::vector<std::function<Task()>> tasks(20, [&]() -> Task {
    try {
      co_await pair.client->stats();
    } catch (const NoAnswer&) {
      ++silences;
    }
  });
  loop.run(std::move(tasks));
  EXPECT_EQ(silences, 20);
}

TEST(GuestClient, RunsACommandToItsEnd) {
  Loop loop;
  Pair pair(loop);
  ExecRequest request;
  request.argv = {"true"};
  const std::string started = exec_frame(ExecFrame::kStarted, to_json(ExecStarted{.id = 1, .pid = 2}).dump());
  const ExecFailure not_found{.error = "no such\x1b program", .exit_code = 127};
  const std::string failure = exec_frame(ExecFrame::kError, to_json(not_found).dump());
  const std::string exited = exec_frame(ExecFrame::kExit, to_json(ExecResult{.code = 3}).dump());
  loop.run({[&]() -> Task {
              const auto output = co_await pair.client->run(request, 5);
              EXPECT_EQ(output.result.code, 3);
              EXPECT_EQ(output.text, "abcde");
              const std::string failed = co_await error_of([&]() -> Task { co_await pair.client->run(request); });
              EXPECT_EQ(failed, "no such\\x1b program");
              const std::string early = co_await error_of([&]() -> Task { co_await pair.client->run(request); });
              EXPECT_EQ(early, "exec frames in the wrong order on the link");
              const std::string lost = co_await error_of([&]() -> Task { co_await pair.client->run(request); });
              EXPECT_EQ(lost, "the link was closed");
            },
            [&]() -> Task {
              const Json first = to_json(request);
              StreamPtr good = co_await serve(&pair.init.session, first, Talk());
              co_await write_raw(*good, started + exec_frame(ExecFrame::kStdout, "abc") +
                                            exec_frame(ExecFrame::kStderr, "defg") + exited);
              StreamPtr bad = co_await serve(&pair.init.session, first, Talk());
              co_await write_raw(*bad, failure);
              StreamPtr early = co_await serve(&pair.init.session, first, Talk());
              co_await write_raw(*early, exited);
              StreamPtr lost = co_await serve(&pair.init.session, first, Talk());
              co_await write_raw(*lost, started);
              pair.init.session.close();
            }});
  loop.settle();
  ASSERT_TRUE(pair.end.has_value());
  EXPECT_EQ(*pair.end, "");
}

TEST(GuestClient, CopyAndPortAreOpenOnceTheGuestSaysSo) {
  Loop loop;
  Pair pair(loop);
  CopyRequest copy;
  copy.path = "/etc";
  PortRequest port;
  port.port = 80;
  loop.run({[&]() -> Task {
              StreamPtr stream = co_await pair.client->port(port);
              std::vector<uint8_t> bytes(2);
              co_await stream->read_exact(bytes);
              EXPECT_EQ(bytes, (std::vector<uint8_t>{'h', 'i'}));
              const std::string error = co_await error_of([&]() -> Task { co_await pair.client->copy(copy); });
              EXPECT_EQ(error, "cannot copy '/etc': no such file");
            },
            [&]() -> Task {
              StreamPtr open = co_await serve(&pair.init.session, to_json(port), Talk());
              co_await write_message(*open, ok_answer());
              co_await write_raw(*open, "hi");
              StreamPtr refused = co_await serve(&pair.init.session, to_json(copy), Talk());
              co_await write_message(*refused, error_answer("no such file"));
              std::vector<uint8_t> end(1);
              co_await error_of([&]() -> Task { co_await refused->read_exact(end); });
            }});
}

TEST(GuestClient, TellsTheReasonOnceAndNotAfterItsEnd) {
  Loop loop;
  {
    Pair pair(loop);
    const Json ask{{"op", "hello"}};
    const Talk talk{{ask, Json::object()}};
    loop.run({[&]() -> Task {
                const std::string error = co_await error_of([&]() -> Task { co_await pair.client->hello(); });
                EXPECT_EQ(error, "answer on the link: the key 'ok' is missing");
              },
              [&]() -> Task { co_await serve(&pair.init.session, kControl, talk); }});
    pair.client.reset();
    loop.settle();
    EXPECT_FALSE(pair.end.has_value());
    EXPECT_TRUE(pair.init.returned);
    EXPECT_EQ(pair.init.reason, "");
  }
}

}  // namespace
}  // namespace caisson::link
