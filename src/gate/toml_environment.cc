// SPDX-License-Identifier: Apache-2.0

#include "gate/toml_environment.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "gate/toml_values.h"
#include "spec/sandbox_spec.h"

namespace caisson::gate {
namespace {

// spec::validate's message names an option: "--env …" is "env …" in a file.
void check_entry(const std::string& entry) {
  spec::SandboxSpec wanted;
  wanted.name = "x";
  wanted.environment = {entry};
  try {
    spec::validate(wanted);
  } catch (const base::Error& error) {
    const std::string& problem = error.problem();
    throw base::Error(problem.starts_with("--") ? problem.substr(2) : problem, error.hint());
  }
}

}  // namespace

bool is_variable_name(std::string_view name) {
  const auto is_word = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  return !name.empty() && is_word(name[0]) &&
         std::all_of(name.begin(), name.end(), [&](char c) { return is_word(c) || is_digit(c); });
}

std::vector<std::string> toml_environment(const toml::table& table, size_t most) {
  std::vector<std::string> environment;
  for (const auto& [key, node] : table) {
    const std::string name = base::in_quotes(std::string_view(key.str()).substr(0, 80));
    const auto line = key.source().begin.line;
    if (!is_variable_name(key.str()))
      throw base::Error(fmt::format("line {}: {} is not a variable's name", line, name),
                        "it has letters, digits and '_', and begins with no digit");
    const auto value = node.value_exact<std::string>();
    if (!value)
      throw base::Error(fmt::format("line {}: the variable {} is no text", line, name),
                        fmt::format("write {} = \"…\"", key.str()));
    environment.push_back(std::string(key.str()) + "=" + *value);
    at_toml_line(node.source(), [&] { check_entry(environment.back()); });
    if (environment.size() > most)
      throw base::Error(fmt::format("line {}: there are more than {} variables", line, most),
                        "put them into a file that the command reads");
  }
  return environment;
}

}  // namespace caisson::gate
