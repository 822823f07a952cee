// SPDX-License-Identifier: Apache-2.0

#include "secrets/child.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "base/error.h"
#include "base/file.h"
#include "base/temp_folder_for_test.h"
#include "secrets/command_value.h"

namespace caisson::secrets {
namespace {

using testing::HasSubstr;
using testing::Not;

Value shell_value(const std::string& script, const CommandRun& run = {}) {
  return value_of_command("example", {.text = script}, run);
}

std::string command_refusal(const std::string& script, const CommandRun& run = {}) {
  try {
    shell_value(script, run);
  } catch (const base::Error& error) {
    return error.what();
  }
  return {};
}

TEST(SecretChild, TakesAndGivesAValue) {
  const Value input = Value::copy_of(std::string(kMaxValueBytes, 'x'));
  const ChildResult result = run_child({.argv = {"/bin/sh", "-c", "cat; echo said >&2; exit 3"}, .input = &input});
  EXPECT_TRUE(same_value(result.output, input));
  EXPECT_EQ(result.error, "said\n");
  EXPECT_EQ(result.status.code, 3);
}

TEST(SecretChild, ThatDoesNotReadIsNoSignal) {
  const Value input = Value::copy_of("hunter2-hunter2");
  EXPECT_TRUE(run_child({.argv = {"/bin/true"}, .input = &input}).status.ok());
}

TEST(SecretChild, IsBounded) {
  EXPECT_THROW(run_child({.argv = {"/bin/sh", "-c", "while :; do echo xxxxxxxxxxxxxxxx; done"}}), base::Error);
  const ChildResult noisy =
      run_child({.argv = {"/bin/sh", "-c", "i=0; while [ $i -lt 2000 ]; do echo xxxxxxxx >&2; i=$((i+1)); done"}});
  EXPECT_EQ(noisy.error.size(), 4096U);
}

TEST(SecretChild, ThatDoesNotEndIsKilled) {
  const base::TempFolder folder;
  EXPECT_THAT(
      command_refusal("echo $$ > " + (folder / "pid") + "; exec sleep 100000", {.limit = std::chrono::seconds(1)}),
      HasSubstr("has not ended within 1 s"));
  const int pid = std::stoi(base::read_file(folder / "pid"));
  EXPECT_EQ(::kill(pid, 0), -1);
  // One that closes its stdout, too.
  EXPECT_THAT(command_refusal("exec >&- 2>&-; exec sleep 100000", {.limit = std::chrono::seconds(1)}),
              HasSubstr("has not ended"));
}

TEST(CommandValue, IsOneLineOfItsOutput) {
  EXPECT_EQ(shell_value("echo hunter2-hunter2").reveal(), "hunter2-hunter2");
  EXPECT_EQ(shell_value("printf 'hunter2-%s' hunter2").reveal(), "hunter2-hunter2");
}

TEST(CommandValue, ARefusalNamesTheSecretAndHasNothingOfWhatItWrote) {
  for (const char* script : {"echo hunter2; false", "echo hunter2 >&2; kill -9 $$", "echo hunter2", "exit 127",
                             "printf 'hunter2\\nhunter2'"}) {
    const std::string text = command_refusal(script);
    EXPECT_THAT(text, HasSubstr("cannot get the value of 'example'"));
    // The hint has the command, which the user wrote, and which has the word in it here.
    EXPECT_THAT(text.substr(0, text.find(" (run it by hand")), Not(HasSubstr("hunter2")));
  }
  EXPECT_THAT(command_refusal("exit 7"), HasSubstr("its command exited with 7 (run it by hand: exit 7)"));
}

}  // namespace
}  // namespace caisson::secrets
