// SPDX-License-Identifier: Apache-2.0

#include "gate/http_path.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "base/ascii.h"
#include "base/error.h"
#include "base/text.h"

namespace caisson::gate {
namespace {

using base::Error;
using base::in_quotes;

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

// Stands for an escaped slash. It is none of the bytes of a path.
constexpr char kEscapedSlash = '\x01';
constexpr std::string_view kEscapedSlashText = "%2F";

// What a server sees that takes the one for the other.
std::string with_slashes(std::string text) {
  std::replace(text.begin(), text.end(), kEscapedSlash, '/');
  return text;
}

// A canonical path, or a pattern, with one byte for each of its escaped slashes.
std::string folded(std::string_view canonical) {
  std::string text;
  for (size_t i = 0; i < canonical.size(); ++i) {
    const bool escaped = canonical.substr(i).starts_with(kEscapedSlashText);
    text += escaped ? kEscapedSlash : canonical[i];
    if (escaped) i += kEscapedSlashText.size() - 1;
  }
  return text;
}

// The bytes that `path` stands for; nothing where one of them is refused.
std::optional<std::string> decoded(std::string_view path) {
  std::string bytes;
  for (size_t i = 0; i < path.size(); ++i) {
    auto byte = static_cast<uint8_t>(path[i]);
    if (byte == '%') {
      if (i + 2 >= path.size()) return std::nullopt;
      const auto high = base::hex_digit(path[i + 1]);
      const auto low = base::hex_digit(path[i + 2]);
      if (!high || !low) return std::nullopt;
      byte = static_cast<uint8_t>(*high << 4 | *low);
      i += 2;
      if (byte == '/') {
        bytes += kEscapedSlash;
        continue;
      }
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

// A set of a pattern's positions.
class Positions {
 public:
  explicit Positions(size_t count) : words_((count + kBits - 1) / kBits) {}

  void add(size_t at) { words_[at / kBits] |= uint64_t{1} << at % kBits; }
  bool has(size_t at) const { return (words_[at / kBits] >> at % kBits & 1) != 0; }
  size_t words() const { return words_.size(); }
  uint64_t& word(size_t i) { return words_[i]; }
  uint64_t word(size_t i) const { return words_[i]; }

 private:
  static constexpr size_t kBits = 64;
  std::vector<uint64_t> words_;
};

// Which of a pattern's positions can be reached by the bytes read so far: linear in the path for any pattern, since the
// path is the guest's. Position i: the pattern's first i bytes are used up. 64 positions are looked at in one step, so
// that the longest path and the longest pattern cost some hundred thousand steps.
// `takes_escaped`: whether a star stands for an escaped slash too.
class Glob {
 public:
  Glob(std::string_view pattern, bool takes_escaped)
      : pattern_(pattern),
        takes_escaped_(takes_escaped),
        reached_(pattern.size() + 1),
        single_(pattern.size() + 1),
        double_(pattern.size() + 1) {
    for (size_t i = 0; i < pattern.size(); ++i) {
      if (pattern[i] != '*') continue;
      const bool is_double = i + 1 < pattern.size() && pattern[i + 1] == '*';
      (is_double ? double_ : single_).add(i);
      if (is_double) ++i;
    }
    reached_.add(0);
    skip_stars();
  }

  void read(char byte) {
    const Positions& same = positions_of(byte);
    const bool single_takes = byte == kEscapedSlash ? takes_escaped_ : byte != '/';
    const bool double_takes = byte != kEscapedSlash || takes_escaped_;
    uint64_t carried = 0;
    for (size_t i = 0; i < reached_.words(); ++i) {
      const uint64_t before = reached_.word(i);
      const uint64_t moved = before & same.word(i);
      const uint64_t stayed = before & ((single_takes ? single_.word(i) : 0) | (double_takes ? double_.word(i) : 0));
      reached_.word(i) = stayed | moved << 1 | carried;
      carried = moved >> 63;
    }
    skip_stars();
  }

  bool matched() const { return reached_.has(pattern_.size()); }

 private:
  // Where the pattern has this byte.
  const Positions& positions_of(char byte) {
    std::optional<Positions>& found = literals_[static_cast<uint8_t>(byte)];
    if (found) return *found;
    found.emplace(pattern_.size() + 1);
    for (size_t i = 0; i < pattern_.size(); ++i) {
      if (pattern_[i] == byte && byte != '*') found->add(i);
    }
    return *found;
  }

  // A star stands for nothing, too. Behind one there is no other: a pattern has no three in a row.
  void skip_stars() {
    uint64_t carried = 0;
    for (size_t i = 0; i < reached_.words(); ++i) {
      const uint64_t one = reached_.word(i) & single_.word(i);
      const uint64_t two = reached_.word(i) & double_.word(i);
      reached_.word(i) |= one << 1 | two << 2 | carried;
      carried = one >> 63 | two >> 62;
    }
  }

  std::string_view pattern_;
  bool takes_escaped_;
  Positions reached_;
  Positions single_;  // stars
  Positions double_;  // the first of two
  std::array<std::optional<Positions>, 256> literals_;
};

bool matches(std::string_view pattern, std::string_view path, bool takes_escaped) {
  // Most rules are told apart by what stands before their first star.
  const size_t star = std::min(pattern.find('*'), pattern.size());
  if (path.substr(0, star) != pattern.substr(0, star)) return false;
  if (star == pattern.size()) return path.size() == star;
  Glob glob(pattern.substr(star), takes_escaped);
  for (char byte : path.substr(star)) glob.read(byte);
  return glob.matched();
}

// Also where only a slash at the end differs.
bool resembles(std::string_view pattern, std::string path) {
  if (matches(pattern, path, true)) return true;
  if (path.ends_with('/')) {
    path.pop_back();
  } else {
    path += '/';
  }
  return matches(pattern, path, true);
}

}  // namespace

std::optional<CanonicalPath> canonical_path(std::string_view raw) {
  const std::string_view path = raw.substr(0, raw.find('?'));
  if (path.size() > kMaxPathBytes || !path.starts_with('/')) return std::nullopt;
  const auto bytes = decoded(path);
  if (!bytes || !segments_are_plain(*bytes) || !segments_are_plain(with_slashes(*bytes)) ||
      !is_utf8(with_slashes(*bytes))) {
    return std::nullopt;
  }
  std::string canonical;
  for (char c : *bytes) {
    if (c == kEscapedSlash) {
      canonical += kEscapedSlashText;
    } else {
      append(canonical, static_cast<uint8_t>(c));
    }
  }
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

bool CanonicalPath::has_escaped_slash() const {
  return text_.find(kEscapedSlashText) != std::string::npos;
}

bool path_matches(std::string_view pattern, std::string_view canonical) {
  return matches(folded(pattern), folded(canonical), false);
}

bool path_resembles(std::string_view pattern, std::string_view canonical) {
  const std::string lower_pattern = base::ascii_lower(folded(pattern));
  const std::string path = base::ascii_lower(folded(canonical));
  return resembles(lower_pattern, path) || resembles(with_slashes(lower_pattern), with_slashes(path));
}

}  // namespace caisson::gate
