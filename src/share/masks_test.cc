// SPDX-License-Identifier: Apache-2.0

#include "share/masks.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace caisson::share {
namespace {

TEST(Masks, ANameIsMaskedAnywhereAndInAnyCase) {
  const Masks masks({".env*", "*.pem", "id_[dr]sa"}, {});
  for (const char* hidden :
       {".env", ".ENV", ".env.local", "a/b/.Env", "KEY.PEM", "a/id_rsa", "id_DSA", ".env/below/it"})
    EXPECT_TRUE(masks.hides(hidden)) << hidden;
  for (const char* shown : {"env", "a.pem.txt", "id_rsa.pub", "my.environment", "a/b"})
    EXPECT_FALSE(masks.hides(shown)) << shown;
}

TEST(Masks, LettersThatFileSystemsWithoutCaseTakeForOthers) {
  const Masks masks({".kube", ".aws"}, {});
  EXPECT_TRUE(masks.hides(".\xE2\x84\xAAube"));
  EXPECT_TRUE(masks.hides(".aw\xC5\xBF"));
}

TEST(Masks, APathIsMaskedFromTheTopOnly) {
  const Masks masks({"config/master.key", "deploy/**/secret", "/top"}, {});
  for (const char* hidden : {"config/master.key", "Config/MASTER.key", "deploy/secret", "deploy/a/b/secret", "top"})
    EXPECT_TRUE(masks.hides(hidden)) << hidden;
  for (const char* shown : {"x/config/master.key", "master.key", "secret", "deploy", "deploy/a", "x/top"})
    EXPECT_FALSE(masks.hides(shown)) << shown;
}

TEST(Masks, WhatIsUnmaskedIsShown) {
  const Masks masks({".env*", "secrets/**"}, {".env.example", "secrets/README"});
  EXPECT_FALSE(masks.hides(".env.example"));
  EXPECT_FALSE(masks.hides("secrets/README"));
  EXPECT_TRUE(masks.hides(".env.local"));
  EXPECT_TRUE(masks.hides("secrets/key"));
}

TEST(Masks, FoldersOnTheWayToAMaskedPathAreKnown) {
  const Masks masks({"config/keys/master.key"}, {});
  const Masks::Step config = masks.step(masks.top(), "config", true);
  EXPECT_FALSE(config.masked);
  EXPECT_TRUE(masks.leads_to_masked(config.state));
  EXPECT_TRUE(masks.leads_to_masked(masks.step(config.state, "keys", false).state));
  EXPECT_FALSE(masks.leads_to_masked(masks.step(masks.top(), "src", true).state));
}

TEST(Masks, TheFolderOfApplyIsAlwaysMaskedInTheTop) {
  const Masks masks({}, {"*"});
  EXPECT_TRUE(masks.hides(".caisson-apply-7/0"));
  EXPECT_FALSE(masks.hides("a/.caisson-apply-7"));
}

TEST(Masks, CaissonsOwnPathsAreNeverShown) {
  const Masks masks({}, {"*", "**", "data/**"}, {"data/caisson", "a[b]/c*/own"});
  for (const char* hidden : {"data/caisson", "Data/CAISSON/sandboxes/web/policy.json", "a[b]/c*/own"})
    EXPECT_TRUE(masks.hides(hidden)) << hidden;
  for (const char* shown : {"data", "data/other", "x/data/caisson", "ab/c*/own", "a[b]/cx/own"})
    EXPECT_FALSE(masks.hides(shown)) << shown;
  EXPECT_TRUE(masks.leads_to_masked(masks.step(masks.top(), "data", true).state));
}

TEST(Masks, ATokenFileIsKnownByItsNameUnlessUnmasked) {
  EXPECT_TRUE(Masks({}, {}).step(0, ".NPMRC", false).token_holder);
  EXPECT_FALSE(Masks({}, {".npmrc"}).step(0, ".npmrc", false).token_holder);
  EXPECT_TRUE(holds_token("//r.example/:_authToken=x"));
  EXPECT_FALSE(holds_token("save-exact=true\n"));
}

TEST(Masks, WhatIsNoPatternIsRefused) {
  for (const std::string& pattern : {std::string(), std::string("a/../b"), std::string("."), std::string("/"),
                                     std::string("a\0b", 3), std::string(2000, 'a')})
    EXPECT_THROW(Masks({pattern}, {}), base::Error) << pattern;
  EXPECT_THROW(Masks(std::vector<std::string>(Masks::kMaxPatterns + 1, "a"), {}), base::Error);
  EXPECT_THROW(Masks(std::vector<std::string>(20, "a/b/c/d"), {}), base::Error);
}

}  // namespace
}  // namespace caisson::share
