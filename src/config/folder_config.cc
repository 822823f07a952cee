// SPDX-License-Identifier: Apache-2.0

#include "config/folder_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/text.h"
#include "gate/policy_build.h"
#include "gate/policy_table.h"
#include "gate/toml_values.h"
#include "image/store.h"

namespace caisson::config {
namespace {

using base::Error;
using base::in_quotes;
using gate::at_toml_line;
using gate::for_each_toml_text;
using gate::toml_value;
using gate::TomlList;
using gate::unknown_toml_key;

constexpr int64_t kVersion = 1;
constexpr size_t kMaxSetupBytes = 8U << 10;
constexpr std::string_view kKeys =
    "the keys are version, image, workdir, setup, ports, mask and unmask; the tables [limits], [network] and "
    "[environment]";
constexpr std::string_view kLimitKeys = "the keys of [limits] are memory, cpus, disk, pids and timeout";

// What a file might be expected to have, and why it has not.
struct Reserved {
  std::string_view key;
  std::string_view why;
  std::string_view remedy;
};
constexpr std::array<Reserved, 7> kReserved{{
    {"agent", "this version of Caisson has no agents yet",
     "take it out; a command is started by caisson run -- COMMAND"},
    {"agents", "this version of Caisson has no agents yet",
     "take it out; a command is started by caisson run -- COMMAND"},
    {"secrets", "this version of Caisson has no secrets yet", "take it out"},
    {"workspace", "which of this machine's folders are shared is the user's to say", "take it out; run -w shares them"},
    {"workspaces", "which of this machine's folders are shared is the user's to say",
     "take it out; run -w shares them"},
    {"user", "who a command runs as is the user's to say", "take it out; run --user says it"},
    {"engine", "how a sandbox is isolated is the user's to say", "take it out; run --engine says it"},
}};

// What spec::validate finds wrong, whose messages name options: "--memory is 1M" is "memory is 1M" in a file.
void check_value(const spec::SandboxSpec& wanted) {
  try {
    spec::validate(wanted);
  } catch (const Error& error) {
    const std::string& problem = error.problem();
    throw Error(problem.starts_with("--") ? problem.substr(2) : problem, error.hint());
  }
}

spec::SandboxSpec blank() {
  spec::SandboxSpec spec;
  spec.name = "x";
  return spec;
}

unsigned count_of(const toml::key& key, const toml::node& node) {
  const auto count = toml_value<int64_t>(key, node, "4");
  if (count < 0 || count > UINT32_MAX)
    throw Error(fmt::format("line {}: {} is {}", key.source().begin.line, key.str(), count), "give a whole number");
  return static_cast<unsigned>(count);
}

base::Bytes size_of(const toml::key& key, const toml::node& node) {
  const auto text = toml_value<std::string>(key, node, "\"4G\"");
  return at_toml_line(node.source(), [&] { return base::parse_bytes(std::string_view(text).substr(0, 80)); });
}

void read_limit(const toml::key& key, const toml::node& node, FolderConfig& config) {
  const std::string_view name = key.str();
  spec::SandboxSpec wanted = blank();
  if (name == "memory") {
    wanted.memory = *(config.memory = size_of(key, node));
  } else if (name == "cpus") {
    wanted.cpus = *(config.cpus = count_of(key, node));
  } else if (name == "disk") {
    wanted.disk = *(config.disk = size_of(key, node));
  } else if (name == "pids") {
    wanted.pids = *(config.pids = count_of(key, node));
  } else if (name == "timeout") {
    const auto text = toml_value<std::string>(key, node, "\"15m\"");
    wanted.timeout = config.timeout = at_toml_line(node.source(), [&] { return spec::parse_duration(text); });
  } else {
    throw unknown_toml_key(key, kLimitKeys);
  }
  at_toml_line(node.source(), [&] { check_value(wanted); });
}

bool is_variable_name(std::string_view name) {
  const auto is_word = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  return !name.empty() && is_word(name[0]) &&
         std::all_of(name.begin(), name.end(), [&](char c) { return is_word(c) || is_digit(c); });
}

void read_environment_table(const toml::table& table, FolderConfig& config) {
  for (const auto& [key, node] : table) {
    const std::string name = in_quotes(std::string_view(key.str()).substr(0, 80));
    const auto line = key.source().begin.line;
    if (!is_variable_name(key.str()))
      throw Error(fmt::format("line {}: {} is not a variable's name", line, name),
                  "it has letters, digits and '_', and begins with no digit");
    const auto value = node.value_exact<std::string>();
    if (!value)
      throw Error(fmt::format("line {}: the variable {} is no text", line, name),
                  fmt::format("write {} = \"…\"", key.str()));
    config.environment.push_back(std::string(key.str()) + "=" + *value);
    spec::SandboxSpec wanted = blank();
    wanted.environment = {config.environment.back()};
    at_toml_line(node.source(), [&] { check_value(wanted); });
    if (config.environment.size() > kMostVariables)
      throw Error(fmt::format("line {}: there are more than {} variables", line, kMostVariables),
                  "put them into a file that the command reads");
  }
}

void read_network(const toml::table& table, FolderConfig& config) {
  gate::PolicyFile network{.path = std::string(kFileName)};
  gate::read_network_table(table, network);
  at_toml_line(table.source(), [&] {
    if (network.allow.size() > kMostRules || network.deny.size() > kMostRules)
      throw Error(fmt::format("[network] has more than {} rules of a kind", kMostRules),
                  "write one with a star for many hosts");
    for (const auto& what : network.allow) {
      if (const auto* rule = std::get_if<gate::Rule>(&what)) gate::check_allows_something(*rule);
    }
  });
  config.network = std::move(network);
}

void read_ports(const toml::key& key, const toml::node& node, FolderConfig& config) {
  const TomlList form{.example = "\"8080:80\"", .one = "port", .most = kMostPorts, .remedy = "publish fewer"};
  for_each_toml_text(key, node, form, [&](std::string_view text) {
    config.ports.push_back(spec::parse_port(text));
    spec::SandboxSpec wanted = blank();
    wanted.ports = config.ports;
    check_value(wanted);
  });
}

void read_patterns(const toml::key& key, const toml::node& node, std::vector<std::string>& patterns) {
  const TomlList form{
      .example = "\"*.secret\"", .one = "pattern", .most = kMostPatterns, .remedy = "write one with a star for many"};
  for_each_toml_text(key, node, form, [&](std::string_view text) {
    spec::validate_masks(key.str(), {std::string(text)});
    for (const std::string& part : base::split(text, '/')) {
      if (part == "." || part == "..")
        throw Error("the pattern " + in_quotes(text.substr(0, 80)) + " has '.' or '..' in it",
                    "a name as '*.secret', or a path from the top of the folder");
    }
    patterns.emplace_back(text);
  });
}

void read_setup(const toml::key& key, const toml::node& node, FolderConfig& config) {
  const TomlList form{
      .example = "\"npm ci\"", .one = "command", .most = kMostSetups, .remedy = "put them into a script and run that"};
  for_each_toml_text(key, node, form, [&](std::string_view text) {
    if (base::trimmed(text).empty()) throw Error("a command is empty", "leave it out");
    if (text.size() > kMaxSetupBytes)
      throw Error(fmt::format("a command has {} bytes", text.size()),
                  fmt::format("at most {} are possible; put it into a script and run that", kMaxSetupBytes));
    if (text.find('\0') != std::string_view::npos) throw Error("a command has a NUL byte");
    config.setup.emplace_back(text);
  });
}

// A path of the sandbox's, or one in the folder, wherever that is in the sandbox.
std::string workdir_of(const std::string& text) {
  const bool absolute = text.starts_with('/');
  for (const std::string& part : base::split(text, '/')) {
    if (part == "..") throw Error("workdir " + in_quotes(text.substr(0, 80)) + " has '..' in it", "write it without");
  }
  const std::optional<std::string> clean = spec::clean_path(absolute ? text : "/" + text);
  if (text.empty() || !clean)
    throw Error("workdir " + in_quotes(text.substr(0, 80)) + " is not a path", "write a path in the folder");
  spec::SandboxSpec wanted = blank();
  wanted.command.folder = *clean;
  check_value(wanted);
  return absolute ? *clean : clean->substr(1);
}

std::string image_of(const std::string& text) {
  image::validate_image_name(text);
  return text;
}

void read_key(const toml::key& key, const toml::node& node, FolderConfig& config) {
  const std::string_view name = key.str();
  if (name == "version") return;
  if (name == "image") {
    const auto text = toml_value<std::string>(key, node, "\"base\"");
    config.image = at_toml_line(node.source(), [&] { return image_of(text); });
  } else if (name == "workdir") {
    const auto text = toml_value<std::string>(key, node, "\"src\"");
    config.workdir = at_toml_line(node.source(), [&] { return workdir_of(text); });
  } else if (name == "setup") {
    read_setup(key, node, config);
  } else if (name == "ports") {
    read_ports(key, node, config);
  } else if (name == "mask") {
    read_patterns(key, node, config.masks);
  } else if (name == "unmask") {
    read_patterns(key, node, config.unmasks);
  } else {
    const auto* reserved =
        std::find_if(kReserved.begin(), kReserved.end(), [&](const Reserved& one) { return one.key == name; });
    if (reserved == kReserved.end()) throw unknown_toml_key(key, kKeys);
    throw Error(fmt::format("line {}: '{}' is no key of this file: {}", key.source().begin.line, name, reserved->why),
                std::string(reserved->remedy));
  }
}

void read_table(const toml::key& key, const toml::node& node, FolderConfig& config) {
  const std::string_view name = key.str();
  const toml::table* table = node.as_table();
  if (table == nullptr)
    throw Error(fmt::format("line {}: '{}' is no table", key.source().begin.line, name),
                fmt::format("write [{}], and its keys below", name));
  if (name == "environment") return read_environment_table(*table, config);
  if (name == "network") return read_network(*table, config);
  for (const auto& [limit, value] : *table) read_limit(limit, value, config);
}

void check_version(const toml::table& top) {
  const auto found = top.find("version");
  if (found == top.end()) throw Error("the key 'version' is missing", "begin the file with version = 1");
  const auto version = toml_value<int64_t>(found->first, found->second, "1");
  if (version != kVersion)
    throw Error(fmt::format("line {}: this version of Caisson does not know files of version {}",
                            found->first.source().begin.line, version),
                fmt::format("it knows version = {}", kVersion));
}

FolderConfig read_whole(const toml::table& top) {
  check_version(top);
  FolderConfig config;
  for (const auto& [key, node] : top) {
    const bool is_table = key.str() == "limits" || key.str() == "network" || key.str() == "environment";
    is_table ? read_table(key, node, config) : read_key(key, node, config);
  }
  return config;
}

}  // namespace

FolderConfig parse_folder_config(std::string_view text, const std::string& path) {
  try {
    if (text.size() > kMaxFileBytes) throw Error(fmt::format("it is larger than {} bytes", kMaxFileBytes));
    return read_whole(gate::parse_toml(text));
  } catch (const Error& error) {
    throw error.within("cannot use the configuration " + in_quotes(path));
  }
}

}  // namespace caisson::config
