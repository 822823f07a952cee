// SPDX-License-Identifier: Apache-2.0

// launch_keeper starts its own executable again; so this test program, like caisson, is a keeper when it is told to be
// one.

#include "keeper/launch.h"

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keeper/testing/sandbox_for_test.h"

namespace caisson::keeper {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// A sandbox of an engine that the registry does not have: its keeper cannot do more than say so.
TEST(LaunchKeeper, AKeeperThatCannotServeSaysWhyAndLeavesNoSandbox) {
  const StateFolder state;
  spec::SandboxSpec spec = spec_of("kt-launch", {"true"});
  Client client(launch_keeper({.claim = make_sandbox(spec), .wait_for_attach = true, .end_with_client = true}));
  try {
    std::move(client).upgrade("POST", "/v1/attach");
    FAIL() << "attached";
  } catch (const ApiError& error) {
    EXPECT_EQ(error.problem(), "this caisson has no engine 'fake'");
    EXPECT_EQ(error.exit_code(), 125);
  }
  EXPECT_THAT(names_in_state_folder(), IsEmpty());
}

TEST(LaunchKeeper, ThatFailsLeavesNoSandbox) {
  const StateFolder state;
  Claim claim = make_sandbox(spec_of("kt-launch", {"true"}));
  // The log cannot be opened.
  ASSERT_EQ(::mkdir((claim.folder + "/keeper.log").c_str(), 0700), 0);
  EXPECT_THROW(launch_keeper({.claim = std::move(claim)}), base::Error);
  EXPECT_THAT(names_in_state_folder(), IsEmpty());
}

// What a killed keeper has left.
TEST(DiscardUnstarted, RemovesOnlyWhatNeverHadAMachine) {
  const StateFolder state;
  const std::string unused = make_sandbox(spec_of("kt-unused", {"true"})).folder;
  const std::string used = make_sandbox(spec_of("kt-used", {"true"})).folder;
  State had = read_sandbox("kt-used").state;
  had.status = Status::kRunning;
  write_state(used, had);
  discard_unstarted(unused);
  discard_unstarted(used);
  discard_unstarted(sandboxes_folder() + "/kt-none");
  EXPECT_THAT(names_in_state_folder(), ElementsAre("kt-used"));
}

TEST(DiscardUnstarted, DoesNotWaitForAKeeperThatHangs) {
  const StateFolder state;
  const Claim claim = make_sandbox(spec_of("kt-hangs", {"true"}));  // holds the lock
  discard_unstarted(claim.folder, std::chrono::milliseconds(1));
  EXPECT_THAT(names_in_state_folder(), ElementsAre("kt-hangs"));
}

TEST(KeeperMain, RefusesWhatItDoesNotKnow) {
  EXPECT_EQ(keeper_main({}), 125);
  EXPECT_EQ(keeper_main({"--nonsense"}), 125);
  EXPECT_EQ(keeper_main({"--folder", "/nowhere", "--api-fd", "0", "--lock-fd", "1"}), 125);
}

}  // namespace
}  // namespace caisson::keeper

int main(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == "keeper")
    return caisson::keeper::keeper_main(std::vector<std::string>(argv + 2, argv + argc));
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
