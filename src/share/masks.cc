// SPDX-License-Identifier: Apache-2.0

#include "share/masks.h"

#include <fnmatch.h>

#include <algorithm>

#include "base/error.h"
#include "base/text.h"

namespace caisson::share {
namespace {

constexpr std::string_view kTokenFile = ".npmrc";
constexpr size_t kMaxPatternBytes = 1024;

// Lower case, for ASCII and the two other letters that file systems without case take for ASCII's: the Kelvin sign and
// the long s. Other bytes are as they are.
std::string folded(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i, 3) == "\xE2\x84\xAA") {
      out += 'k';
      i += 2;
    } else if (text.substr(i, 2) == "\xC5\xBF") {
      out += 's';
      i += 1;
    } else {
      out += text[i] >= 'A' && text[i] <= 'Z' ? static_cast<char>(text[i] - 'A' + 'a') : text[i];
    }
  }
  return out;
}

// `name` is folded already. fnmatch(3) in the C locale: bytes, so names that are no UTF-8 are matched as well.
bool matches(const std::string& pattern, const std::string& name) {
  return ::fnmatch(pattern.c_str(), name.c_str(), FNM_NOESCAPE) == 0;
}

bool matches_any(const std::vector<std::string>& patterns, const std::string& name) {
  return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& one) { return matches(one, name); });
}

// A pattern that matches this path alone.
std::string as_pattern(std::string_view path) {
  std::string pattern;
  for (const char c : path)
    pattern +=
        std::string_view("*?[").find(c) == std::string_view::npos ? std::string(1, c) : std::string("[") + c + "]";
  return pattern;
}

void check(const std::string& pattern) {
  const char* problem = nullptr;
  if (pattern.empty()) problem = "it is empty";
  if (pattern.size() > kMaxPatternBytes) problem = "it is too long";
  if (pattern.find('\0') != std::string::npos) problem = "it has a NUL";
  for (const std::string& part : base::split(pattern, '/')) {
    if (part == "." || part == "..") problem = "it has '.' or '..'";
  }
  if (problem != nullptr)
    throw base::Error("the mask " + base::in_quotes(pattern) + " is none: " + problem,
                      "a name as '.env*', or a path from the top of the folder as 'config/secrets/**'");
}

}  // namespace

Masks::Masks(const std::vector<std::string>& masks, const std::vector<std::string>& unmask,
             const std::vector<std::string>& own) {
  for (const auto* list : {&masks, &unmask}) {
    if (list->size() > kMaxPatterns)
      throw base::Error("there are more than " + std::to_string(kMaxPatterns) + " masks");
    for (const std::string& pattern : *list) {
      check(pattern);
      std::string_view text = pattern;
      while (text.ends_with('/')) text.remove_suffix(1);
      // "**/x" is x anywhere.
      while (text.starts_with("**/")) text.remove_prefix(3);
      const bool path = text.find('/') != std::string_view::npos || pattern.starts_with('/');
      if (path) {
        add_path(text, list == &unmask ? Kind::kUnmask : Kind::kMask);
      } else {
        (list == &unmask ? unmasked_names_ : names_).push_back(folded(text));
      }
    }
  }
  for (const std::string& path : own) add_path(as_pattern(path), Kind::kOwn);
  tokens_ = !matches_any(unmasked_names_, std::string(kTokenFile));
  top_ = closed(top_);
}

void Masks::add_path(std::string_view pattern, Kind kind) {
  std::vector<std::string> parts;
  for (const std::string& part : base::split(pattern, '/')) {
    if (!part.empty()) parts.push_back(folded(part));
  }
  if (parts.empty()) throw base::Error("the mask " + base::in_quotes(pattern) + " is the whole folder");
  if (path_.size() + parts.size() > kMaxPathComponents)
    throw base::Error(
        "the masks that are paths have more than " + std::to_string(kMaxPathComponents) + " components in all",
        "use names: 'secrets' masks every file and folder of that name");
  top_ |= State{1} << path_.size();
  for (size_t i = 0; i < parts.size(); ++i) {
    if (kind != Kind::kUnmask && i > 0) anchored_ |= State{1} << path_.size();
    path_.push_back({.pattern = parts[i], .any_depth = parts[i] == "**", .last = i + 1 == parts.size(), .kind = kind});
  }
}

// "**" matches no component as well: the position behind it is reached too.
Masks::State Masks::closed(State state) const {
  for (size_t i = 0; i < path_.size(); ++i) {
    if ((state >> i & 1) != 0 && path_[i].any_depth && !path_[i].last) state |= State{1} << (i + 1);
  }
  return state;
}

Masks::Step Masks::step(State folder, std::string_view name, bool in_top) const {
  const std::string lower = folded(name);
  Step step;
  step.masked = matches_any(names_, lower);
  step.token_holder = tokens_ && lower == kTokenFile;
  bool unmasked = matches_any(unmasked_names_, lower);
  bool own = in_top && lower.starts_with(kApplyFolderPrefix);
  for (size_t i = 0; i < path_.size(); ++i) {
    const Position& at = path_[i];
    if ((folder >> i & 1) == 0 || !(at.any_depth || matches(at.pattern, lower))) continue;
    if (at.any_depth) step.state |= State{1} << i;
    if (at.last) {
      (at.kind == Kind::kOwn ? own : at.kind == Kind::kUnmask ? unmasked : step.masked) = true;
    } else if (!at.any_depth) {
      step.state |= State{1} << (i + 1);
    }
  }
  step.state = closed(step.state);
  step.masked = own || (step.masked && !unmasked);
  return step;
}

bool Masks::hides(std::string_view path) const {
  State state = top_;
  bool in_top = true;
  for (const std::string& part : base::split(path, '/')) {
    if (part.empty()) continue;
    const Step next = step(state, part, in_top);
    if (next.masked || next.token_holder) return true;
    state = next.state;
    in_top = false;
  }
  return false;
}

bool is_token_file(std::string_view name) {
  return folded(name) == kTokenFile;
}

bool holds_token(std::string_view text) {
  for (const std::string_view key : {"_authToken", "_auth", "_password"}) {
    if (text.find(key) != std::string_view::npos) return true;
  }
  return false;
}

}  // namespace caisson::share
