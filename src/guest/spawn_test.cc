// SPDX-License-Identifier: Apache-2.0

#include "guest/spawn.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "base/temp_folder_for_test.h"

namespace caisson::guest {
namespace {

SpawnPlan plan_of(const Anchors& anchors, std::vector<std::string> argv) {
  SpawnPlan plan;
  plan.candidates = {argv[0]};
  plan.argv = std::move(argv);
  plan.change_user = false;
  plan.in = plan.out = plan.err = anchors.null.get();
  return plan;
}

int status_of(pid_t pid) {
  int status = 0;
  EXPECT_EQ(::waitpid(pid, &status, 0), pid);
  return status;
}

TEST(Spawn, ABirthIsTheChild) {
  const Anchors anchors = open_anchors();
  Birth birth;
  spawn(anchors, plan_of(anchors, {"/bin/sh", "-c", "exit 3"}), birth);
  const Spawned child = birth.take();
  EXPECT_GT(child.pid, 0);
  EXPECT_TRUE(child.pidfd);
  EXPECT_EQ(WEXITSTATUS(status_of(child.pid)), 3);
}

TEST(Spawn, AChildThatNobodyWantsAnyMoreIsNotMade) {
  const Anchors anchors = open_anchors();
  Birth birth;
  birth.kill();
  EXPECT_THROW(spawn(anchors, plan_of(anchors, {"/bin/true"}), birth), base::Error);
  EXPECT_EQ(birth.pid(), 0);
}

// A folder in which everything waits for a server that never answers.
struct DeadFileSystem {
  DeadFileSystem() : server(::open("/dev/fuse", O_RDWR | O_CLOEXEC)) {
    const std::string options = "fd=" + std::to_string(server.get()) + ",rootmode=40000,user_id=0,group_id=0";
    mounted = server && ::mount("dead", folder.path().c_str(), "fuse", 0, options.c_str()) == 0;
  }
  ~DeadFileSystem() {
    if (mounted) ::umount2(folder.path().c_str(), MNT_DETACH);
  }
  base::TempFolder folder;
  base::Fd server;
  bool mounted;
};

TEST(Spawn, AChildThatNeverGetsToExecuteIsKilledFromOutside) {
  const DeadFileSystem dead;
  if (!dead.mounted) GTEST_SKIP() << "no FUSE file system can be mounted here";
  const Anchors anchors = open_anchors();
  SpawnPlan plan = plan_of(anchors, {"/bin/true"});
  plan.folder = dead.folder.path();
  Birth birth;
  std::thread parent([&] { spawn(anchors, plan, birth); });
  while (birth.pid() == 0) std::this_thread::yield();
  birth.kill();
  parent.join();
  EXPECT_EQ(WTERMSIG(status_of(birth.take().pid)), SIGKILL);
}

}  // namespace
}  // namespace caisson::guest
