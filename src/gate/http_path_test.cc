// SPDX-License-Identifier: Apache-2.0

#include "gate/http_path.h"

#include <gtest/gtest.h>

#include <random>

#include "base/error.h"

namespace caisson::gate {
namespace {

std::string canonical(std::string_view raw) {
  const auto path = canonical_path(raw);
  return path ? path->text() : "refused";
}

TEST(CanonicalPath, HasOneSpellingForOnePath) {
  struct {
    const char* raw;
    const char* canonical;
  } constexpr kCases[] = {
      {"/", "/"},
      {"/a/b.c", "/a/b.c"},
      {"/a/", "/a/"},
      {"/%61dmin", "/admin"},
      {"/%41dmin", "/Admin"},
      {"/a%2Db%2e%5F%7e", "/a-b._~"},
      {"/a%21%40%3a%2c", "/a!@:,"},
      {"/a!@:,", "/a!@:,"},
      {"/a%20b", "/a%20b"},
      {"/caf%c3%a9", "/caf%C3%A9"},
      {"/a[1]{2}|\"<>^`", "/a%5B1%5D%7B2%7D%7C%22%3C%3E%5E%60"},
      {"/a?b=/../;", "/a"},
      {"/?", "/"},
      {"/.git/config", "/.git/config"},
      {"/a..b/c..", "/a..b/c.."},
      {"/@scope%2fname", "/@scope%2Fname"},
      {"/%40scope%2Fname/", "/@scope%2Fname/"},
  };
  for (const auto& one : kCases) EXPECT_EQ(canonical(one.raw), one.canonical) << one.raw;
}

TEST(CanonicalPath, IsNotThereForWhatServersReadDifferently) {
  for (const char* raw : {
           "",
           "a",
           "*",
           "?",
           "http://x/",
           "//",
           "/a//b",
           "//a",
           "/a//",  // segments
           "/.",
           "/..",
           "/./a",
           "/a/.",
           "/a/..",
           "/a/../b",
           "/...",
           "/%2e%2e/a",
           "/%2e/",
           "/.%2E/b",  // dots
           "/..%20/a",
           "/%20",
           "/a/%20./b",  // and blanks
           "/a%2f/b",
           "/a/%2Fb",
           "/%2f",
           "/a%2f%2fb",
           "/a%2f..%2fb",
           "/..%2fa",
           "/a%2f.",
           "/%252fa",
           "/a%5cb",
           "/a\\b",
           "/..\\a",
           "/a%00",
           "/a%00.png",
           "/a%0d%0ab",
           "/a%7f",
           "/a\x01",
           "/a b",
           "/a;b",
           "/a;/../b",
           "/a%3bb",
           "/a%3Bjsessionid=1/b",  // parameters
           "/%252e%252e/a",
           "/a%25",
           "/a%3fb",
           "/a%23b",
           "/a#b",  // decoded twice
           "/a%",
           "/a%2",
           "/a%zz",
           "/a%2g",
           "/%u002e",  // no escapes
           "/a\xc3\xa9",
           "/%c0%ae%c0%ae/a",
           "/%ff",
           "/%c3",
           "/%ed%a0%80",  // no UTF-8
       }) {
    EXPECT_EQ(canonical(raw), "refused") << raw;
  }
  EXPECT_FALSE(canonical_path(std::string_view("/a\0b", 4)));
}

TEST(CanonicalPath, IsBounded) {
  EXPECT_TRUE(canonical_path("/" + std::string(kMaxPathBytes - 1, 'a')));
  EXPECT_FALSE(canonical_path("/" + std::string(kMaxPathBytes, 'a')));
  EXPECT_TRUE(canonical_path("/a?" + std::string(kMaxPathBytes, 'a')));
}

TEST(CanonicalPath, OfItselfIsItself) {
  for (const char* raw : {"/a%20b", "/a[1]", "/caf%c3%a9", "/%61"})
    EXPECT_EQ(canonical(canonical(raw)), canonical(raw));
}

TEST(PathMatches, StarsStayInTheirSegment) {
  struct {
    const char* pattern;
    const char* path;
    bool matches;
  } constexpr kCases[] = {
      {"/a", "/a", true},
      {"/a", "/A", false},
      {"/a", "/a/", false},
      {"/a", "/ab", false},
      {"/*", "/a", true},
      {"/*", "/", true},
      {"/*", "/a/b", false},
      {"/*/b", "/a/b", true},
      {"/*/b", "/a/c/b", false},
      {"/a*c", "/abbc", true},
      {"/a*c", "/ab/c", false},
      {"/**", "/", true},
      {"/**", "/a/b/c", true},
      {"/a/**", "/a/", true},
      {"/a/**", "/a/b/c", true},
      {"/a/**", "/a", false},
      {"/a/**", "/ab/c", false},
      {"/**/c", "/a/b/c", true},
      {"/**/c", "/c", false},
      {"/**.git/*", "/x/y.git/info", true},
      {"/**.git/*", "/x/y.git/info/refs", false},
      {"/*/*/git-upload-pack", "/u/r/git-upload-pack", true},
  };
  for (const auto& one : kCases)
    EXPECT_EQ(path_matches(one.pattern, one.path), one.matches) << one.pattern << " " << one.path;
}

TEST(PathMatches, AnEscapedSlashIsNoSlashAndInNoStar) {
  struct {
    const char* pattern;
    const char* path;
    bool matches;
    bool resembles;
  } constexpr kCases[] = {
      {"/@a%2Fb", "/@a%2Fb", true, true},      {"/@a%2Fb", "/@a/b", false, true},
      {"/@a/b", "/@a%2Fb", false, true},       {"/@*%2F*", "/@a%2Fb", true, true},
      {"/@*%2F*", "/@a%2Fb%2Fc", false, true}, {"/*", "/@a%2Fb", false, true},
      {"/**", "/@a%2Fb", false, true},         {"/@a/**", "/@a%2Fb", false, true},
      {"/@a%2F**", "/@a%2Fb/c", true, true},   {"/@a%2Fb", "/@a%2Fc", false, false},
      {"/@a%2Fb", "/@A%2FB/", false, true},
  };
  for (const auto& one : kCases) {
    EXPECT_EQ(path_matches(one.pattern, one.path), one.matches) << one.pattern << " " << one.path;
    EXPECT_EQ(path_resembles(one.pattern, one.path), one.resembles) << one.pattern << " " << one.path;
  }
}

TEST(PathMatches, ManyStarsCostNoMoreThanTheirNumber) {
  std::string pattern = "/";
  for (int i = 0; i < 300; ++i) pattern += "**a";
  EXPECT_FALSE(path_matches(pattern, "/" + std::string(299, 'a')));
  EXPECT_TRUE(path_matches(pattern, "/" + std::string(3000, 'a')));
}

// The plainest reading of a pattern.
bool plainly_matches(std::string_view pattern, std::string_view path) {
  if (pattern.empty()) return path.empty();
  if (!pattern.starts_with('*')) {
    return !path.empty() && pattern[0] == path[0] && plainly_matches(pattern.substr(1), path.substr(1));
  }
  const size_t stars = pattern.starts_with("**") ? 2 : 1;
  for (size_t taken = 0; taken <= path.size(); ++taken) {
    if (plainly_matches(pattern.substr(stars), path.substr(taken))) return true;
    if (stars == 1 && taken < path.size() && path[taken] == '/') return false;
  }
  return false;
}

TEST(PathMatches, AgreesWithThePlainestReading) {
  std::mt19937 random(7);
  auto below = [&random](size_t bound) { return std::uniform_int_distribution<size_t>(0, bound - 1)(random); };
  int matched = 0;
  for (int round = 0; round < 3000; ++round) {
    // Also longer than the words in which positions are kept, stars at their borders included.
    std::string path = "/" + std::string(below(130), 'a');
    for (size_t i = below(6); i > 0; --i) path[below(path.size())] = "/b"[below(2)];
    std::string pattern = path;
    for (size_t i = below(4); i > 0; --i) {
      const size_t at = below(pattern.size()) + 1;
      pattern.replace(at, below(pattern.size() - at + 1), below(2) == 0 ? "*" : "**");
    }
    if (below(3) == 0) path[below(path.size())] = "/b"[below(2)];
    if (pattern.find("***") != std::string::npos) continue;
    const bool wanted = plainly_matches(pattern, path);
    ASSERT_EQ(path_matches(pattern, path), wanted) << pattern << " " << path;
    matched += wanted ? 1 : 0;
  }
  EXPECT_GT(matched, 200);
}

TEST(PathResembles, IgnoresCaseAndASlashAtTheEnd) {
  EXPECT_TRUE(path_resembles("/admin", "/ADMIN"));
  EXPECT_TRUE(path_resembles("/Admin", "/admin/"));
  EXPECT_TRUE(path_resembles("/admin/", "/admin"));
  EXPECT_TRUE(path_resembles("/admin/**", "/admin"));
  EXPECT_FALSE(path_resembles("/admin", "/admins"));
  EXPECT_FALSE(path_resembles("/admin", "/x/admin"));
}

TEST(CheckedPathPattern, RefusesWhatCouldNeverMatch) {
  EXPECT_EQ(checked_path_pattern("/%61/*/**"), "/a/*/**");
  EXPECT_EQ(checked_path_pattern("/@scope%2fname"), "/@scope%2Fname");
  for (const char* text : {"", "a", "/a//b", "/../a", "/a?b", "/a;b", "/***", "/a%2ab", "/%2A"}) {
    EXPECT_THROW(checked_path_pattern(text), base::Error) << text;
  }
  EXPECT_THROW(checked_path_pattern("/" + std::string(kMaxPathPatternBytes, 'a')), base::Error);
}

}  // namespace
}  // namespace caisson::gate
