// SPDX-License-Identifier: Apache-2.0

// A policy that is kept in a file:
//
//   [network]
//   preset = "locked"                              # none, locked, balanced, ask, open
//   allow = ["example.com:443", "@registries"]     # rules and groups
//   deny = ["**.example.org"]                      # rules
//   rate = "10M"                                   # bytes a second, both ways together
//   total = "1G"                                   # bytes, both ways together
//   connections = 500                              # at a time
//
// Each key may be left out. A key that is not known is an error, so that none is misspelt in silence.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "gate/rule.h"

namespace caisson::gate {

inline constexpr size_t kMaxPolicyFileBytes = 1U << 20;
inline constexpr unsigned kMostConnections = 8000;  // as spec::validate has it

struct PolicyFile {
  std::string path;  // as it is named in origins and messages
  std::optional<std::string> preset = {};
  std::vector<std::variant<Rule, GroupName>> allow = {};
  std::vector<Rule> deny = {};
  std::optional<base::Bytes> bytes_per_second = {};
  std::optional<base::Bytes> total = {};
  std::optional<unsigned> connections = {};
};

// Throw a base::Error that names the file, the line, what is wrong and the remedy.
PolicyFile read_policy_file(const std::string& path);
PolicyFile parse_policy_file(std::string_view text, const std::string& path);

// The text of a policy file with this preset that allows these rules.
std::string policy_file_text(std::string_view preset, const std::vector<Rule>& allow);

}  // namespace caisson::gate
