// SPDX-License-Identifier: Apache-2.0

// What `doctor` says of hosts that lack something.

#include "cli/host_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "base/error.h"

namespace caisson::cli {
namespace {

using testing::AllOf;
using testing::Each;
using testing::Field;
using testing::HasSubstr;
using testing::StartsWith;

class HostCheckTest : public testing::Test {
 protected:
  // A host of an ordinary user that has everything but fakechroot.
  HostCheckTest() {
    host_.user = "ann";
    host_.uid = "1000";
    host_.find_program = [this](const std::string& name) {
      return missing_.contains(name) ? std::string() : "/usr/bin/" + name;
    };
    host_.landlock_version = 3;
    host_.no_namespaces = "";
    host_.subordinate_ids = {{"/etc/subuid", "bob:1:65536\nann:100000:65536\n"},
                             {"/etc/subgid", "1000:100000:65536\n"}};
    host_.cgroup_wall = {{.name = "memory", .stands = true, .detail = ""}};
  }

  static HostCheck one(const std::vector<HostCheck>& checks, const std::string& name) {
    const auto found =
        std::find_if(checks.begin(), checks.end(), [&](const HostCheck& check) { return check.name == name; });
    if (found == checks.end()) throw base::Error("there is no check " + name);
    return *found;
  }
  HostCheck program(const std::string& name) const { return one(check_programs(host_), name); }
  HostCheck kernel(const std::string& name) const { return one(check_kernel(host_), name); }

  std::set<std::string> missing_{"fakechroot"};
  HostFindings host_;
};

void expect_check(const HostCheck& check, Verdict verdict, const std::string& detail, const std::string& remedy) {
  EXPECT_EQ(to_string(check.verdict), to_string(verdict)) << check.name;
  EXPECT_THAT(check.detail, HasSubstr(detail)) << check.name;
  EXPECT_THAT(check.remedy, remedy.empty() ? testing::Matcher<std::string>(testing::IsEmpty())
                                           : testing::Matcher<std::string>(HasSubstr(remedy)))
      << check.name;
}

TEST_F(HostCheckTest, WhereNothingIsMissingAllIsWell) {
  const auto is_well = AllOf(Field(&HostCheck::verdict, Verdict::kOk), Field(&HostCheck::remedy, ""));
  EXPECT_THAT(check_programs(host_), Each(is_well));
  EXPECT_THAT(check_kernel(host_), Each(is_well));
  EXPECT_EQ(program("qemu-img").detail, "/usr/bin/qemu-img");
}

TEST_F(HostCheckTest, AMissingProgramIsNamedWithItsPackage) {
  missing_.insert({"qemu-system-x86_64", "mkfs.erofs", "skopeo"});
  expect_check(program("qemu-system-x86_64"), Verdict::kFail, "missing (runs microVMs)",
               "apt-get install qemu-system-x86");
  expect_check(program("mkfs.erofs"), Verdict::kFail, "missing (makes images)", "apt-get install erofs-utils");
  // Without it there is less, but there are sandboxes.
  expect_check(program("skopeo"), Verdict::kWarn, "missing (imports images from registries)", "apt-get install skopeo");
  expect_check(program("git"), Verdict::kOk, "/usr/bin/git", "");
}

TEST_F(HostCheckTest, NewuidmapIsNeededByOrdinaryUsersWithoutFakechroot) {
  missing_.insert("newuidmap");
  expect_check(program("newuidmap"), Verdict::kFail, "missing", "apt-get install uidmap");
  host_.root = true;
  expect_check(program("newuidmap"), Verdict::kOk, "not needed here", "");
  host_.root = false;
  missing_.erase("fakechroot");
  expect_check(program("newuidmap"), Verdict::kOk, "not needed here", "");
}

TEST_F(HostCheckTest, WithoutTheWallNothingCanRun) {
  host_.no_seccomp = "Invalid argument";
  expect_check(kernel("seccomp"), Verdict::kFail, "Invalid argument", "CONFIG_SECCOMP_FILTER");
  host_.landlock_version = 1;
  expect_check(kernel("landlock"), Verdict::kFail, "version 1", "5.19");
  host_.landlock_version = -1;
  host_.no_landlock = "Operation not supported";
  expect_check(kernel("landlock"), Verdict::kFail, "Operation not supported", "lsm=");
}

TEST_F(HostCheckTest, ForbiddenNamespacesAreRootsProblemOnly) {
  host_.no_namespaces = "Operation not permitted";
  expect_check(kernel("user namespaces"), Verdict::kWarn, "Operation not permitted", "apparmor_restrict");
  host_.root = true;
  expect_check(kernel("user namespaces"), Verdict::kFail, "Operation not permitted", "apparmor_restrict");
  host_.no_namespaces = std::nullopt;
  expect_check(kernel("user namespaces"), Verdict::kWarn, "could not be tried", "");
}

TEST_F(HostCheckTest, TheFileWithoutSubordinateIdsIsNamed) {
  const std::string remedy = "usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ann";
  host_.subordinate_ids[1].text = "ann:100000:65535\nannie:1:65536\n1000:1\nann:x:y\n";
  expect_check(kernel("subordinate ids"), Verdict::kWarn, "/etc/subgid has no 65536 for 'ann'", remedy);
  host_.subordinate_ids[0].text = "";
  expect_check(kernel("subordinate ids"), Verdict::kWarn, "/etc/subuid has no 65536 for 'ann'", remedy);
  missing_.erase("fakechroot");
  expect_check(kernel("subordinate ids"), Verdict::kOk, "not needed beside fakechroot", "");
  host_.root = true;
  expect_check(kernel("subordinate ids"), Verdict::kOk, "not needed by root", "");
}

TEST_F(HostCheckTest, LimitsThatCannotBeHadAreListed) {
  host_.cgroup_wall = {{.name = "memory", .stands = false, .detail = "no such controller"},
                       {.name = "pids", .stands = true, .detail = ""},
                       {.name = "cpu", .stands = false, .detail = "not delegated"}};
  expect_check(kernel("cgroups"), Verdict::kWarn, "memory: no such controller; cpu: not delegated", "Delegate=yes");
}

TEST_F(HostCheckTest, AFolderWithoutRoomIsSaid) {
  const Room room{.wanted = base::gibibytes(8), .needed = base::gibibytes(1)};
  expect_check(space_check("space", "/a", base::gibibytes(8), room), Verdict::kOk, "8 GiB free in '/a'", "");
  expect_check(space_check("space", "/a", base::gibibytes(2), room), Verdict::kWarn, "2 GiB free", "make room: 8 GiB");
  expect_check(space_check("space", "/a", base::mebibytes(1), room), Verdict::kFail, "1 MiB free", "make room: 8 GiB");
}

TEST_F(HostCheckTest, ThisHostIsLookedAt) {
  const HostFindings here = look_at_host();
  EXPECT_THAT(here.find_program("sh"), StartsWith("/"));
  EXPECT_EQ(here.subordinate_ids.size(), 2U);
  EXPECT_FALSE(here.user.empty());
}

}  // namespace
}  // namespace caisson::cli
