// SPDX-License-Identifier: Apache-2.0

#include "sys/namespaces.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include "base/process.h"

namespace caisson::sys {
namespace {

constexpr const char* kWholeMap = "         0          0 4294967295\n";

TEST(Namespaces, RootBecomesNobody) {
  const auto ids = choose_outer_ids(0, 0, kWholeMap, kWholeMap);
  ASSERT_TRUE(ids);
  EXPECT_EQ(ids->uid, 65534u);
  EXPECT_EQ(ids->gid, 65534u);
}

TEST(Namespaces, AnOrdinaryUserStaysItself) {
  const auto ids = choose_outer_ids(1000, 100, kWholeMap, kWholeMap);
  ASSERT_TRUE(ids);
  EXPECT_EQ(ids->uid, 1000u);
  EXPECT_EQ(ids->gid, 100u);
}

TEST(Namespaces, InAContainerTheHighestIdThereIs) {
  const auto ids = choose_outer_ids(0, 0, "0 100000 1000\n", "0 1000 1\n1 100000 500\n");
  ASSERT_TRUE(ids);
  EXPECT_EQ(ids->uid, 999u);
  EXPECT_EQ(ids->gid, 500u);
}

TEST(Namespaces, WhereOnlyRootExistsThereIsNobodyElse) {
  EXPECT_FALSE(choose_outer_ids(0, 0, "0 1000 1\n", "0 1000 1\n"));
  EXPECT_FALSE(choose_outer_ids(0, 0, "", ""));
}

TEST(Namespaces, MapsAndBecomesTheInnerId) {
  const auto outer = choose_outer_ids();
  if (!outer) GTEST_SKIP() << "only root is mapped here";
  base::FdPair go = base::make_pipe();
  const CloneResult cloned = clone_process(CLONE_NEWUSER);
  if (cloned.pid < 0) GTEST_SKIP() << "the host allows this user no user namespace";
  if (cloned.pid == 0) {
    char byte = 0;
    if (::read(go.first.get(), &byte, 1) != 1) ::_exit(1);
    if (::geteuid() == 0) ::_exit(2);
    if (become(kInnerId, kInnerId) != 0) ::_exit(3);
    ::_exit(::getuid() == kInnerId && ::getegid() == kInnerId ? 0 : 4);
  }
  base::Child child(cloned.pid, base::Fd(cloned.pidfd));
  write_id_maps(cloned.pid, *outer);
  base::write_all(go.second.get(), std::string_view("g"), "a pipe");
  EXPECT_EQ(child.wait().text(), "exited with 0");
}

}  // namespace
}  // namespace caisson::sys
