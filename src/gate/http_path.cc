// SPDX-License-Identifier: Apache-2.0

#include "gate/http_path.h"

#include <cstdint>
#include <vector>

#include "base/error.h"
#include "base/text.h"

namespace caisson::gate {
namespace {

using base::Error;
using base::in_quotes;

std::optional<uint8_t> hex_digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<uint8_t>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<uint8_t>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<uint8_t>(c - 'A' + 10);
  return std::nullopt;
}

bool is_letter_or_digit(uint8_t c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// RFC 3986, 3.3: what a segment may hold as it is, without ';'.
bool needs_no_escape(uint8_t c) {
  return is_letter_or_digit(c) ||
         (c != 0 && std::string_view("-._~!$&'()*+,=:@").find(static_cast<char>(c)) != std::string_view::npos);
}

// What servers give a meaning that depends on when they decode it, in either form.
bool is_refused(uint8_t c) {
  return c < 0x20 || c == 0x7F || c == '\\' || c == ';' || c == '#' || c == '%' || c == '?';
}

void append(std::string& out, uint8_t byte) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  if (needs_no_escape(byte) || byte == '/') {
    out += static_cast<char>(byte);
  } else {
    out += '%';
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
}

// The bytes that `path` stands for; nothing where one of them is refused.
std::optional<std::string> decoded(std::string_view path) {
  std::string bytes;
  for (size_t i = 0; i < path.size(); ++i) {
    auto byte = static_cast<uint8_t>(path[i]);
    if (byte == '%') {
      if (i + 2 >= path.size()) return std::nullopt;
      const auto high = hex_digit(path[i + 1]);
      const auto low = hex_digit(path[i + 2]);
      if (!high || !low) return std::nullopt;
      byte = static_cast<uint8_t>(*high << 4 | *low);
      if (byte == '/') return std::nullopt;
      i += 2;
    } else if (byte >= 0x80 || byte == ' ') {
      return std::nullopt;
    }
    if (is_refused(byte)) return std::nullopt;
    bytes += static_cast<char>(byte);
  }
  return bytes;
}

// escaped() leaves valid UTF-8 as it is and makes other bytes visible. (It also shows marks that turn the direction of
// writing; a path with one is not worth an exception.)
bool is_utf8(const std::string& bytes) {
  return base::escaped(bytes) == bytes;
}

// An empty segment is allowed at the end only ("/a/"). A segment of dots and blanks: some systems drop both at a
// name's end, so that "..  " is "..".
bool segments_are_plain(std::string_view path) {
  for (std::string_view rest = path.substr(1);;) {
    const size_t slash = rest.find('/');
    const std::string_view segment = rest.substr(0, slash);
    if (segment.empty()) return slash == std::string_view::npos;
    if (segment.find_first_not_of(". ") == std::string_view::npos) return false;
    if (slash == std::string_view::npos) return true;
    rest.remove_prefix(slash + 1);
  }
}

// Which of a pattern's positions can be reached by the bytes read so far: linear in the path for any pattern, since the
// path is the guest's. Position i: the pattern's first i bytes are used up.
class Glob {
 public:
  explicit Glob(std::string_view pattern) : pattern_(pattern), reached_(pattern.size() + 1) {
    reached_[0] = true;
    skip_stars();
  }

  void read(char byte) {
    next_.assign(reached_.size(), false);
    for (size_t i = 0; i < pattern_.size(); ++i) {
      if (!reached_[i]) continue;
      if (pattern_[i] != '*') {
        if (pattern_[i] == byte) next_[i + 1] = true;
      } else if (byte != '/' || is_double(i)) {
        next_[i] = true;
      }
    }
    reached_.swap(next_);
    skip_stars();
  }

  bool matched() const { return reached_.back(); }

 private:
  bool is_double(size_t star) const { return star + 1 < pattern_.size() && pattern_[star + 1] == '*'; }

  // A star stands for nothing, too.
  void skip_stars() {
    for (size_t i = 0; i < pattern_.size(); ++i) {
      if (reached_[i] && pattern_[i] == '*') reached_[i + (is_double(i) ? 2 : 1)] = true;
    }
  }

  std::string_view pattern_;
  std::vector<bool> reached_;
  std::vector<bool> next_;
};

std::string lowered(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

}  // namespace

std::optional<CanonicalPath> canonical_path(std::string_view raw) {
  const std::string_view path = raw.substr(0, raw.find('?'));
  if (path.size() > kMaxPathBytes || !path.starts_with('/')) return std::nullopt;
  const auto bytes = decoded(path);
  if (!bytes || !segments_are_plain(*bytes) || !is_utf8(*bytes)) return std::nullopt;
  std::string canonical;
  for (char c : *bytes) append(canonical, static_cast<uint8_t>(c));
  return CanonicalPath(std::move(canonical));
}

std::string checked_path_pattern(std::string_view text) {
  constexpr const char* kHint =
      "write a path as servers see it, with * for a part of a segment and ** for any number of segments";
  if (text.size() > kMaxPathPatternBytes) throw Error("the path has more than 1024 bytes", kHint);
  if (text.find("***") != std::string_view::npos)
    throw Error("the path " + in_quotes(text.substr(0, 80)) + " has three stars in a row", kHint);
  const auto canonical = canonical_path(text);
  if (!canonical || text.find('?') != std::string_view::npos) {
    throw Error("the path " + in_quotes(text.substr(0, 80)) + " has no single meaning", kHint);
  }
  // A star that was escaped would be one that matches.
  if (text.find("%2a") != std::string_view::npos || text.find("%2A") != std::string_view::npos) {
    throw Error("the path " + in_quotes(text.substr(0, 80)) + " has an escaped star", kHint);
  }
  return canonical->text();
}

bool path_matches(std::string_view pattern, std::string_view canonical) {
  Glob glob(pattern);
  for (char byte : canonical) glob.read(byte);
  return glob.matched();
}

bool path_resembles(std::string_view pattern, std::string_view canonical) {
  const std::string lower_pattern = lowered(pattern);
  std::string path = lowered(canonical);
  if (path_matches(lower_pattern, path)) return true;
  if (path.ends_with('/')) {
    path.pop_back();
  } else {
    path += '/';
  }
  return path_matches(lower_pattern, path);
}

}  // namespace caisson::gate
