// SPDX-License-Identifier: Apache-2.0

// The small parts: frames, results, files that are bounded.

#include <gmock/gmock.h>
#include <sys/resource.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <csignal>
#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "base/rotated_file.h"
#include "base/temp_folder_for_test.h"
#include "base/text.h"
#include "keeper/exit.h"
#include "keeper/frames.h"
#include "keeper/ledger.h"
#include "keeper/network_policy.h"
#include "keeper/repeats.h"

namespace caisson::keeper {
namespace {

using link::ExecFrame;
using testing::ElementsAre;
using testing::IsEmpty;

std::string text_of(const std::vector<uint8_t>& bytes) {
  return std::string(bytes.begin(), bytes.end());
}

// A source that gives `text` in pieces of `step` bytes.
FrameReader::Source pieces(std::string text, size_t step) {
  auto left = std::make_shared<std::string>(std::move(text));
  return [left, step](std::span<uint8_t> into) -> asio::awaitable<size_t> {
    const size_t count = std::min({step, into.size(), left->size()});
    std::copy_n(left->begin(), count, into.begin());
    left->erase(0, count);
    co_return count;
  };
}

asio::awaitable<void> collect(FrameReader* reader, std::vector<std::string>* into) {
  while (true) {
    const FrameBatch batch = co_await reader->next();
    if (batch.bytes.empty()) co_return;
    std::string line = std::to_string(static_cast<int>(batch.type)) + ":";
    batch.for_each([&](std::string_view payload) { line += std::string(payload) + "|"; });
    into->push_back(line);
  }
}

// The batches, or the error at the end.
std::vector<std::string> read_frames(const std::string& bytes, size_t step) {
  std::vector<std::string> batches;
  const auto source = pieces(bytes, step);
  FrameReader reader(source);
  asio::io_context io;
  asio::co_spawn(io, collect(&reader, &batches), [&](const std::exception_ptr& failure) {
    if (!failure) return;
    try {
      std::rethrow_exception(failure);
    } catch (const base::Error& error) {
      batches.push_back(error.problem());
    }
  });
  io.run();
  return batches;
}

TEST(FrameReader, JoinsOutputAndNothingElse) {
  const std::string bytes = text_of(make_frame(ExecFrame::kStarted, std::string_view("s"))) +
                            text_of(make_frame(ExecFrame::kStdout, std::string_view("a"))) +
                            text_of(make_frame(ExecFrame::kStderr, std::string_view("b"))) +
                            text_of(make_frame(ExecFrame::kExit, std::string_view("e")));
  EXPECT_THAT(read_frames(bytes, 1000), ElementsAre("5:s|", "2:a|b|", "4:e|"));
  EXPECT_THAT(read_frames(bytes, 1), ElementsAre("5:s|", "2:a|", "3:b|", "4:e|"));
}

TEST(Frames, ANoticeEndsItsLineAsItsTerminalNeedsIt) {
  auto payload = [](const std::vector<uint8_t>& frame) { return text_of(frame).substr(link::kExecHeaderBytes); };
  EXPECT_EQ(payload(notice_frame("words", std::nullopt)), "caisson: words\n");
  EXPECT_EQ(payload(notice_frame("words", link::TtySize{24, 80})), "caisson: words\r\n");
}

TEST(FrameReader, TakesTheLargestFrameAndRefusesALargerOne) {
  const std::string largest(link::kMaxExecFrameBytes, 'x');
  const std::string frame = text_of(make_frame(ExecFrame::kStdout, std::string_view(largest)));
  EXPECT_THAT(read_frames("" + frame + frame + frame, 50'000),
              ElementsAre("2:" + largest + "|", "2:" + largest + "|", "2:" + largest + "|"));
  EXPECT_EQ(read_frames(std::string("\2\0\1\0\1", 5), 100).size(), 1U);
  EXPECT_EQ(read_frames(std::string("\x63\0\0\0\0", 5), 100).size(), 1U);
  EXPECT_THAT(read_frames(frame.substr(0, 100), 100), ElementsAre("a frame was cut off"));
  EXPECT_THAT(read_frames("", 100), IsEmpty());
}

TEST(RefusalNotes, AreWordsOfAShellThatUsersCanCopy) {
  gate::Refusals refusals;
  refusals.count = 3;
  refusals.targets["a.com:443"] = {.count = 1, .reason = "", .allow = "a.com:443"};
  refusals.targets["b"] = {.count = 1, .reason = "", .allow = "a.com:443 GET /x'y&id&$(id)"};
  EXPECT_THAT(refusal_notes(refusals, "locked"),
              ElementsAre("the network refused 3 requests: a.com:443, b (to allow: --allow a.com:443 "
                          "--allow 'a.com:443 GET /x'\\''y&id&$(id)')"));
  EXPECT_THAT(rules_for_refused(refusals), ElementsAre("a.com:443", "a.com:443 GET /x'y&id&$(id)"));
}

TEST(RefusalNotes, NameOptionsThatARunTakes) {
  gate::Refusals refusals;
  refusals.count = 1;
  refusals.targets["a.com"] = {.count = 1, .reason = "no rule allows 'a.com'", .allow = "a.com"};
  EXPECT_THAT(refusal_notes(refusals, "none"),
              ElementsAre("the network refused 1 request: a.com (to allow: --net locked --allow a.com)"));
}

TEST(RefusalNotes, SayWhyWhereNoRuleOfTheTargetsOwnWouldDo) {
  gate::Refusals refusals;
  refusals.count = 2;
  refusals.targets["a.com:443"] = {.count = 1, .reason = "it is \x1b[denied", .allow = ""};
  refusals.targets["b.com:80"] = {.count = 1, .reason = "it is private", .allow = "", .own_networks = true};
  EXPECT_THAT(refusal_notes(refusals, "none"),
              ElementsAre("the network refused 2 requests: a.com:443 (it is \\x1b[denied), b.com:80 (it is private)"));
  const gate::Refusals read = refusals_from_json(to_json(refusals));
  EXPECT_THAT(refused_in_own_networks(read), ElementsAre("b.com:80"));
  KeeperExit exit;
  exit.own_networks = refused_in_own_networks(read);
  EXPECT_THAT(exit_from_json(to_json(exit)).own_networks, ElementsAre("b.com:80"));
}

TEST(NetworkPolicy, JudgesRequestsWhereARuleSpeaksOfThem) {
  gate::Policy policy;
  policy.add(gate::parse_rule("a.com:443"), true, "");
  EXPECT_FALSE(judges_requests(policy));
  policy.add(gate::parse_rule("a.com:443 GET /x"), true, "");
  EXPECT_TRUE(judges_requests(policy));
}

TEST(KeeperExit, CodesAreTheShells) {
  link::ExecResult result;
  result.code = 3;
  EXPECT_EQ(make_exit(result, {}).code, 3);
  result = {};
  result.signal = 9;
  EXPECT_EQ(make_exit(result, {}).code, 137);
  EXPECT_EQ(make_exit(result, {}).signal, 9);
}

TEST(KeeperExit, NotesNameTheLimitsThatWereHit) {
  link::ExecResult result;
  const LimitWords limits{"1 GiB", "2 GiB", 64};
  EXPECT_THAT(make_exit(result, limits).notes, IsEmpty());
  result.oom_kills = 2;
  result.pids_refused = 1;
  EXPECT_THAT(make_exit(result, limits).notes,
              ElementsAre("memory ran out: the sandbox's kernel ended 2 processes (the limit is 1 GiB, --memory)",
                          "the process limit of 64 was hit once (--pids)"));
}

TEST(KeeperExit, IsReadAsItWasWritten) {
  KeeperExit exit;
  exit.code = 124;
  exit.notes = {"n"};
  exit.stages_us = {{"gone", 1}};
  EXPECT_EQ(exit_from_json(to_json(exit)).allow, std::vector<std::string>());
  exit.allow = {"a.com"};
  EXPECT_EQ(to_json(exit_from_json(to_json(exit))), to_json(exit));
  base::Json wrong = to_json(exit);
  wrong["code"] = 256;
  EXPECT_THROW(exit_from_json(wrong), base::Error);
}

TEST(RotatedFile, NeverGrowsPastItsBound) {
  const base::TempFolder folder;
  const std::string path = folder / "log";
  {
    base::RotatedFile file(path, 10);
    file.append("0123456789");
    file.append("abc");
  }
  base::RotatedFile file(path, 10);
  file.append("defghijKLM");
  EXPECT_EQ(base::read_file(path), "KLM");
  EXPECT_EQ(base::read_file(path + ".1"), "abcdefghij");
  file.append(std::string(1000, 'x'));
  EXPECT_LE(std::filesystem::file_size(path) + std::filesystem::file_size(path + ".1"), 20U);
  EXPECT_EQ(file.lost_bytes(), 0U);
}

// No room beyond so many bytes of any file, as a full disk has none: writes get EFBIG in place of ENOSPC.
class NoRoom {
 public:
  explicit NoRoom(rlim_t bytes) {
    ::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{.rlim_cur = bytes, .rlim_max = before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  NoRoom(const NoRoom&) = delete;
  NoRoom& operator=(const NoRoom&) = delete;
  ~NoRoom() { ::setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

TEST(RotatedFile, ALineIsThereAsAWholeOrNotAtAll) {
  const base::TempFolder folder;
  const std::string path = folder / "log";
  base::RotatedFile file(path, 10);
  EXPECT_TRUE(file.append_line("12345\n"));
  EXPECT_FALSE(file.append_line("longer than all\n"));
  {
    const NoRoom full(8);
    EXPECT_FALSE(file.append_line("abc\n"));
    EXPECT_EQ(base::read_file(path), "12345\n");
  }
  EXPECT_TRUE(file.append_line("abc\n"));
  EXPECT_TRUE(file.append_line("de\n"));
  EXPECT_EQ(base::read_file(path + ".1"), "12345\nabc\n");
  EXPECT_EQ(base::read_file(path), "de\n");
  // A rotation that got half way: there was no room for the new file.
  std::filesystem::remove(path);
  EXPECT_TRUE(file.append_line("fghijklm\n"));
  EXPECT_EQ(base::read_file(path), "fghijklm\n");
}

TEST(Ledger, WhatIsLostOnAFullDiskIsSaid) {
  const base::TempFolder folder;
  Ledger ledger(folder.path());
  ledger.write("start", base::Json::object());
  EXPECT_EQ(ledger.notes(), std::vector<std::string>());
  {
    const NoRoom full(std::filesystem::file_size(folder / "ledger.jsonl") + 20);
    for (int i = 0; i < 3; ++i) ledger.write("connect", base::Json{{"verdict", "refused"}});
  }
  ledger.write("connect", base::Json{{"verdict", "allowed"}});
  ledger.write("exec", base::Json::object());
  ledger.write("stop", base::Json::object());
  std::string events;
  for (const std::string& line : base::split(base::read_file(folder / "ledger.jsonl"), '\n')) {
    if (line.empty()) continue;
    const base::Json entry = base::parse_json_object(line, "ledger");
    events += entry["event"].get<std::string>() + (entry.contains("lines") ? entry["lines"].dump() : "") + " ";
  }
  EXPECT_EQ(events, "start lost3 exec stop ");
  ASSERT_EQ(ledger.notes().size(), 1U);
  EXPECT_NE(ledger.notes()[0].find("no room for 3 lines"), std::string::npos) << ledger.notes()[0];
}

TEST(Ledger, LongDetailsAreShortened) {
  const base::TempFolder folder;
  Ledger ledger(folder.path());
  auto written = [&](const base::Json& details) {
    const size_t before = base::read_file_if_exists(folder / "ledger.jsonl").value_or("").size();
    ledger.write("exec", details);
    const std::string line = base::read_file(folder / "ledger.jsonl").substr(before);
    EXPECT_LE(line.size(), 64U << 10);
    return base::parse_json_object(line, "ledger");
  };
  const base::Json fits{{"reason", std::string(60'000, 'x')}};
  EXPECT_EQ(written(fits)["reason"], fits["reason"]);
  const std::string begin(4096, 'x');
  const base::Json one =
      written(base::Json{{"method", std::string(100'000, 'x')}, {"name", "a.example"}, {"port", 80}});
  EXPECT_EQ(one["method"], begin + "…");
  EXPECT_EQ(one["name"], "a.example");
  EXPECT_EQ(one["port"], 80);
  const base::Json many =
      written(base::Json{{"argv", std::vector<std::string>(10'000, "word")}, {"user", {{"id", 7}}}});
  EXPECT_EQ(many["argv"].size(), 257U);
  EXPECT_EQ(many["argv"].back(), "…");
  EXPECT_EQ(many["user"]["id"], 7);
  const base::Json wide = written(base::Json{{"argv", std::vector<std::string>(100, std::string(5'000, 'x'))}});
  EXPECT_EQ(wide["argv"].size(), 17U);
  // A byte that is written as six.
  EXPECT_EQ(written(base::Json{{"reason", std::string(20'000, '\1')}})["reason"], std::string(4096, '\1') + "…");
}

TEST(Ledger, DetailsThatCannotBeShortenedEnoughAreLeftOut) {
  const base::TempFolder folder;
  Ledger ledger(folder.path());
  base::Json details;
  for (int i = 0; i < 10'000; ++i) details["key " + std::to_string(i)] = "value";
  ledger.write("exec", details);
  const std::string text = base::read_file(folder / "ledger.jsonl");
  EXPECT_LT(text.size(), 200U);
  EXPECT_EQ(base::parse_json_object(text, "ledger")["event"], "exec");
}

struct RepeatsInAWindow : testing::Test {
  // A window's end comes when `io` runs.
  boost::asio::io_context io;
  std::vector<std::string> written;
  Repeats repeats{io.get_executor(),
                  [this](std::string_view event, const base::Json& details) {
                    written.push_back(std::string(event) + " " + base::to_line(details));
                  },
                  std::chrono::milliseconds(1)};
};

TEST_F(RepeatsInAWindow, AreCountedAndTheirNumberIsTold) {
  const base::Json refused{{"verdict", "refused"}, {"name", "a.example"}};
  const base::Json allowed{{"verdict", "allowed"}, {"id", 1}};
  for (int i = 0; i < 1000; ++i) repeats.record("connect", refused);
  repeats.record("connect", allowed);
  repeats.record("connect", allowed);
  repeats.record("name", refused);
  EXPECT_EQ(written.size(), 4U);
  // Also where nothing happens any more.
  io.run();
  ASSERT_EQ(written.size(), 5U);
  EXPECT_EQ(written[4], R"(more {"count":999,"name":"a.example","of":"connect","verdict":"refused"})");
  repeats.record("connect", refused);
  EXPECT_EQ(written.size(), 6U);
  repeats.flush();
  EXPECT_EQ(written.size(), 6U);
}

// A connection that a TLS hello ends was made, so its end has a number and bytes that are like no other.
TEST_F(RepeatsInAWindow, EndsThatWereRefusedAreCounted) {
  const auto end = [&](int id, const std::string& hello) {
    repeats.record("disconnect", {{"verdict", "refused"},
                                  {"id", id},
                                  {"sent_bytes", id},
                                  {"received_bytes", 2 * id},
                                  {"name", "good.example"},
                                  {"port", 443},
                                  {"reason", "its TLS ClientHello names '" + hello + "' (SNI)"}});
  };
  for (int i = 0; i < 1000; ++i) end(i, "bad.example");
  for (int i = 0; i < 1000; ++i) end(i, std::to_string(i) + ".bad.example");
  EXPECT_EQ(written.size(), Repeats::kMostLines);
  EXPECT_NE(written[0].find(R"("id":0)"), std::string::npos) << written[0];
  repeats.flush();
  ASSERT_EQ(written.size(), Repeats::kMostLines + 2);
  EXPECT_EQ(
      written[Repeats::kMostLines],
      R"(more {"count":999,"name":"good.example","of":"disconnect","port":443,"reason":"its TLS ClientHello names )"
      R"x('bad.example' (SNI)","verdict":"refused"})x");
  EXPECT_NE(written.back().find(R"("good.example:443")"), std::string::npos) << written.back();
  // One that was not refused is told.
  for (int i = 0; i < 3; ++i) repeats.record("disconnect", {{"id", i}, {"sent_bytes", 1}});
  EXPECT_EQ(written.size(), Repeats::kMostLines + 5);
}

TEST_F(RepeatsInAWindow, AFloodOfKindsDoesNotHideTheTargets) {
  for (size_t i = 0; i < Repeats::kMostLines + 500; ++i)
    repeats.record("name", {{"verdict", "refused"}, {"name", std::to_string(i)}});
  for (int i = 0; i < 2; ++i)
    repeats.record("connect", {{"verdict", "refused"}, {"name", "0.bad.example"}, {"port", 443}});
  EXPECT_EQ(written.size(), Repeats::kMostLines);
  repeats.flush();
  ASSERT_EQ(written.size(), 1U + Repeats::kMostLines);
  EXPECT_NE(written.back().find(R"("count":502)"), std::string::npos) << written.back();
  EXPECT_NE(written.back().find(R"("64","65",)"), std::string::npos) << written.back();
  EXPECT_LT(written.back().size(), 16384U);
}

TEST_F(RepeatsInAWindow, NamesTheTargetThatHasNoLine) {
  for (size_t i = 0; i < Repeats::kMostLines; ++i)
    repeats.record("name", {{"verdict", "refused"}, {"name", std::to_string(i)}});
  repeats.record("connect", {{"verdict", "refused"}, {"name", "bad.example"}, {"port", 443}});
  repeats.record("connect", {{"verdict", "failed"}, {"address", std::string(1000, '1')}, {"port", 7}});
  repeats.flush();
  EXPECT_NE(written.back().find(R"("bad.example:443")"), std::string::npos) << written.back();
  EXPECT_LT(written.back().size(), 400U);
}

TEST(Ledger, WhatIsAllowedDoesNotPushOutWhatIsRefused) {
  const base::TempFolder folder;
  Ledger ledger(folder.path(), 4096);
  ledger.write("connect", base::Json{{"verdict", "refused"}, {"name", "bad.example"}});
  for (int i = 0; i < 200; ++i) {
    ledger.write("connect", base::Json{{"verdict", "allowed"}, {"name", "a.example"}, {"id", i}});
    ledger.write("disconnect", base::Json{{"id", i}});
  }
  EXPECT_NE(base::read_file(folder / "ledger.jsonl").find("bad.example"), std::string::npos);
  const std::string allowed = base::read_file(folder / "allowed.jsonl");
  EXPECT_NE(allowed.find(R"("id":199)"), std::string::npos);
  EXPECT_LE(allowed.size(), 4096U);
}

TEST(KeptPolicy, AChangeIsInTheLedger) {
  const base::TempFolder folder;
  PolicyChange change;
  change.add.push_back({.rule = gate::parse_rule("a.example:443"), .allow = true, .origin = "policy allow"});
  change_kept_policy(folder.path(), change);
  EXPECT_TRUE(read_policy(folder.path()).judge_connect(gate::Protocol::kTcp, "a.example", 443).allowed);
  const std::string line = base::read_file(folder / "ledger.jsonl");
  EXPECT_NE(line.find(R"("event":"policy")"), std::string::npos) << line;
  EXPECT_NE(line.find(R"("rule":"a.example:443")"), std::string::npos) << line;
  PolicyChange wrong;
  wrong.remove = {99};
  EXPECT_THROW(change_kept_policy(folder.path(), wrong), base::Error);
  EXPECT_EQ(base::read_file(folder / "ledger.jsonl"), line) << "what was not changed is in the ledger";
}

}  // namespace
}  // namespace caisson::keeper
