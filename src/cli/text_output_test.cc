// SPDX-License-Identifier: Apache-2.0

// What is made for eyes: tables, listings, progress, log tails.

#include <gtest/gtest.h>
#include <pty.h>
#include <unistd.h>

#include "base/fd.h"
#include "cli/detach_keys.h"
#include "cli/listing.h"
#include "cli/log_file.h"
#include "cli/log_line.h"
#include "cli/prepare.h"
#include "cli/progress.h"
#include "cli/table.h"

namespace caisson::cli {
namespace {

using std::chrono::seconds;

TEST(Table, ColumnsAreAlignedWithoutTrailingBlanks) {
  Table table({"NAME", "STATUS", "PORTS"});
  table.add({"web", "running", ""});
  table.add({"a-longer-name", "", "80"});
  table.add({"ü", "x", "y"});
  EXPECT_EQ(table.text(),
            "NAME            STATUS    PORTS\n"
            "web             running\n"
            "a-longer-name             80\n"
            "ü               x         y\n");
}

TEST(Table, CellsCannotSteerTheTerminal) {
  Table table({"A", "B"});
  table.add({"\x1b[2J\n", "x"});
  EXPECT_EQ(table.text(), "A           B\n\\x1b[2J\\n   x\n");
}

TEST(Render, FitsIntoTheWidth) {
  const ProgressLine line{
      .what = "making the base image", .fraction = 0.5, .detail = "unpacking", .elapsed = seconds(83)};
  EXPECT_EQ(render(line, 200), "making the base image [============>           ]  50% 1m23s  unpacking");
  EXPECT_EQ(render(line, 10), "making the");
  EXPECT_EQ(render({.what = "äöü", .fraction = -1, .detail = "", .elapsed = seconds(5)}, 2), "äö");
}

TEST(Render, OddFractionsAreBounded) {
  EXPECT_EQ(render({.what = "x", .fraction = -1, .detail = "", .elapsed = seconds(0)}, 80), "x 0s");
  EXPECT_EQ(render({.what = "x", .fraction = 7, .detail = "", .elapsed = seconds(0)}, 80),
            "x [========================] 100% 0s");
  EXPECT_EQ(render({.what = "x", .fraction = 0, .detail = "", .elapsed = seconds(0)}, 80),
            "x [>                       ]   0% 0s");
  EXPECT_EQ(render({.what = "x", .fraction = 0.0 / 0.0, .detail = "", .elapsed = seconds(0)}, 80), "x 0s");
  EXPECT_EQ(render({.what = "\x1b[31m", .fraction = -1, .detail = "\r", .elapsed = seconds(0)}, 80),
            "\\x1b[31m 0s  \\x0d");
}

TEST(TerminalProgress, IsALinePerStepElsewhere) {
  base::FdPair pipe = base::make_pipe();
  {
    TerminalProgress progress(pipe.second.get());
    progress.step("one");
    progress.update(0.5, "half");
    progress.step("two");
    progress.done();
  }
  pipe.second.reset();
  EXPECT_EQ(base::read_all(pipe.first.get(), 1000, "pipe"), "caisson: one\ncaisson: two\n");
}

TEST(TerminalProgress, WritesNothingWithoutAStep) {
  base::FdPair pipe = base::make_pipe();
  { TerminalProgress(pipe.second.get()).done(); }
  pipe.second.reset();
  EXPECT_EQ(base::read_all(pipe.first.get(), 1000, "pipe"), "");
}

TEST(TerminalProgress, RedrawsOneLineAndErasesItOnATerminal) {
  int user = -1;
  int program = -1;
  winsize size{.ws_row = 24, .ws_col = 21, .ws_xpixel = 0, .ws_ypixel = 0};
  ASSERT_EQ(openpty(&user, &program, nullptr, nullptr, &size), 0);
  const base::Fd user_end(user);
  base::Fd program_end(program);
  {
    TerminalProgress progress(program);
    progress.step("one");
    progress.update(-1, "a detail that is too long");
  }
  // A terminal hands on what was written when it likes; when nobody has the other end any more, all of it has come.
  program_end.reset();
  std::string text;
  char buffer[200];
  for (ssize_t got = 0; (got = read(user, buffer, sizeof buffer)) > 0;) text.append(buffer, static_cast<size_t>(got));
  EXPECT_EQ(text, "\rone 0s\x1b[K\rone 0s  a detail tha\x1b[K\r\x1b[K");
}

TEST(AgeText, TakesTheUnitThatSaysMost) {
  EXPECT_EQ(age_text(seconds(-5)), "0 seconds");
  EXPECT_EQ(age_text(seconds(1)), "1 second");
  EXPECT_EQ(age_text(seconds(119)), "119 seconds");
  EXPECT_EQ(age_text(seconds(120)), "2 minutes");
  EXPECT_EQ(age_text(seconds(7200)), "2 hours");
  EXPECT_EQ(age_text(seconds(3 * 86400)), "3 days");
}

TEST(ListText, ShowsEachState) {
  using std::chrono::minutes;
  const keeper::Time now = keeper::Time(std::chrono::milliseconds(1'800'000'000'000));
  keeper::Sandbox running;
  running.name = "web";
  running.engine = "microvm";
  running.spec.command.argv = {"sh", "-c", "a very long command line that has more than forty bytes"};
  running.state.status = keeper::Status::kRunning;
  running.state.started = now - minutes(5);
  running.state.ports = {{"127.0.0.1", 8080, 80}, {"::1", 443, 443}};
  keeper::Sandbox stopped;
  stopped.name = "old";
  stopped.engine = "microvm";
  stopped.state.status = keeper::Status::kStopped;
  stopped.state.ended = now - minutes(180);
  stopped.state.exit_code = 3;
  keeper::Sandbox broken;
  broken.name = "bad";
  broken.problem = "the record cannot be read";
  broken.spec.image = "";
  EXPECT_EQ(list_text({running, stopped, broken}, now),
            "NAME   STATUS                         IMAGE   ENGINE    COMMAND                                    PORTS\n"
            "web    running for 5 minutes          base    microvm   sh -c a very long command line that h...   "
            "127.0.0.1:8080->80, [::1]:443->443\n"
            "old    stopped 3 hours ago (exit 3)   base    microvm\n"
            "bad    broken\n");
}

TEST(ListText, TheShellOfRunItIsNotShownAsAScript) {
  keeper::Sandbox sandbox;
  sandbox.name = "web";
  sandbox.spec.command.argv = default_shell();
  EXPECT_NE(list_text({sandbox}, {}).find("(a shell)"), std::string::npos);
}

TEST(LastLines, CountsFromTheEnd) {
  EXPECT_EQ(last_lines("a\nb\nc\n", 2), "b\nc\n");
  EXPECT_EQ(last_lines("a\nb\nc", 2), "b\nc");
  EXPECT_EQ(last_lines("a\nb\n", 5), "a\nb\n");
  EXPECT_EQ(last_lines("a\n", 0), "");
  EXPECT_EQ(last_lines("", 3), "");
  EXPECT_EQ(last_lines("\n\n\n", 2), "\n\n");
}

TEST(DetachKeys, AreFoundHoweverTheyAreCut) {
  DetachKeys keys;
  EXPECT_EQ(keys.feed("ab\x10").pass, "ab");
  const DetachKeys::Result result = keys.feed("\x11rest");
  EXPECT_TRUE(result.detached);
  EXPECT_EQ(result.pass, "");
}

TEST(DetachKeys, OtherBytesPassUnchanged) {
  DetachKeys keys;
  EXPECT_EQ(keys.feed("\x11").pass, "\x11");
  EXPECT_EQ(keys.feed("\x10").pass, "");
  EXPECT_EQ(keys.feed("x").pass, "\x10x");
  EXPECT_EQ(keys.feed("\x10\x10").pass, "\x10");
  const DetachKeys::Result result = keys.feed("\x11");
  EXPECT_TRUE(result.detached);
}

TEST(LogLine, IsForEyes) {
  constexpr int64_t kDay = 86'400'000;
  constexpr int64_t kNow = 1'700'000'000'123;
  auto behind_time = [](const base::Json& entry) {
    const std::string line = log_line(entry, kNow);
    return line.substr(line.find("  "));
  };
  EXPECT_EQ(
      behind_time(
          {{"time_unix_ms", kNow}, {"event", "name"}, {"name", "a\x1b.example"}, {"type", 16}, {"verdict", "refused"}}),
      "  name refused a\\x1b.example  type=TXT\n");
  EXPECT_EQ(behind_time({{"time_unix_ms", kNow}, {"event", "name"}, {"name", "a.example"}, {"type", 65280}}),
            "  name a.example  type=TYPE65280\n");
  EXPECT_EQ(behind_time({{"time_unix_ms", kNow},
                         {"event", "more"},
                         {"of", "disconnect"},
                         {"verdict", "refused"},
                         {"name", "a.example"},
                         {"port", 443},
                         {"count", 9}}),
            "  more refused a.example:443  count=9  of=disconnect\n");
  EXPECT_EQ(behind_time({{"time_unix_ms", kNow}, {"event", "disconnect"}, {"id", 1}, {"sent_bytes", 2}}),
            "  disconnect  id=1  sent_bytes=2\n");
  const base::Json added{{"rule", "example.com:443"}, {"allow", true}, {"origin", "policy allow"}};
  EXPECT_EQ(
      behind_time({{"time_unix_ms", kNow}, {"event", "policy"}, {"remove", {3}}, {"add", base::Json::array({added})}}),
      "  policy allow example.com:443 (policy allow), remove 3\n");
  const base::Json stop{{"time_unix_ms", kNow}, {"event", "stop"}};
  EXPECT_EQ(log_line(stop, kNow).find("202"), std::string::npos);
  EXPECT_EQ(log_line(stop, kNow + 3 * kDay).substr(0, 8), "2023-11-");
  EXPECT_EQ(iso_time(kNow), "2023-11-14T22:13:20.123Z");
}

}  // namespace
}  // namespace caisson::cli
