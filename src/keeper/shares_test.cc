// SPDX-License-Identifier: Apache-2.0

// Workspaces in a sandbox's life: their servers are played by scripts that echo, their guest by the fake engine.

#include "keeper/shares.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "base/file.h"
#include "keeper/testing/sandbox_for_test.h"
#include "keeper/workspace_files.h"

namespace caisson::keeper {
namespace {

using link::ExecFrame;
using testing::ElementsAre;
using testing::HasSubstr;

class SharesTest : public testing::Test {
 protected:
  SharesTest() {
    script("echo", "cat <&3 >&3");
    std::filesystem::create_directory(folder_ / "project");
    std::ofstream(folder_ / "file") << "x";
  }

  void script(const std::string& name, const std::string& body) {
    std::ofstream(folder_ / name) << "#!/bin/sh\n" << body << "\n";
    ::chmod((folder_ / name).c_str(), 0700);
  }
  std::string real(const std::string& below) { return std::filesystem::canonical(folder_ / below).string(); }

  spec::SandboxSpec spec(std::vector<std::string> argv) {
    spec::SandboxSpec spec = spec_of("kt-share", std::move(argv));
    spec.remove_at_end = false;
    spec.workspaces = {
        {.id = 1, .host = real("project"), .guest = "/work"},
        {.id = 2, .host = real("file"), .guest = "/file", .mode = spec::WorkspaceMode::kReadOnly, .file = true}};
    return spec;
  }
  KeeperOptions options(const std::string& program = "echo") {
    return {.wait_for_attach = false, .share_program = folder_ / program};
  }
  // Why the sandbox does not start.
  std::string refusal(Claim claim, KeeperOptions with) {
    RunningKeeper keeper(std::move(claim), with, {});
    try {
      keeper.start().first().request("GET", "/v1/ready");
      return "";
    } catch (const ApiError& error) {
      return error.what();
    }
  }

  StateFolder state_;
  base::TempFolder folder_;
};

TEST_F(SharesTest, TheyAreServedAndMountedBeforeTheCommandBegins) {
  RunningKeeper keeper(spec({"wait"}), options());
  keeper.start().first().request("GET", "/v1/ready");
  const auto mounts = keeper.in_loop([&] { return keeper.guest.mounts; });
  ASSERT_EQ(mounts.size(), 2U);
  EXPECT_EQ(mounts[0].target, "/work");
  EXPECT_EQ(mounts[0].mode, link::Mount::Mode::kOverlay);
  EXPECT_EQ(mounts[1].target, "/file");
  EXPECT_TRUE(mounts[1].file);
  EXPECT_EQ(keeper.in_loop([&] { return keeper.guest.commands_at_mount; }), 0U);
  const base::Json shown = to_json(read_sandbox("kt-share"))["workspaces"];
  EXPECT_EQ(shown[0]["host"], real("project"));
  EXPECT_GT(shown[1]["pid"].get<int64_t>(), 0);
}

TEST_F(SharesTest, MessagesPassBothWays) {
  // Answers the first bytes and takes what else comes: a server that ends before the start is over fails it.
  script("once", "head -c 4 <&3 >&3; exec cat <&3 >/dev/null");
  RunningKeeper keeper(spec({"wait"}), options("once"));
  keeper.start().first().request("GET", "/v1/ready");
  while (keeper.in_loop([&] { return keeper.guest.share_answers.size(); }) < 8) std::this_thread::yield();
  EXPECT_EQ(keeper.in_loop([&] { return keeper.guest.share_answers; }), "pingping");
}

TEST_F(SharesTest, AServerThatDiesIsToldAndTheSandboxGoesOn) {
  RunningKeeper keeper(spec({"wait"}), {.share_program = folder_ / "echo"});
  FrameConnection client = keeper.start().attach();
  client.expect(ExecFrame::kStarted);
  const Sandbox sandbox = read_sandbox("kt-share");
  ASSERT_EQ(sandbox.state.shares.size(), 2U);
  ::kill(static_cast<pid_t>(sandbox.state.shares[0].pid), SIGKILL);
  while (read_sandbox("kt-share").state.shares[0].lost.empty()) std::this_thread::yield();
  EXPECT_EQ(read_sandbox("kt-share").state.shares[0].pid, 0);
  EXPECT_THAT(base::read_file(sandbox.folder + "/ledger.jsonl"),
              HasSubstr("its server was ended by signal 9 (Killed)"));
  keeper.another().request("POST", "/v1/exec/main/signal", base::Json{{"signal", SIGTERM}});
  EXPECT_THAT(client.expect_exit().notes,
              ElementsAre("the workspace '/work' was lost: its server was ended by signal 9 (Killed)"));
}

TEST_F(SharesTest, WhatIsNotThereEndsTheStartAndLeavesNoSandbox) {
  spec::SandboxSpec gone = spec({"wait"});
  gone.workspaces[0].host = real("") + "/gone";
  EXPECT_THAT(refusal(make_sandbox(gone), options()), HasSubstr("/gone' does not exist"));
  EXPECT_THROW(read_sandbox("kt-share"), base::Error);

  std::filesystem::create_directory_symlink("project", folder_ / "link");
  spec::SandboxSpec linked = spec({"wait"});
  linked.workspaces[0].host = real("") + "/link";
  EXPECT_THAT(refusal(make_sandbox(linked), options()), HasSubstr("a symbolic link stands in the way"));

  spec::SandboxSpec no_file = spec({"wait"});
  no_file.workspaces[1].host = real("project");
  EXPECT_THAT(refusal(make_sandbox(no_file), options()), HasSubstr("is no regular file"));
}

TEST_F(SharesTest, AMountThatFailsEndsTheStart) {
  FakeGuest guest;
  guest.refuses_mounts = "no room\x1b";
  RunningKeeper keeper(spec({"wait"}), options(), guest);
  try {
    keeper.start().first().request("GET", "/v1/ready");
    FAIL() << "ready";
  } catch (const ApiError& error) {
    EXPECT_THAT(error.problem(), HasSubstr("cannot mount the workspace '/work': no room\\x1b"));
  }
  EXPECT_THROW(read_sandbox("kt-share"), base::Error) << "nothing of the user's has run in it";
}

TEST_F(SharesTest, AServerThatCannotBeStartedEndsTheStart) {
  EXPECT_THAT(refusal(make_sandbox(spec({"wait"})), options("missing")), HasSubstr("missing'"));
  EXPECT_THROW(read_sandbox("kt-share"), base::Error);
}

TEST_F(SharesTest, ItsFolderIsTheOneOfTheFirstStart) {
  {
    RunningKeeper keeper(spec({"exit", "0"}), {.share_program = folder_ / "echo"});
    FrameConnection client = keeper.start().attach();
    client.expect(ExecFrame::kStarted);
    client.expect_exit();
    keeper.join();
  }
  const Sandbox sandbox = read_sandbox("kt-share");
  const auto first = read_workspace_record(sandbox.folder, 1);
  ASSERT_TRUE(first.has_value());
  EXPECT_GT(first->started_ns, 0);
  {
    RunningKeeper again(claim_sandbox(sandbox), options(), {});
    again.start().first().request("GET", "/v1/ready");
  }
  EXPECT_EQ(read_workspace_record(sandbox.folder, 1)->started_ns, first->started_ns);
  // The old one still has its number.
  std::filesystem::rename(folder_ / "project", folder_ / "old");
  std::filesystem::create_directory(folder_ / "project");
  EXPECT_THAT(refusal(claim_sandbox(read_sandbox("kt-share")), options()),
              HasSubstr("is another folder than when the sandbox first ran"));
  EXPECT_EQ(read_sandbox("kt-share").state.status, Status::kStopped) << "it is kept";
}

}  // namespace
}  // namespace caisson::keeper
