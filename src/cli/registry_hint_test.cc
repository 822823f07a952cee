// SPDX-License-Identifier: Apache-2.0

#include "cli/registry_hint.h"

#include <gtest/gtest.h>

namespace caisson::cli {
namespace {

TEST(RegistryHint, IsForHostsOfRegistriesOnly) {
  const std::vector<gate::Rule> registries = {gate::parse_rule("packages.example:443"),
                                              gate::parse_rule("mirror.example:80")};
  const std::string hint =
      "'mirror.example' is a package registry of this machine's (to allow all of them: --allow @registries)";
  EXPECT_EQ(registry_hint({"a.example:443", "mirror.example"}, registries), hint);
  EXPECT_EQ(registry_hint({"mirror.example:80"}, registries),
            "'mirror.example:80' is a package registry of this machine's (to allow all of them: --allow @registries)");
  EXPECT_EQ(registry_hint({"a.example", "sub.mirror.example", "not a rule"}, registries), "");
  EXPECT_EQ(registry_hint({"mirror.example"}, {}), "");
  EXPECT_EQ(own_registry_hint({}, {}), "");
}

}  // namespace
}  // namespace caisson::cli
