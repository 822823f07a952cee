// SPDX-License-Identifier: Apache-2.0

#include "agents/package_names.h"

#include <gtest/gtest.h>

#include <string>

#include "base/error.h"

namespace caisson::agents {
namespace {

bool is_taken(void (*check)(std::string_view), std::string_view text) {
  try {
    check(text);
  } catch (const base::Error&) {
    return false;
  }
  return true;
}

TEST(PackageNames, OfApt) {
  for (const char* good : {"jq", "g++", "libc6.1-dev", "jq=1.6-2.1+deb12u1", "x0=1:2~rc1"})
    EXPECT_TRUE(is_taken(check_apt_package, good)) << good;
  for (const char* bad : {"", "j", "-y", "--no-install", "JQ", "jq ", "jq=", "jq=1 x", "./jq.deb", "/x.deb",
                          "jq/stable", "jq:arm64", "jq=1=2", "jq-", "jq\n"})
    EXPECT_FALSE(is_taken(check_apt_package, bad)) << bad;
  EXPECT_FALSE(is_taken(check_apt_package, std::string(215, 'a')));
}

TEST(PackageNames, OfNpm) {
  for (const char* good : {"opencode-ai", "@openai/codex", "@a/b@1.2.3-rc.1+x", "node@22", "x@latest"})
    EXPECT_TRUE(is_taken(check_npm_package, good)) << good;
  for (const char* bad : {"",
                          "@",
                          "@a",
                          "@a/",
                          "@/b",
                          "@a/b/c",
                          "a/b",
                          "-g",
                          "--global",
                          "Big",
                          "./x",
                          "x@",
                          "x@file:y",
                          "x@https://example.com",
                          "git+ssh://x",
                          "x@npm:y",
                          "x@^1",
                          "@-a/b",
                          "x y",
                          "@a/-b",
                          "@@a/b"})
    EXPECT_FALSE(is_taken(check_npm_package, bad)) << bad;
}

TEST(PackageNames, OfPip) {
  for (const char* good : {"httpx", "Flask", "a.b_c-d", "httpx==0.28.1", "x==1!2.0+local"})
    EXPECT_TRUE(is_taken(check_pip_package, good)) << good;
  for (const char* bad : {"", "-r", "--index-url=x", "x[extra]", "x>=1", "x===1", "x==", "./x",
                          "x @ https://example.com", "x; python_version", "x==1==2"})
    EXPECT_FALSE(is_taken(check_pip_package, bad)) << bad;
}

}  // namespace
}  // namespace caisson::agents
