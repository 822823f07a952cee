// SPDX-License-Identifier: Apache-2.0

#include "gate/names.h"

#include <gtest/gtest.h>

#include <set>

#include "gate/address_for_test.h"

namespace caisson::gate {
namespace {

TEST(NameTable, GivesANameItsAddressAndBack) {
  NameTable table(0);
  EXPECT_EQ(table.address_of("a.com"), ip("198.18.1.0"));
  EXPECT_EQ(table.address_of("b.com"), ip("198.18.1.1"));
  EXPECT_EQ(table.address_of("a.com"), ip("198.18.1.0"));
  EXPECT_EQ(table.name_of(ip("198.18.1.1")), "b.com");
  EXPECT_EQ(table.name_of(ip("198.18.1.2")), std::nullopt);
  EXPECT_EQ(table.name_of(ip("198.18.0.1")), std::nullopt);
  EXPECT_EQ(table.name_of(ip("2001:db8::1")), std::nullopt);
  EXPECT_EQ(table.size(), 2U);
}

TEST(NameTable, StartsWhereItIsTold) {
  EXPECT_EQ(NameTable(255).address_of("a.com"), ip("198.18.1.255"));
  EXPECT_EQ(NameTable(NameTable::kAddresses).address_of("a.com"), ip("198.18.1.0"));
  EXPECT_TRUE(is_synthetic(NameTable(UINT32_MAX).address_of("a.com").value()));
}

TEST(NameTable, UsesEveryAddressButTheReservedOnes) {
  NameTable table(12345, NameTable::kAddresses);
  std::set<IpAddress> given;
  for (uint32_t i = 0; i < NameTable::kAddresses; ++i) given.insert(table.address_of("n" + std::to_string(i)).value());
  EXPECT_EQ(given.size(), NameTable::kAddresses);
  EXPECT_EQ(*given.begin(), ip("198.18.1.0"));
  EXPECT_EQ(*given.rbegin(), ip("198.19.255.254"));
}

TEST(NameTable, ForgetsTheNameThatWasNotUsedForTheLongest) {
  NameTable table(0, 3);
  const IpAddress a = *table.address_of("a");
  const IpAddress b = *table.address_of("b");
  const IpAddress c = *table.address_of("c");
  table.address_of("a");
  table.name_of(b);
  table.address_of("d");
  EXPECT_EQ(table.size(), 3U);
  EXPECT_EQ(table.name_of(c), std::nullopt);
  EXPECT_EQ(table.name_of(a), "a");
  EXPECT_EQ(table.name_of(b), "b");
}

TEST(NameTable, DoesNotForgetAPinnedName) {
  NameTable table(0, 2);
  const IpAddress a = *table.address_of("a");
  EXPECT_TRUE(table.pin(a));
  EXPECT_TRUE(table.pin(a));
  table.address_of("b");
  table.address_of("c");
  EXPECT_EQ(table.name_of(a), "a");
  table.unpin(a);
  table.address_of("d");
  EXPECT_EQ(table.name_of(a), "a");
  table.unpin(a);
  table.unpin(a);
  table.address_of("e");  // forgets d: a was just used
  table.address_of("f");
  EXPECT_EQ(table.name_of(a), std::nullopt);
  EXPECT_FALSE(table.pin(a));
}

TEST(NameTable, HasNoAddressWhereAllArePinned) {
  NameTable table(0, 2);
  const IpAddress a = *table.address_of("a");
  table.pin(a);
  table.pin(*table.address_of("b"));
  EXPECT_EQ(table.address_of("c"), std::nullopt);
  EXPECT_EQ(table.address_of("a"), a);
  table.unpin(a);
  EXPECT_TRUE(table.address_of("c"));
}

TEST(NameTable, GivesAnAddressAgainOnlyAfterAllOthers) {
  NameTable table(0, 2);
  const IpAddress pinned = *table.address_of("pinned");
  table.pin(pinned);
  const IpAddress first = *table.address_of("first");
  for (uint32_t i = 0; i < NameTable::kAddresses - 2; ++i) {
    const IpAddress next = *table.address_of("n" + std::to_string(i));
    ASSERT_NE(next, first) << i;
    ASSERT_NE(next, pinned) << i;
  }
  EXPECT_EQ(table.address_of("last"), first);
}

TEST(IsSynthetic, IsTheWholeNetwork) {
  EXPECT_TRUE(is_synthetic(ip("198.18.0.1")));
  EXPECT_TRUE(is_synthetic(ip("198.19.255.255")));
  EXPECT_FALSE(is_synthetic(ip("198.20.0.0")));
  EXPECT_FALSE(is_synthetic(ip("198.17.255.255")));
  EXPECT_FALSE(is_synthetic(ip("::c612:1")));
}

}  // namespace
}  // namespace caisson::gate
