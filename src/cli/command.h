// SPDX-License-Identifier: Apache-2.0

// What the commands of the command line have in common: how one is declared, where its tail of words is, how it ends.
#pragma once

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace caisson::cli {

inline constexpr int kOurFailure = 125;  // docker's code for "the tool failed, not the command"

// Thrown by a command to end with this exit code.
struct Exit {
  int code = 0;
};

// The words that belong to the command in the sandbox: CLI11 never sees them. cut_tail() fills it.
struct Tail {
  std::vector<std::string> words;
  bool separated = false;  // a "--" stood before them
};

struct CommandText {
  std::string name;         // with the command it belongs to: "image ls"
  std::string arguments;    // for the usage line: "[OPTIONS] NAME…"
  std::string description;  // one line, lower case
  std::string details;      // paragraphs behind the options: rules and examples; may be empty
};

// A sub-command of `app` whose help has docker's shape.
CLI::App& add_command(CLI::App& app, const CommandText& text);

// An option that may be given again and again, each time with one value.
void add_list_option(CLI::App& command, const std::string& names, std::vector<std::string>& values,
                     const std::string& description, const std::string& type);

// The commands of `app` with their descriptions, for help.
std::string command_list(const CLI::App& app);

// The commands, one file each; a command's work is its callback.
void add_run_command(CLI::App& app, Tail& tail);
void add_exec_command(CLI::App& app, Tail& tail);
void add_attach_command(CLI::App& app);
void add_ls_command(CLI::App& app);
void add_inspect_command(CLI::App& app);
void add_start_command(CLI::App& app);
void add_stop_command(CLI::App& app);
void add_rm_command(CLI::App& app);
void add_logs_command(CLI::App& app);
void add_cp_command(CLI::App& app);
void add_diff_command(CLI::App& app);
void add_apply_command(CLI::App& app);
void add_discard_command(CLI::App& app);
void add_patch_command(CLI::App& app);
void add_policy_command(CLI::App& app, Tail& tail);
void add_policy_log_command(CLI::App& policy);
void add_policy_learn_command(CLI::App& policy, Tail& tail);
void add_trust_command(CLI::App& app);
void add_log_command(CLI::App& app);
void add_secret_command(CLI::App& app);
void add_secret_import_command(CLI::App& secret);
void add_image_command(CLI::App& app);
void add_doctor_command(CLI::App& app);
void add_version_command(CLI::App& app);
void add_completion_command(CLI::App& app);

struct CommandEntry {
  std::string_view name;
  void (*add)(CLI::App& app, Tail& tail);
  // How many words of its own come before the tail; -1: it has no tail.
  int words_before_tail;
  // Its command that has a tail, where not it itself has one: "learn" of "policy".
  std::string_view with_tail = {};
};
// In the order in which help shows them.
const std::vector<CommandEntry>& all_commands();

std::vector<std::string> command_names();
// The long options of `command`, each with its "--".
std::vector<std::string> option_names(const CLI::App& command);

// Prints `caisson: …` on stderr, as one line.
void warn(std::string_view line);

}  // namespace caisson::cli
