// SPDX-License-Identifier: Apache-2.0

#include "changes/paint.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"

namespace caisson::changes {
namespace {

// Where a line without an end is given out in parts.
constexpr size_t kMostLineBytes = 64U << 10;

constexpr const char* kBold = "\x1b[1m";
constexpr const char* kHunk = "\x1b[36m";
constexpr const char* kOld = "\x1b[31m";
constexpr const char* kNew = "\x1b[32m";
constexpr const char* kPlain = "\x1b[m";

// As base::escaped, but for tabs.
std::string safe(std::string_view text) {
  std::string out;
  while (true) {
    const size_t tab = text.find('\t');
    out += base::escaped(text.substr(0, tab));
    if (tab == std::string_view::npos) return out;
    out += '\t';
    text.remove_prefix(tab + 1);
  }
}

// "12" or "12,3" at the front of `text`, which is taken away; the number of lines.
uint64_t take_range(std::string_view& text) {
  uint64_t first = 0;
  uint64_t count = 1;
  auto stop = std::from_chars(text.data(), text.data() + text.size(), first).ptr;
  text.remove_prefix(static_cast<size_t>(stop - text.data()));
  if (!text.starts_with(',')) return count;
  text.remove_prefix(1);
  stop = std::from_chars(text.data(), text.data() + text.size(), count).ptr;
  text.remove_prefix(static_cast<size_t>(stop - text.data()));
  return count;
}

}  // namespace

void Painter::feed(std::string_view text) {
  pending_ += text;
  size_t at = 0;
  while (true) {
    const size_t end = pending_.find('\n', at);
    if (end == std::string::npos) break;
    line(std::string_view(pending_).substr(at, end - at));
    out_("\n");
    continues_ = false;
    at = end + 1;
  }
  pending_.erase(0, at);
  if (pending_.size() < kMostLineBytes) return;
  line(pending_);
  continues_ = true;
  pending_.clear();
}

void Painter::finish() {
  if (!pending_.empty()) line(pending_);
  pending_.clear();
}

void Painter::line(std::string_view text) {
  if (!continues_) style_ = style_of(text);
  if (colour_ == Colour::kNo || *style_ == '\0') return out_(safe(text));
  out_(style_ + safe(text) + kPlain);
}

// Inside a hunk a line is what its first byte says; "--- " there is a line that was removed.
const char* Painter::style_of(std::string_view text) {
  if (old_lines_ > 0 || new_lines_ > 0) {
    const char first = text.empty() ? ' ' : text.front();
    if (first != '+' && first != '\\') old_lines_ -= std::min<uint64_t>(old_lines_, 1);
    if (first != '-' && first != '\\') new_lines_ -= std::min<uint64_t>(new_lines_, 1);
    return first == '+' ? kNew : first == '-' ? kOld : "";
  }
  if (text.starts_with("@@ -")) {
    begin_hunk(text);
    return kHunk;
  }
  static constexpr std::string_view kHeads[] = {"diff ",    "index ",  "--- ",        "+++ ",           "new ", "old ",
                                                "deleted ", "rename ", "similarity ", "dissimilarity ", "copy "};
  const bool head =
      std::any_of(std::begin(kHeads), std::end(kHeads), [&](auto begin) { return text.starts_with(begin); });
  return head ? kBold : "";
}

void Painter::begin_hunk(std::string_view text) {
  text.remove_prefix(4);
  old_lines_ = take_range(text);
  const size_t plus = text.find('+');
  if (plus == std::string_view::npos) return;
  text.remove_prefix(plus + 1);
  new_lines_ = take_range(text);
}

}  // namespace caisson::changes
