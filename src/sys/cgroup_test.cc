// SPDX-License-Identifier: Apache-2.0

#include "sys/cgroup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>

#include "base/process.h"
#include "sys/in_child_for_test.h"

namespace caisson::sys {
namespace {

TEST(CgroupPlaces, UnifiedHierarchyOfALaptop) {
  const auto places =
      parse_cgroup_places("31 25 0:26 / /sys/fs/cgroup rw,nosuid,nodev shared:4 - cgroup2 cgroup2 rw,nsdelegate\n",
                          "0::/user.slice/user-1000.slice/user@1000.service/app.slice/term.scope\n");
  ASSERT_EQ(places.size(), 1u);
  EXPECT_EQ(places[0].controller, "");
  EXPECT_EQ(places[0].folder, "/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/app.slice/term.scope");
  EXPECT_EQ(places[0].mount, "/sys/fs/cgroup");
}

TEST(CgroupPlaces, SeparateControllers) {
  const auto places = parse_cgroup_places(
      "30 20 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
      "31 20 0:31 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
      "32 20 0:32 / /sys/fs/cgroup/blkio rw - cgroup cgroup rw,blkio\n",
      "4:memory:/jobs/a\n1:cpu,cpuacct:/\n7:blkio:/\n");
  ASSERT_EQ(places.size(), 2u);
  EXPECT_EQ(places[0].controller, "memory");
  EXPECT_EQ(places[0].folder, "/sys/fs/cgroup/memory/jobs/a");
  EXPECT_EQ(places[1].controller, "cpu");
  EXPECT_EQ(places[1].folder, "/sys/fs/cgroup/cpu,cpuacct");
}

TEST(CgroupPlaces, InAContainerThePathIsBelowTheMountsRoot) {
  const auto places = parse_cgroup_places("30 20 0:30 /docker/x /sys/fs/cgroup/pids ro - cgroup cgroup rw,pids\n",
                                          "8:pids:/docker/x/inner\n");
  ASSERT_EQ(places.size(), 1u);
  EXPECT_EQ(places[0].folder, "/sys/fs/cgroup/pids/inner");
}

TEST(CgroupPlaces, NonsenseIsNoPlace) {
  EXPECT_TRUE(parse_cgroup_places("", "").empty());
  EXPECT_TRUE(parse_cgroup_places("a b c\n- - - -\n1 2 3 4 5 6 - cgroup\n", "::\nx\n").empty());
}

TEST(Cgroup, HoldsKillsAndGoesAway) {
  const std::string name = "cgrouptest-" + std::to_string(::getpid());
  base::Child sleeper = base::spawn({.argv = {"sleep", "1000"}});
  bool any = false;
  {
    Cgroup group = Cgroup::create(name, {.memory = base::mebibytes(64), .pids = 8, .cpu_percent = 100});
    group.add(sleeper.pid());
    for (const WallPart& part : group.wall()) any |= part.stands;
    if (!any) GTEST_SKIP() << group.wall().front().detail;
    group.kill();
    EXPECT_EQ(sleeper.wait().signal, SIGKILL);
  }
  // A group of that name is made anew, so the first is gone or was taken over; and can be removed by name.
  Cgroup::remove(name);
}

bool exists(const std::string& name) {
  const auto options = std::filesystem::directory_options::skip_permission_denied;
  std::error_code ignored;  // groups of others come and go
  for (auto entry = std::filesystem::recursive_directory_iterator("/sys/fs/cgroup", options, ignored);
       entry != std::filesystem::recursive_directory_iterator(); entry.increment(ignored)) {
    if (entry->path().filename() == "caisson-" + name) return true;
  }
  return false;
}

TEST(Cgroup, IsGoneWhenItWasRemovedWithWhatRanInIt) {
  const std::string name = "cgrouptest4-" + std::to_string(::getpid());
  base::Child sleeper = base::spawn({.argv = {"sleep", "1000"}});
  Cgroup group = Cgroup::create(name, {.memory = base::mebibytes(64), .pids = 8, .cpu_percent = 100});
  if (!exists(name)) GTEST_SKIP() << group.wall().front().detail;
  group.add(sleeper.pid());
  Cgroup::remove(name);
  EXPECT_FALSE(exists(name));
  EXPECT_EQ(sleeper.wait().signal, SIGKILL);
}

TEST(Cgroup, OneWhoseOwnerWasKilledIsSwept) {
  const std::string prefix = "cgrouptest3-" + std::to_string(::getpid()) + "-";
  const CgroupLimits limits{.memory = base::mebibytes(64), .pids = 8, .cpu_percent = 100};
  const Cgroup living = Cgroup::create(prefix + "living", limits);
  if (!exists(prefix + "living")) GTEST_SKIP() << living.wall().front().detail;
  ASSERT_EQ(in_child([&] {
              const Cgroup dead = Cgroup::create(prefix + "dead", limits);
              return static_cast<int>(::syscall(SYS_kill, ::getpid(), SIGKILL));
            }),
            128 + SIGKILL);
  EXPECT_TRUE(exists(prefix + "dead"));
  EXPECT_TRUE(Cgroup::sweep(prefix));
  EXPECT_FALSE(exists(prefix + "dead"));
  EXPECT_TRUE(exists(prefix + "living"));
}

TEST(Cgroup, TheOwnOnesAreKnownByName) {
  const std::string name = "cgrouptest5-" + std::to_string(::getpid());
  const CgroupLimits limits{.memory = base::mebibytes(64), .pids = 8, .cpu_percent = 100};
  Cgroup moved;
  {
    Cgroup first = Cgroup::create(name, limits);
    moved = std::move(first);
  }
  EXPECT_THAT(Cgroup::own(), testing::Contains(name));
  moved = Cgroup();
  EXPECT_THAT(Cgroup::own(), testing::Not(testing::Contains(name)));
}

TEST(Cgroup, AWallPartForEachLimit) {
  const Cgroup group = Cgroup::create("cgrouptest2-" + std::to_string(::getpid()),
                                      {.memory = base::mebibytes(64), .pids = 8, .cpu_percent = 100});
  ASSERT_EQ(group.wall().size(), 3u);
  for (const WallPart& part : group.wall()) EXPECT_FALSE(part.detail.empty()) << part.name;
}

}  // namespace
}  // namespace caisson::sys
