// SPDX-License-Identifier: Apache-2.0

// One message of the link that is being read, with the bounds that base::JsonReader does not know. For the files that
// define messages.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/json_reader.h"

namespace caisson::link {

inline constexpr size_t kPathBytes = 4096;
inline constexpr size_t kNameBytes = 255;

class Fields {
 public:
  Fields(const base::Json& json, std::string_view name) : reader_(json, name), name_(name) {}

  base::JsonReader& reader() { return reader_; }
  void finish() const { reader_.finish(); }

  std::string text(const char* key, size_t max_bytes) {
    auto value = reader_.required<std::string>(key);
    check_text(value, key, max_bytes);
    return value;
  }
  std::string text_or_empty(const char* key, size_t max_bytes) {
    return reader_.has(key) ? text(key, max_bytes) : std::string();
  }
  std::vector<std::string> texts(const char* key) {
    // Counted first: the copy of a hostile array is not made.
    const base::Json& array = reader_.raw(key);
    if (!array.is_array()) fail(key, "is not an array");
    if (array.size() > kMostStrings) fail(key, "has more than " + std::to_string(kMostStrings) + " strings");
    auto values = reader_.required<std::vector<std::string>>(key);
    for (const std::string& value : values) check_text(value, key, kStringBytes);
    return values;
  }
  std::vector<std::string> environment(const char* key) {
    if (!reader_.has(key)) return {};
    std::vector<std::string> values = texts(key);
    for (const std::string& value : values) {
      const size_t equals = value.find('=');
      if (equals == std::string::npos || equals == 0) fail(key, "has an entry that is not NAME=VALUE");
    }
    return values;
  }
  template <typename Number>
  Number number(const char* key, Number least, Number most) {
    const auto value = reader_.required<Number>(key);
    if (value < least || value > most) fail(key, "is not in " + std::to_string(least) + " to " + std::to_string(most));
    return value;
  }
  // `value` is the only one that is right, and may be left out.
  void constant(const char* key, std::string_view value) {
    if (reader_.has(key) && reader_.required<std::string>(key) != value)
      fail(key, "is not '" + std::string(value) + "'");
  }
  void hex(const char* key, const std::string& value, size_t digits) const {
    if (value.size() != digits || value.find_first_not_of("0123456789abcdef") != std::string::npos)
      fail(key, "is not " + std::to_string(digits) + " lower-case hex digits");
  }
  [[noreturn]] void fail(const char* key, const std::string& why) const {
    throw base::Error(name_ + ": the key '" + key + "' " + why);
  }

 private:
  static constexpr size_t kMostStrings = 4096;
  static constexpr size_t kStringBytes = 128U << 10;

  void check_text(const std::string& value, const char* key, size_t max_bytes) const {
    if (value.size() > max_bytes) fail(key, "has a string over " + std::to_string(max_bytes) + " bytes");
    if (value.find('\0') != std::string::npos) fail(key, "has a string with a NUL byte");
  }

  base::JsonReader reader_;
  std::string name_;
};

}  // namespace caisson::link
