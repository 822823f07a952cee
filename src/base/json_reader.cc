// SPDX-License-Identifier: Apache-2.0

#include "base/json_reader.h"

namespace caisson::base {

Json parse_json_object(std::string_view text, std::string_view name) {
  constexpr int kMaxDepth = 16;
  auto bounded = [](int depth, Json::parse_event_t, Json&) {
    if (depth > kMaxDepth) throw Error("JSON nested deeper than 16 levels");
    return true;
  };
  try {
    Json value = Json::parse(text, bounded);
    if (!value.is_object()) throw Error("not a JSON object");
    return value;
  } catch (const Json::exception&) {
    throw Error(std::string(name) + ": not valid JSON");
  } catch (const Error& error) {
    throw error.within(name);
  }
}

std::string to_line(const Json& value) { return value.dump(-1, ' ', false, Json::error_handler_t::replace); }

}  // namespace caisson::base
