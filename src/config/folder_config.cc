// SPDX-License-Identifier: Apache-2.0

#include "config/folder_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/text.h"
#include "gate/policy_build.h"
#include "gate/policy_table.h"
#include "gate/toml_environment.h"
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
    {"agent", "a folder cannot choose an agent yet", "take it out; an agent is started by caisson run NAME"},
    {"agents", "a folder cannot choose an agent yet", "take it out; an agent is started by caisson run NAME"},
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
  if (name == "environment") {
    config.environment = gate::toml_environment(*table, kMostVariables);
    return;
  }
  if (name == "network") return read_network(*table, config);
  for (const auto& [limit, value] : *table) read_limit(limit, value, config);
}

FolderConfig read_whole(const toml::table& top) {
  gate::check_toml_version(top, kVersion);
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
