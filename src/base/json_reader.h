// SPDX-License-Identifier: Apache-2.0

// Strict reading of JSON objects that come from files, the link or the API: every key is asked for by name and type,
// and a key nobody asked for is an Error.
//
//   JsonReader reader(value, "exec request");
//   request.argv = reader.required<std::vector<std::string>>("argv");
//   request.cwd = reader.optional<std::string>("cwd", "/");
//   reader.finish();
#pragma once

#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/text.h"

namespace caisson::base {

using Json = nlohmann::json;

// Parses text that must be one JSON object no deeper than 16 levels, without a key twice in one object; throws an Error
// that begins with `name`.
Json parse_json_object(std::string_view text, std::string_view name);

// `value` as one line of text; bytes that are not UTF-8 become U+FFFD instead of throwing.
std::string to_line(const Json& value);

class JsonReader {
 public:
  JsonReader(const Json& object, std::string_view name) : object_(object), name_(name) {
    if (!object.is_object()) throw Error(name_ + " is not a JSON object");
  }

  template <typename Value>
  Value required(const char* key) {
    if (!object_.contains(key)) throw missing(key);
    return get<Value>(key);
  }
  template <typename Value>
  Value optional(const char* key, Value fallback) {
    if (!object_.contains(key)) return fallback;
    return get<Value>(key);
  }
  bool has(const char* key) const { return object_.contains(key); }
  // The raw value, marked as read; a missing key is an Error.
  const Json& raw(const char* key) {
    if (!object_.contains(key)) throw missing(key);
    read_.insert(key);
    return object_.at(key);
  }
  // Throws if the object has a key that was not read.
  void finish() const {
    for (const auto& [key, value] : object_.items()) {
      if (!read_.contains(key)) throw Error(name_ + ": the key " + in_quotes(key) + " is not known");
    }
  }

 private:
  template <typename Value>
  Value get(const char* key) {
    read_.insert(key);
    const Json& value = object_.at(key);
    // nlohmann converts between numbers silently (-1 to 4294967295, 1.5 to 1); a wire format must not.
    if constexpr (std::is_same_v<Value, bool>) {
      if (!value.is_boolean()) throw wrong_type(key);
    } else if constexpr (std::is_integral_v<Value>) {
      if (!value.is_number_integer()) throw wrong_type(key);
      if (!fits<Value>(value)) throw wrong_type(key);
    }
    try {
      return value.template get<Value>();
    } catch (const Json::exception&) {
      throw wrong_type(key);
    }
  }
  template <typename Value>
  static bool fits(const Json& value) {
    if (value.is_number_unsigned()) return std::in_range<Value>(value.template get<uint64_t>());
    return std::in_range<Value>(value.template get<int64_t>());
  }
  Error missing(const char* key) const { return Error(name_ + ": the key '" + key + "' is missing"); }
  Error wrong_type(const char* key) const { return Error(name_ + ": the key '" + key + "' has a wrong type or range"); }

  const Json& object_;
  std::string name_;
  std::set<std::string, std::less<>> read_;
};

}  // namespace caisson::base
