// SPDX-License-Identifier: Apache-2.0

#include "gate/policy_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/text.h"
#include "gate/policy.h"
#include "gate/policy_table.h"
#include "gate/preset.h"
#include "gate/toml_values.h"

namespace caisson::gate {
namespace {

using base::Error;
using base::in_quotes;

constexpr std::string_view kTable = "network";
constexpr std::string_view kTables = "a policy file has one table, [network]";
constexpr std::string_view kKeys = "the keys of [network] are preset, allow, deny, rate, total and connections";

constexpr TomlList kRuleList{.example = "\"example.com:443\"",
                             .one = "rule",
                             .most = kMaxPolicyEntries,
                             .remedy = "write one with a star for many hosts"};

void add_deny(std::string_view text, PolicyFile& file) {
  auto what = parse_rule_or_group(text);
  const Rule* rule = std::get_if<Rule>(&what);
  if (rule == nullptr)
    throw Error(fmt::format("the group {} cannot be denied", in_quotes(text)), "leave it out of allow");
  file.deny.push_back(*rule);
}

base::Bytes bytes_of(const toml::key& key, const toml::node& node) {
  const auto text = toml_value<std::string>(key, node, "\"10M\"");
  return at_toml_line(node.source(), [&] { return base::parse_bytes(std::string_view(text).substr(0, 80)); });
}

unsigned connections_of(const toml::key& key, const toml::node& node) {
  const auto count = toml_value<int64_t>(key, node, "500");
  if (count < 1 || count > kMostConnections) {
    throw Error(fmt::format("line {}: {} connections cannot be", key.source().begin.line, count),
                fmt::format("1 to {} can", kMostConnections));
  }
  return static_cast<unsigned>(count);
}

void read_key(const toml::key& key, const toml::node& node, PolicyFile& file) {
  const std::string_view name = key.str();
  if (name == "preset") {
    file.preset = toml_value<std::string>(key, node, "\"locked\"");
    at_toml_line(node.source(), [&] { find_preset(*file.preset); });
  } else if (name == "allow") {
    for_each_toml_text(key, node, kRuleList,
                       [&](std::string_view text) { file.allow.push_back(parse_rule_or_group(text)); });
  } else if (name == "deny") {
    for_each_toml_text(key, node, kRuleList, [&](std::string_view text) { add_deny(text, file); });
  } else if (name == "rate") {
    file.bytes_per_second = bytes_of(key, node);
  } else if (name == "total") {
    file.total = bytes_of(key, node);
  } else if (name == "connections") {
    file.connections = connections_of(key, node);
  } else {
    throw unknown_toml_key(key, kKeys);
  }
}

PolicyFile read_tables(const toml::table& tables, const std::string& path) {
  PolicyFile file{.path = path};
  for (const auto& [key, node] : tables) {
    const toml::table* network = key.str() == kTable ? node.as_table() : nullptr;
    if (network == nullptr) throw unknown_toml_key(key, kTables);
    read_network_table(*network, file);
  }
  return file;
}

}  // namespace

void read_network_table(const toml::table& network, PolicyFile& file) {
  for (const auto& [name, value] : network) read_key(name, value, file);
  if (file.preset && !find_preset(*file.preset).has_network && !(file.allow.empty() && file.deny.empty())) {
    throw Error(fmt::format("the preset '{}' takes no rules", *file.preset),
                "take out allow and deny, or write preset = \"locked\"");
  }
}

PolicyFile parse_policy_file(std::string_view text, const std::string& path) {
  try {
    if (text.size() > kMaxPolicyFileBytes) {
      throw Error(fmt::format("it is larger than {} bytes", kMaxPolicyFileBytes));
    }
    return read_tables(parse_toml(text), path);
  } catch (const Error& error) {
    throw error.within("cannot use the policy file " + in_quotes(path));
  }
}

PolicyFile read_policy_file(const std::string& path) {
  // Without O_NONBLOCK the opening of a named pipe waits for somebody who writes.
  const base::Fd opened = base::open_file(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  struct stat info {};
  if (::fstat(opened.get(), &info) != 0) throw base::system_error("cannot read the policy file", path);
  if (!S_ISREG(info.st_mode)) throw Error("cannot use the policy file " + in_quotes(path) + ": it is not a file");
  return parse_policy_file(base::read_all(opened.get(), kMaxPolicyFileBytes, path), path);
}

std::string policy_file_text(std::string_view preset, const std::vector<Rule>& allow) {
  std::string text = fmt::format("[network]\npreset = \"{}\"\nallow = [\n", preset);
  // A rule has no quotes and no backslashes but in a path pattern, and no control bytes.
  for (const Rule& rule : allow) {
    text += "  \"";
    for (const char c : to_string(rule)) {
      if (c == '"' || c == '\\') text += '\\';
      text += c;
    }
    text += "\",\n";
  }
  return text + "]\n";
}

}  // namespace caisson::gate
