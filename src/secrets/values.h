// SPDX-License-Identifier: Apache-2.0

// The values of many secrets as one text, as they are kept in a file: a line NAME=VALUE for each, by name. A value is
// one line (value.h), and no name has a '=' in it.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "secrets/value.h"

namespace caisson::secrets {

using Values = std::map<std::string, Value, std::less<>>;

inline constexpr size_t kMostSecrets = 128;
// Of the text.
inline constexpr size_t kMaxValuesBytes = kMostSecrets * (kMaxValueBytes + 80);

Value encode_values(const Values& values);
// Throws a base::Error that says what is wrong and has nothing of the text.
Values decode_values(const Value& text);

}  // namespace caisson::secrets
