// SPDX-License-Identifier: Apache-2.0

#include "secrets/values.h"

#include <algorithm>

#include "base/error.h"
#include "secrets/definition.h"

namespace caisson::secrets {
namespace {

using base::Error;

void check_own_name(std::string_view name) {
  try {
    check_name(name);
  } catch (const Error&) {
    throw Error("a line of it has no secret's name");  // which may be a part of a value
  }
}

}  // namespace

Value encode_values(const Values& values) {
  size_t size = 0;
  for (const auto& [name, value] : values) size += name.size() + 1 + value.size() + 1;
  Value text(size);
  char* at = text.data();
  for (const auto& [name, value] : values) {
    at = std::copy(name.begin(), name.end(), at);
    *at++ = '=';
    const std::string_view bytes = value.reveal();
    at = std::copy(bytes.begin(), bytes.end(), at);
    *at++ = '\n';
  }
  return text;
}

Values decode_values(const Value& text) {
  Values values;
  for (std::string_view rest = text.reveal(); !rest.empty();) {
    const size_t end = rest.find('\n');
    if (end == std::string_view::npos) throw Error("its last line is not whole");
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end + 1);
    const size_t equals = line.find('=');
    if (equals == std::string_view::npos) throw Error("a line of it is no NAME=VALUE");
    const std::string_view name = line.substr(0, equals);
    check_own_name(name);
    Value value = checked_value(Value::copy_of(line.substr(equals + 1)), "a value in it");
    if (!values.try_emplace(std::string(name), std::move(value)).second) throw Error("it has a secret twice");
    if (values.size() > kMostSecrets) throw Error("it has more secrets than there can be");
  }
  return values;
}

}  // namespace caisson::secrets
