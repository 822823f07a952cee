// SPDX-License-Identifier: Apache-2.0

#include "agents/definition.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "agents/package_names.h"
#include "agents/places.h"
#include "base/error.h"
#include "base/text.h"
#include "gate/policy_build.h"
#include "gate/toml_environment.h"
#include "gate/toml_values.h"
#include "image/store.h"
#include "secrets/known_services.h"
#include "spec/workspace.h"

namespace caisson::agents {
namespace {

using base::Error;
using base::in_quotes;
using gate::at_toml_line;
using gate::for_each_toml_text;
using gate::toml_value;
using gate::TomlList;
using gate::unknown_toml_key;

constexpr int64_t kVersion = 1;
constexpr std::string_view kKeys =
    "the keys are version, name, description, image, command and arguments; the tables [packages], [autonomous], "
    "[ask], [environment] and [import]; the lists of tables [[files]], [[hosts]] and [[secrets]]";

const toml::table& table_of(const toml::key& key, const toml::node& node, std::string_view form) {
  const toml::table* table = node.as_table();
  if (table == nullptr)
    throw Error(fmt::format("line {}: '{}' is no table", key.source().begin.line, key.str()),
                fmt::format("write {}, and its keys below", form));
  return *table;
}

// Each table of a list of them, given to `add`. What it throws begins with a line.
template <typename Add>
void for_each_table(const toml::key& key, const toml::node& node, std::string_view form, size_t most, Add add) {
  const auto line = key.source().begin.line;
  const toml::array* list = node.as_array();
  if (list == nullptr)
    throw Error(fmt::format("line {}: '{}' is no list of tables", line, key.str()),
                fmt::format("write {} before the keys of each", form));
  if (list->size() > most)
    throw Error(fmt::format("line {}: '{}' has more than {} tables", line, key.str(), most), "leave some out");
  for (const toml::node& item : *list) {
    const toml::table* table = item.as_table();
    if (table == nullptr)
      throw Error(fmt::format("line {}: '{}' has what is no table", item.source().begin.line, key.str()),
                  fmt::format("write {} before the keys of each", form));
    add(*table);
  }
}

void require_key(bool has, const toml::table& table, std::string_view form, std::string_view key) {
  if (!has)
    throw Error(fmt::format("line {}: {} has no '{}'", table.source().begin.line, form, key),
                "write it, in a line of its own");
}

// One line for people.
std::string line_of_text(const toml::key& key, const toml::node& node) {
  const auto text = toml_value<std::string>(key, node, "\"…\"");
  const bool good =
      !base::trimmed(text).empty() && text.size() <= kMaxLineBytes &&
      std::none_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
  if (!good)
    throw Error(
        fmt::format("line {}: '{}' is not a line of 1 to {} bytes", node.source().begin.line, key.str(), kMaxLineBytes),
        "write one line");
  return text;
}

std::vector<std::string> words_of(const toml::key& key, const toml::node& node) {
  const TomlList form{.example = "\"--flag\"", .one = "word", .most = kMostWords, .remedy = "put them into a script"};
  std::vector<std::string> words;
  for_each_toml_text(key, node, form, [&](std::string_view text) {
    if (text.size() > kMaxWordBytes || text.find('\0') != std::string_view::npos)
      throw Error(fmt::format("a word of '{}' has a NUL byte or more than {} bytes", key.str(), kMaxWordBytes),
                  "put it into a file");
    words.emplace_back(text);
  });
  return words;
}

std::vector<std::string> packages_of(const toml::key& key, const toml::node& node, void (*check)(std::string_view)) {
  const TomlList form{.example = "\"name\"", .one = "package", .most = kMostPackages, .remedy = "leave some out"};
  std::vector<std::string> names;
  for_each_toml_text(key, node, form, [&](std::string_view text) {
    check(text);
    names.emplace_back(text);
  });
  return names;
}

void read_packages(const toml::table& table, Packages& packages) {
  for (const auto& [key, node] : table) {
    if (key.str() == "apt") {
      packages.apt = packages_of(key, node, check_apt_package);
    } else if (key.str() == "npm") {
      packages.npm = packages_of(key, node, check_npm_package);
    } else if (key.str() == "pip") {
      packages.pip = packages_of(key, node, check_pip_package);
    } else {
      throw unknown_toml_key(key, "the keys of [packages] are apt, npm and pip");
    }
  }
}

std::vector<std::string> environment_of(const toml::key& key, const toml::node& node) {
  return gate::toml_environment(table_of(key, node, fmt::format("[{}]", key.str())), kMostAgentVariables);
}

void read_manner(const toml::table& table, Manner& manner) {
  for (const auto& [key, node] : table) {
    if (key.str() == "arguments") {
      manner.arguments = words_of(key, node);
    } else if (key.str() == "environment") {
      manner.environment = environment_of(key, node);
    } else {
      throw unknown_toml_key(key, "the keys of [autonomous] and [ask] are arguments and environment");
    }
  }
}

unsigned mode_of(const std::string& text) {
  const bool octal = (text.size() == 3 || text.size() == 4) && text.find_first_not_of("01234567") == std::string::npos;
  unsigned mode = 0;
  if (octal) {
    for (const char c : text) mode = mode * 8 + static_cast<unsigned>(c - '0');
  }
  if (!octal || mode > 0777) throw Error("mode is " + in_quotes(text.substr(0, 80)), "write \"0644\" or \"0755\"");
  return mode;
}

File read_file_table(const toml::table& table) {
  File file;
  bool has_content = false;
  for (const auto& [key, node] : table) {
    const auto text = [&, &name = key, &value = node] { return toml_value<std::string>(name, value, "\"…\""); };
    if (key.str() == "path") {
      file.path = text();
      at_toml_line(node.source(), [&] { check_file_path(file.path); });
    } else if (key.str() == "mode") {
      const std::string mode = text();
      file.mode = at_toml_line(node.source(), [&] { return mode_of(mode); });
    } else if (key.str() == "content") {
      file.content = text();
      has_content = true;
      if (file.content.size() > kMaxFileContentBytes)
        throw Error(fmt::format("line {}: the content has {} bytes", key.source().begin.line, file.content.size()),
                    fmt::format("at most {} are possible", kMaxFileContentBytes));
    } else {
      throw unknown_toml_key(key, "the keys of [[files]] are path, mode and content");
    }
  }
  require_key(!file.path.empty(), table, "[[files]]", "path");
  require_key(has_content, table, "[[files]]", "content");
  return file;
}

std::variant<gate::Rule, gate::GroupName> rule_of(const std::string& text) {
  auto what = gate::parse_rule_or_group(text);
  if (const auto* rule = std::get_if<gate::Rule>(&what)) gate::check_allows_something(*rule);
  return what;
}

Host read_host(const toml::table& table) {
  std::optional<std::variant<gate::Rule, gate::GroupName>> rule;
  std::string reason;
  for (const auto& [key, node] : table) {
    if (key.str() == "rule") {
      const auto text = toml_value<std::string>(key, node, "\"api.example.com:443\"");
      rule = at_toml_line(node.source(), [&] { return rule_of(text); });
    } else if (key.str() == "reason") {
      reason = line_of_text(key, node);
    } else {
      throw unknown_toml_key(key, "the keys of [[hosts]] are rule and reason");
    }
  }
  require_key(rule.has_value(), table, "[[hosts]]", "rule");
  require_key(!reason.empty(), table, "[[hosts]]", "reason");
  return {.rule = std::move(*rule), .reason = std::move(reason)};
}

SecretUse read_secret(const toml::table& table) {
  SecretUse secret;
  const secrets::KnownService* service = nullptr;
  for (const auto& [key, node] : table) {
    if (key.str() == "name") {
      secret.name = toml_value<std::string>(key, node, "\"anthropic\"");
      at_toml_line(node.source(), [&] {
        secrets::check_name(secret.name);
        service = secrets::find_service(secret.name);
      });
    } else if (key.str() == "variable") {
      secret.variable = toml_value<std::string>(key, node, "\"API_KEY\"");
      if (!gate::is_variable_name(secret.variable) || secret.variable.size() > kMaxLineBytes)
        throw Error(fmt::format("line {}: {} is not a variable's name", node.source().begin.line,
                                in_quotes(secret.variable.substr(0, 80))),
                    "it has letters, digits and '_', and begins with no digit");
    } else {
      throw unknown_toml_key(key, "the keys of [[secrets]] are name and variable");
    }
  }
  require_key(!secret.name.empty(), table, "[[secrets]]", "name");
  if (secret.variable.empty() && service != nullptr) secret.variable = service->variables.front();
  require_key(!secret.variable.empty(), table, "[[secrets]]", "variable");
  return secret;
}

// One that is meant and means nothing would let in what it names.
void check_excluded(std::string_view text) {
  spec::validate_masks("exclude", {std::string(text)});
  for (const std::string& part : base::split(text, '/')) {
    if (part == "." || part == "..")
      throw Error("the pattern " + in_quotes(text.substr(0, 80)) + " has '.' or '..' in it",
                  "a name as '*.json', or a path from the top of the folder");
  }
}

ConfigFolder read_config_folder(const toml::table& table) {
  const TomlList form{
      .example = "\"credentials.json\"", .one = "pattern", .most = kMostExcluded, .remedy = "write one with a star"};
  ConfigFolder config;
  bool has_exclude = false;
  for (const auto& [key, node] : table) {
    if (key.str() == "folder") {
      config.folder = toml_value<std::string>(key, node, "\"~/.agent\"");
      at_toml_line(node.source(), [&] { check_config_folder(config.folder); });
    } else if (key.str() == "exclude") {
      has_exclude = true;
      for_each_toml_text(key, node, form, [&](std::string_view text) {
        check_excluded(text);
        config.exclude.emplace_back(text);
      });
    } else {
      throw unknown_toml_key(key, "the keys of [[import.config]] are folder and exclude");
    }
  }
  require_key(!config.folder.empty(), table, "[[import.config]]", "folder");
  // Even where it is empty: so that nobody forgets what must not get in.
  require_key(has_exclude, table, "[[import.config]]", "exclude");
  return config;
}

void read_import(const toml::table& table, Definition& definition) {
  for (const auto& [key, node] : table) {
    if (key.str() == "git") {
      definition.import_git = toml_value<bool>(key, node, "false");
    } else if (key.str() == "config") {
      for_each_table(key, node, "[[import.config]]", kMostConfigFolders,
                     [&](const toml::table& one) { definition.import_config.push_back(read_config_folder(one)); });
    } else {
      throw unknown_toml_key(key, "the keys of [import] are git and config");
    }
  }
}

void read_simple_key(const toml::key& key, const toml::node& node, Definition& definition) {
  const std::string_view name = key.str();
  if (name == "version") return;
  if (name == "name") {
    definition.name = toml_value<std::string>(key, node, "\"mine\"");
    at_toml_line(node.source(), [&] { check_agent_name(definition.name); });
  } else if (name == "description") {
    definition.description = line_of_text(key, node);
  } else if (name == "image") {
    definition.image = toml_value<std::string>(key, node, "\"base\"");
    at_toml_line(node.source(), [&] { image::validate_image_name(definition.image); });
  } else if (name == "command") {
    definition.command = words_of(key, node);
  } else if (name == "arguments") {
    definition.arguments = words_of(key, node);
  } else {
    throw unknown_toml_key(key, kKeys);
  }
}

void read_key(const toml::key& key, const toml::node& node, Definition& definition) {
  const std::string_view name = key.str();
  if (name == "packages") {
    read_packages(table_of(key, node, "[packages]"), definition.packages);
  } else if (name == "autonomous") {
    read_manner(table_of(key, node, "[autonomous]"), definition.autonomous);
  } else if (name == "ask") {
    read_manner(table_of(key, node, "[ask]"), definition.ask);
  } else if (name == "environment") {
    definition.environment = environment_of(key, node);
  } else if (name == "import") {
    read_import(table_of(key, node, "[import]"), definition);
  } else if (name == "files") {
    for_each_table(key, node, "[[files]]", kMostAgentFiles,
                   [&](const toml::table& one) { definition.files.push_back(read_file_table(one)); });
  } else if (name == "hosts") {
    for_each_table(key, node, "[[hosts]]", kMostHosts,
                   [&](const toml::table& one) { definition.hosts.push_back(read_host(one)); });
  } else if (name == "secrets") {
    for_each_table(key, node, "[[secrets]]", kMostSecrets,
                   [&](const toml::table& one) { definition.secrets.push_back(read_secret(one)); });
  } else {
    read_simple_key(key, node, definition);
  }
}

// What two places of the file say of one thing.
void check_agreement(const Definition& definition) {
  const auto& files = definition.files;
  for (auto at = files.begin(); at != files.end(); ++at) {
    if (std::any_of(files.begin(), at, [&](const File& other) { return other.path == at->path; }))
      throw Error("the file " + in_quotes(at->path) + " is there twice", "leave one of them out");
  }
  const auto sets = [](const std::vector<std::string>& environment, const std::string& variable) {
    return std::any_of(environment.begin(), environment.end(),
                       [&](const std::string& entry) { return entry.starts_with(variable + "="); });
  };
  const auto& all = definition.secrets;
  for (auto at = all.begin(); at != all.end(); ++at) {
    const bool twice =
        std::any_of(all.begin(), at, [&](const SecretUse& other) { return other.variable == at->variable; });
    if (twice || sets(definition.environment, at->variable) || sets(definition.autonomous.environment, at->variable) ||
        sets(definition.ask.environment, at->variable))
      throw Error(fmt::format("the variable {} of the secret {} has another value, too", in_quotes(at->variable),
                              in_quotes(at->name)),
                  "leave one of them out");
  }
}

Definition read_top(const toml::table& top) {
  gate::check_toml_version(top, kVersion);
  Definition definition;
  for (const auto& [key, node] : top) read_key(key, node, definition);
  const auto require_top = [](bool has, const char* key, const char* form) {
    if (!has) throw Error(fmt::format("the key '{}' is missing", key), fmt::format("write {} = {}", key, form));
  };
  require_top(!definition.name.empty(), "name", "\"mine\"");
  require_top(!definition.description.empty(), "description", "\"An agent of my own\"");
  require_top(!definition.command.empty() && !definition.command[0].empty(), "command", "[\"my-agent\"]");
  check_agreement(definition);
  return definition;
}

}  // namespace

bool is_agent_name(std::string_view name) {
  const auto is_letter = [](char c) { return c >= 'a' && c <= 'z'; };
  return !name.empty() && name.size() <= kMaxAgentNameBytes && is_letter(name[0]) &&
         std::all_of(name.begin(), name.end(),
                     [&](char c) { return is_letter(c) || (c >= '0' && c <= '9') || c == '-'; });
}

void check_agent_name(std::string_view name) {
  if (!is_agent_name(name))
    throw Error(
        "not an agent's name: " + in_quotes(name.substr(0, 80)),
        fmt::format("lower-case letters, digits and '-', the first a letter, at most {} bytes", kMaxAgentNameBytes));
}

Definition parse_definition(std::string_view text, const std::string& path) {
  try {
    if (text.size() > kMaxDefinitionBytes) throw Error(fmt::format("it is larger than {} bytes", kMaxDefinitionBytes));
    return read_top(gate::parse_toml(text));
  } catch (const Error& error) {
    throw error.within("cannot use the agent definition " + in_quotes(path));
  }
}

}  // namespace caisson::agents
