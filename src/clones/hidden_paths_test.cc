// SPDX-License-Identifier: Apache-2.0

#include "clones/hidden_paths.h"

#include <gtest/gtest.h>

namespace caisson::clones {
namespace {

using Sight = HiddenPaths::Sight;

TEST(HiddenPaths, AreThoseOfTheShare) {
  const HiddenPaths paths({".env*", ".aws", "config/key"}, {".env.example"});
  EXPECT_EQ(paths.look("readme").sight, Sight::kVisible);
  EXPECT_EQ(paths.look("a/.ENV.local").sight, Sight::kHidden);
  EXPECT_EQ(paths.look("a/.ENV.local").hidden, "a/.ENV.local");
  EXPECT_EQ(paths.look("a/.env.example").sight, Sight::kVisible);
  EXPECT_EQ(paths.look("b/.aws/deep/config").sight, Sight::kHidden);
  EXPECT_EQ(paths.look("b/.aws/deep/config").hidden, "b/.aws");
  EXPECT_EQ(paths.look("config/key").sight, Sight::kHidden);
  EXPECT_EQ(paths.look("b/config/key").sight, Sight::kVisible);
}

TEST(HiddenPaths, ANpmrcIsHiddenByWhatIsInIt) {
  const HiddenPaths paths({".env"}, {});
  EXPECT_EQ(paths.look("a/.npmrc").sight, Sight::kByContent);
  EXPECT_EQ(paths.look(".npmrc/file").sight, Sight::kVisible);
  EXPECT_EQ(HiddenPaths({".env"}, {".npmrc"}).look(".npmrc").sight, Sight::kVisible);
  EXPECT_EQ(HiddenPaths({".npmrc"}, {}).look(".npmrc").sight, Sight::kHidden);
}

TEST(HiddenPaths, ALineNamesOnePath) {
  EXPECT_EQ(sparse_line("a/.env"), "!/a/.env");
  EXPECT_EQ(sparse_line("a*[b]?\\ "), "!/a\\*\\[b]\\?\\\\\\ ");
  EXPECT_EQ(sparse_line("a\nb"), "!/a?b");
}

}  // namespace
}  // namespace caisson::clones
