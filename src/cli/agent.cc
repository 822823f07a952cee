// SPDX-License-Identifier: Apache-2.0

// caisson agent: what agents there are, and what their definitions say.

#include <fmt/format.h>

#include <memory>

#include "agents/find.h"
#include "base/text.h"
#include "cli/agent_command.h"
#include "cli/configuration.h"
#include "cli/json_output.h"
#include "cli/table.h"

namespace caisson::cli {
namespace {

void list_agents_known(bool json) {
  const std::vector<agents::ListedAgent> all = agents::list_agents();
  for (const agents::ListedAgent& one : all) {
    if (!one.definition) warn(one.problem);
  }
  if (json) {
    base::Json list = base::Json::array();
    for (const agents::ListedAgent& one : all) {
      base::Json entry = {{"name", one.name}, {"origin", to_string(one.origin)}, {"path", one.path}};
      if (one.definition) entry["description"] = one.definition->description;
      if (!one.definition) entry["problem"] = one.problem;
      list.push_back(std::move(entry));
    }
    fmt::print("{}\n", printable_json(list));
    return;
  }
  Table table({"NAME", "FROM", "DESCRIPTION"});
  for (const agents::ListedAgent& one : all) {
    if (one.definition) table.add({one.name, std::string(to_string(one.origin)), one.definition->description});
  }
  fmt::print("{}", table.text());
}

// As a shell takes them.
std::string words_text(const std::vector<std::string>& words, const std::vector<std::string>& more = {}) {
  std::vector<std::string> all;
  for (const std::string& word : words) all.push_back(shell_word(word));
  for (const std::string& word : more) all.push_back(shell_word(word));
  return base::join(all, " ");
}

// Rows of a heading and what belongs to it: the heading stands once.
class Description {
 public:
  void add(const std::string& heading, const std::string& text) {
    table_.add({heading == last_ ? "" : heading, text});
    last_ = heading;
  }
  void add_all(const std::string& heading, const std::vector<std::string>& texts, const std::string& before = {}) {
    for (const std::string& text : texts) add(heading, before + text);
  }
  std::string text() const {
    const std::string all = table_.text();
    return all.substr(all.find('\n') + 1);  // the empty header
  }

 private:
  Table table_{{"", ""}};
  std::string last_;
};

std::string description_of(const agents::Agent& agent) {
  const agents::Definition& what = agent.definition;
  Description shown;
  shown.add("name", what.name);
  shown.add("description", what.description);
  shown.add("from", fmt::format("{}: {}", to_string(agent.origin), agent.path));
  shown.add("image", what.image);
  shown.add_all("packages", what.packages.apt, "apt ");
  shown.add_all("packages", what.packages.npm, "npm ");
  shown.add_all("packages", what.packages.pip, "pip ");
  shown.add("command", words_text(what.command, what.autonomous.arguments));
  if (what.ask.arguments != what.autonomous.arguments)
    shown.add("asking first", words_text(what.command, what.ask.arguments));
  if (!what.arguments.empty()) shown.add("without others", words_text(what.arguments));
  shown.add_all("environment", what.environment);
  shown.add_all("environment", what.autonomous.environment);
  shown.add_all("environment", what.ask.environment, "asking first: ");
  for (const agents::File& file : what.files)
    shown.add("files", fmt::format("{}  mode {:04o}, {} bytes", file.path, file.mode, file.content.size()));
  for (const agents::Host& host : what.hosts)
    shown.add("reaches", fmt::format("{}  {}", agents::rule_text(host), host.reason));
  for (const agents::SecretUse& use : what.secrets)
    shown.add("secrets", fmt::format("{}  as {}", use.name, use.variable));
  if (what.import_git) shown.add("imports", "git's user.name and user.email");
  for (const agents::ConfigFolder& one : what.import_config) {
    shown.add("imports",
              "on request: " + one.folder + (one.exclude.empty() ? "" : ", without " + base::join(one.exclude, ", ")));
  }
  return shown.text();
}

void show_agent(const std::string& name_or_path, bool json) {
  const agents::Agent agent = agents::find_agent(name_or_path);
  if (!json) {
    fmt::print("{}", description_of(agent));
    return;
  }
  base::Json whole = to_json(agent.definition);
  whole["origin"] = to_string(agent.origin);
  whole["path"] = agent.path;
  fmt::print("{}\n", printable_json(whole));
}

void check_agent(const std::string& path) {
  const agents::Agent agent = agents::read_agent(path);
  fmt::print("{}: defines the agent '{}'\n", base::escaped(agent.path), agent.definition.name);
}

void add_agent_ls(CLI::App& agent) {
  CLI::App& command = add_command(
      agent,
      {"agent ls", "[OPTIONS]", "list the agents",
       "They are those that Caisson comes with, and the files NAME.toml in ~/.config/caisson/agents, which come\n"
       "first."});
  const auto json = std::make_shared<bool>(false);
  command.add_flag("--json", *json, "as JSON");
  command.callback([json] { list_agents_known(*json); });
}

void add_agent_show(CLI::App& agent) {
  CLI::App& command =
      add_command(agent, {"agent show", "[OPTIONS] NAME|FILE", "show what an agent is made of, and what it reaches",
                          "Examples:\n"
                          "  caisson agent show claude\n"
                          "  caisson agent show ./my-agent.toml"});
  const auto name = std::make_shared<std::string>();
  const auto json = std::make_shared<bool>(false);
  command.add_option("agent", *name, "its name, or the path of a definition")->required()->group("");
  command.add_flag("--json", *json, "everything, as JSON");
  command.callback([name, json] { show_agent(*name, *json); });
}

void add_agent_check(CLI::App& agent) {
  CLI::App& command = add_command(agent, {"agent check", "FILE", "say whether a definition can be used",
                                          "What is wrong is named with its line; the exit code is 125 then."});
  const auto path = std::make_shared<std::string>();
  command.add_option("file", *path, "the definition")->required()->group("");
  command.callback([path] { check_agent(*path); });
}

}  // namespace

void add_agent_command(CLI::App& app) {
  CLI::App& agent = add_command(app, {"agent", "COMMAND", "list, show and check definitions of agents", ""});
  agent.require_subcommand(1);
  add_agent_ls(agent);
  add_agent_show(agent);
  add_agent_check(agent);
}

}  // namespace caisson::cli
