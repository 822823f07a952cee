// SPDX-License-Identifier: Apache-2.0

#include "base/json_reader.h"

namespace caisson::base {

Json parse_json_object(std::string_view text, std::string_view name) {
  constexpr int kMaxDepth = 16;
  using Event = Json::parse_event_t;
  std::vector<std::set<std::string>> open_objects;  // the keys seen so far in each object that is not closed yet
  auto checked = [&](int depth, Event event, Json& parsed) {
    const bool starts = event == Event::object_start || event == Event::array_start;
    if (starts && depth >= kMaxDepth) throw Error("JSON nested deeper than 16 levels");
    if (event == Event::object_start) open_objects.emplace_back();
    if (event == Event::object_end) open_objects.pop_back();
    if (event == Event::key && !open_objects.back().insert(parsed.get<std::string>()).second)
      throw Error("the key " + in_quotes(parsed.get<std::string>()) + " is there twice");
    return true;
  };
  try {
    Json value = Json::parse(text, checked);
    if (!value.is_object()) throw Error("not a JSON object");
    return value;
  } catch (const Json::exception&) {
    throw Error(std::string(name) + ": not valid JSON");
  } catch (const Error& error) {
    throw error.within(name);
  }
}

std::string to_line(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace caisson::base
