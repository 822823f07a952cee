// SPDX-License-Identifier: Apache-2.0

// Reads git's configuration language as far as the remotes need it.

#include <cctype>

#include "base/ascii.h"
#include "base/text.h"
#include "gate/git_remotes.h"

namespace caisson::gate {
namespace {

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r';
}

struct BrokenConfig {};

class ConfigReader {
 public:
  explicit ConfigReader(std::string_view text) : text_(text) {
    if (text_.starts_with("\xef\xbb\xbf")) text_.remove_prefix(3);
  }

  std::vector<std::string> remotes() {
    while (!at_end() && urls_.size() <= kMaxRemotes) read_item();
    return std::move(urls_);
  }

 private:
  bool at_end() const { return at_ >= text_.size(); }
  char peek() const { return at_end() ? '\n' : text_[at_]; }
  char next() { return at_end() ? '\n' : text_[at_++]; }

  void skip_line() {
    while (!at_end() && next() != '\n') {
    }
  }

  void read_item() {
    const char c = peek();
    if (c == '\n' || is_blank(c)) {
      ++at_;
    } else if (c == '#' || c == ';') {
      skip_line();
    } else if (c == '[') {
      read_section();
    } else {
      read_key();
    }
  }

  // [section] or [section "name"]
  void read_section() {
    ++at_;
    std::string section;
    while (peek() != ']' && !is_blank(peek())) {
      if (peek() == '\n') throw BrokenConfig();
      section += base::ascii_lower(next());
    }
    while (is_blank(peek())) ++at_;
    bool has_name = false;
    if (peek() == '"') {
      has_name = true;
      ++at_;
      for (char c = next(); c != '"'; c = next()) {
        if (c == '\\') c = next();
        if (c == '\n') throw BrokenConfig();
      }
    }
    if (next() != ']') throw BrokenConfig();
    in_remote_ = section == "remote" && has_name;
  }

  void read_key() {
    std::string key;
    while (std::isalnum(static_cast<unsigned char>(peek())) != 0 || peek() == '-') key += base::ascii_lower(next());
    if (key.empty()) throw BrokenConfig();
    while (is_blank(peek())) ++at_;
    const char c = peek();
    if (c == '\n' || c == '#' || c == ';') return;  // a key alone is "true"
    if (next() != '=') throw BrokenConfig();
    const std::string value = read_value();
    if (in_remote_ && (key == "url" || key == "pushurl")) urls_.push_back(value);
  }

  // To the end of the line: quotes keep blanks and comment signs, a backslash at the end goes on with the next line,
  // blanks at both ends are not part of it.
  std::string read_value() {
    std::string value;
    size_t kept = 0;  // up to here blanks at the end belong to it
    bool quoted = false;
    while (true) {
      const char c = next();
      if (c == '\n') break;
      if (!quoted && (c == '#' || c == ';')) {
        skip_line();
        break;
      }
      if (c == '"') {
        quoted = !quoted;
        kept = value.size();
      } else if (c == '\\') {
        add_escaped(value);
        kept = value.size();
      } else if (quoted || !is_blank(c)) {
        value += c;
        kept = value.size();
      } else if (!value.empty()) {
        value += c;
      }
    }
    if (quoted) throw BrokenConfig();
    value.resize(kept);
    return value;
  }

  void add_escaped(std::string& value) {
    const char c = next();
    if (c == '\n') return;
    if (c == '\r' && peek() == '\n') {
      ++at_;
    } else if (c == '"' || c == '\\') {
      value += c;
    } else if (c == 'n' || c == 't' || c == 'b') {
      value += ' ';  // no URL has these; a blank makes it none
    } else {
      throw BrokenConfig();
    }
  }

  std::string_view text_;
  size_t at_ = 0;
  bool in_remote_ = false;
  std::vector<std::string> urls_;
};

}  // namespace

std::optional<std::vector<std::string>> remote_urls(std::string_view config) {
  try {
    return ConfigReader(config).remotes();
  } catch (const BrokenConfig&) {
    return std::nullopt;
  }
}

}  // namespace caisson::gate
