// SPDX-License-Identifier: Apache-2.0

// Paths of HTTP requests, in the one form in which rules see them.
//
// A path rule is worth as much as the certainty that the server sees the path that the rule saw. Servers differ in what
// they decode, merge and cut; so a path that two servers could read differently has no canonical form, and is refused.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace caisson::gate {

inline constexpr size_t kMaxPathBytes = 8192;
inline constexpr size_t kMaxPathPatternBytes = 1024;

class CanonicalPath {
 public:
  const std::string& text() const { return text_; }
  bool has_escaped_slash() const;

 private:
  friend std::optional<CanonicalPath> canonical_path(std::string_view raw);
  explicit CanonicalPath(std::string text) : text_(std::move(text)) {}

  std::string text_;
};

// `raw`: the origin-form of a request's target; from '?' on it is cut off. Characters that need no escape are decoded,
// all others escaped with upper-case digits. Nothing where it does not begin with '/', is over kMaxPathBytes, or has an
// empty segment ("//"), a segment of dots only, ';', '\', '#', a control byte, a blank or a byte that is not ASCII, or
// in its escaped form any of these, '%', '?' or what is not UTF-8. (A blank may be escaped.)
//
// An escaped '/' stays one ("%2F"), a part of its segment; where a server would take it for a '/', the path has to be
// one that has a canonical form too. It is allowed by a rule only that has it in its path (npm's "/@scope%2fname").
std::optional<CanonicalPath> canonical_path(std::string_view raw);

// A pattern of a rule: a canonical path in which '*' stands for any bytes of one segment and '**' for any bytes at all.
// No star stands for an
// escaped '/'. Throws a base::Error.
std::string checked_path_pattern(std::string_view text);

bool path_matches(std::string_view pattern, std::string_view canonical);
// For deny rules: also where only the case of letters or a slash at the end differ, which many servers ignore, or
// whether a slash is escaped.
bool path_resembles(std::string_view pattern, std::string_view canonical);

}  // namespace caisson::gate
