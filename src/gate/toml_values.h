// SPDX-License-Identifier: Apache-2.0

// Values of a TOML file, asked for by their type. What is thrown is a base::Error that begins with the line and names
// the remedy.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/text.h"
#include "gate/toml_text.h"

namespace caisson::gate {

// Does something that may throw for what stands at this place of the file.
template <typename Action>
auto at_toml_line(const toml::source_region& place, Action action) {
  try {
    return action();
  } catch (const base::Error& error) {
    throw error.within(fmt::format("line {}", place.begin.line));
  }
}

inline base::Error unknown_toml_key(const toml::key& key, std::string_view hint) {
  return base::Error(fmt::format("line {}: the key {} is not known", key.source().begin.line,
                                 base::in_quotes(std::string_view(key.str()).substr(0, 80))),
                     std::string(hint));
}

// `form` is what such a value looks like. The key must be one that is known: it is printed as it is.
template <typename Value>
Value toml_value(const toml::key& key, const toml::node& node, std::string_view form) {
  const auto value = node.value_exact<Value>();
  if (!value) {
    throw base::Error(fmt::format("line {}: '{}' has a wrong type", key.source().begin.line, key.str()),
                      fmt::format("write {} = {}", key.str(), form));
  }
  return *value;
}

// The key `version` of a file whose versions are counted. Throws for a file without it, or of another version.
inline void check_toml_version(const toml::table& top, int64_t known) {
  const auto found = top.find("version");
  if (found == top.end())
    throw base::Error("the key 'version' is missing", fmt::format("begin the file with version = {}", known));
  const auto version = toml_value<int64_t>(found->first, found->second, std::to_string(known));
  if (version != known)
    throw base::Error(fmt::format("line {}: this version of Caisson does not know files of version {}",
                                  found->first.source().begin.line, version),
                      fmt::format("it knows version = {}", known));
}

// What a list of texts is a list of.
struct TomlList {
  std::string_view example;  // of one, as it is written: "\"example.com:443\""
  std::string_view one;      // "rule"
  size_t most = 0;
  std::string_view remedy = {};  // where there are more
};

// Each text of a list of texts, given to `add`, whose errors are put at its line.
template <typename Add>
void for_each_toml_text(const toml::key& key, const toml::node& node, const TomlList& form, Add add) {
  const toml::array* list = node.as_array();
  if (list == nullptr) {
    throw base::Error(fmt::format("line {}: '{}' is no list", key.source().begin.line, key.str()),
                      fmt::format("write {} = [{}]", key.str(), form.example));
  }
  if (list->size() > form.most) {
    throw base::Error(
        fmt::format("line {}: '{}' has more than {} {}s", key.source().begin.line, key.str(), form.most, form.one),
        std::string(form.remedy));
  }
  for (const toml::node& item : *list) {
    at_toml_line(item.source(), [&] {
      const auto text = item.value_exact<std::string_view>();
      if (!text)
        throw base::Error(fmt::format("'{}' has what is no text", key.str()),
                          fmt::format("write each {} in quotes", form.one));
      add(*text);
    });
  }
}

}  // namespace caisson::gate
