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

using testing::HasSubstr;

// A sandbox of an engine that the registry does not have: its keeper cannot do more than say so.
TEST(LaunchKeeper, AKeeperThatCannotServeSaysWhyAndGivesTheSandboxBack) {
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
  const Sandbox sandbox = read_sandbox("kt-launch");
  // Its lock goes with its process, which this waits for.
  base::FileLock::acquire(sandbox.folder + "/lock");
  EXPECT_EQ(read_sandbox("kt-launch").state.status, Status::kCreated);
  EXPECT_THAT(base::read_file(sandbox.folder + "/keeper.log"), HasSubstr("this caisson has no engine 'fake'"));
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
