// SPDX-License-Identifier: Apache-2.0

#include "cli/command.h"

#include <fmt/format.h>

#include <cstdio>
#include <memory>

#include "cli/agent_command.h"

namespace caisson::cli {
namespace {

class CommandHelp final : public CLI::Formatter {
 public:
  explicit CommandHelp(CommandText text) : text_(std::move(text)) { column_width(30); }

  std::string make_help(const CLI::App* app, std::string /*name*/, CLI::AppFormatMode mode) const override {
    std::string out = fmt::format("Usage: caisson {} {}\n\n", text_.name, text_.arguments);
    std::string description = text_.description;
    description[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(description[0])));
    out += description + ".\n";
    if (!app->get_subcommands(nullptr).empty()) out += "\n" + command_list(*app);
    out += make_groups(app, mode);
    while (out.ends_with("\n\n")) out.pop_back();
    if (!text_.details.empty()) out += "\n" + text_.details + "\n";
    return out;
  }

 private:
  CommandText text_;
};

}  // namespace

CLI::App& add_command(CLI::App& app, const CommandText& text) {
  CLI::App& command = *app.add_subcommand(text.name.substr(text.name.rfind(' ') + 1), text.description);
  command.formatter(std::make_shared<CommandHelp>(text));
  return command;
}

void add_list_option(CLI::App& command, const std::string& names, std::vector<std::string>& values,
                     const std::string& description, const std::string& type) {
  command.add_option(names, values, description)->type_name(type)->expected(1)->take_all();
}

const std::vector<CommandEntry>& all_commands() {
  static const std::vector<CommandEntry> kCommands = {
      {"run", add_run_command, 0},
      {"exec", add_exec_command, 1},
      {"attach", [](CLI::App& app, Tail&) { add_attach_command(app); }, -1},
      {"ls", [](CLI::App& app, Tail&) { add_ls_command(app); }, -1},
      {"inspect", [](CLI::App& app, Tail&) { add_inspect_command(app); }, -1},
      {"start", [](CLI::App& app, Tail&) { add_start_command(app); }, -1},
      {"stop", [](CLI::App& app, Tail&) { add_stop_command(app); }, -1},
      {"rm", [](CLI::App& app, Tail&) { add_rm_command(app); }, -1},
      {"logs", [](CLI::App& app, Tail&) { add_logs_command(app); }, -1},
      {"policy", add_policy_command, -1, "learn"},
      {"log", [](CLI::App& app, Tail&) { add_log_command(app); }, -1},
      {"secret", [](CLI::App& app, Tail&) { add_secret_command(app); }, -1},
      {"trust", [](CLI::App& app, Tail&) { add_trust_command(app); }, -1},
      {"diff", [](CLI::App& app, Tail&) { add_diff_command(app); }, -1},
      {"apply", [](CLI::App& app, Tail&) { add_apply_command(app); }, -1},
      {"discard", [](CLI::App& app, Tail&) { add_discard_command(app); }, -1},
      {"patch", [](CLI::App& app, Tail&) { add_patch_command(app); }, -1},
      {"cp", [](CLI::App& app, Tail&) { add_cp_command(app); }, -1},
      {"agent", [](CLI::App& app, Tail&) { add_agent_command(app); }, -1},
      {"image", [](CLI::App& app, Tail&) { add_image_command(app); }, -1},
      {"doctor", [](CLI::App& app, Tail&) { add_doctor_command(app); }, -1},
      {"version", [](CLI::App& app, Tail&) { add_version_command(app); }, -1},
      {"completion", [](CLI::App& app, Tail&) { add_completion_command(app); }, -1},
  };
  return kCommands;
}

std::vector<std::string> command_names() {
  std::vector<std::string> names;
  for (const CommandEntry& entry : all_commands()) names.emplace_back(entry.name);
  return names;
}

std::vector<std::string> option_names(const CLI::App& command) {
  std::vector<std::string> names;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

std::string command_list(const CLI::App& app) {
  std::string out = "Commands:\n";
  for (const CLI::App* command : app.get_subcommands(nullptr)) {
    out += fmt::format("  {:12}{}\n", command->get_name(), command->get_description());
  }
  return out;
}

void warn(std::string_view line) {
  // Not fmt::print, which throws: where stderr cannot be written, nobody can be told that either.
  std::fputs(fmt::format("caisson: {}\n", line).c_str(), stderr);
}

}  // namespace caisson::cli
