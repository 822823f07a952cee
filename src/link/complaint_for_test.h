// SPDX-License-Identifier: Apache-2.0

// JSON that is no message, and what its reading says.
#pragma once

#include <string>
#include <utility>

#include "base/error.h"
#include "base/json_reader.h"

namespace caisson::link {

// What the call throws, or "".
template <typename Call>
std::string problem_of(const Call& call) {
  try {
    call();
  } catch (const base::Error& error) {
    return error.problem();
  }
  return "";
}

template <typename Message>
std::string complaint(const base::Json& json) {
  return problem_of([&] { from_json<Message>(json); });
}

// The object with another value of the key.
inline base::Json with(base::Json json, const char* key, base::Json value) {
  json[key] = std::move(value);
  return json;
}

}  // namespace caisson::link
