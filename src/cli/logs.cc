// SPDX-License-Identifier: Apache-2.0

// caisson logs: what a sandbox's main command wrote, or its kernel.

#include <fmt/format.h>

#include <memory>

#include "base/error.h"
#include "base/fd.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/log_file.h"
#include "keeper/record.h"

namespace caisson::cli {
namespace {

struct LogsOptions {
  std::string name;
  bool follow = false;
  bool console = false;
  std::string tail;
};

// The command's output goes out as it is: it is what the user asked to run. The console is the kernel's and everybody's
// who may write to it, so what could steer the terminal is shown and not sent.
std::string without_controls(std::string_view text) {
  std::string out;
  bool first = true;
  for (const std::string& line : base::split(text, '\n')) {
    if (!first) out += '\n';
    first = false;
    std::string_view content = line;
    if (content.ends_with('\r')) content.remove_suffix(1);
    bool first_field = true;
    for (const std::string& field : base::split(content, '\t')) {
      if (!first_field) out += '\t';
      first_field = false;
      out += base::escaped(field);
    }
  }
  return out;
}

void logs(const LogsOptions& options) {
  const keeper::Sandbox sandbox = keeper::read_sandbox(options.name);
  std::optional<size_t> lines;
  if (!options.tail.empty()) {
    lines = base::parse_number<size_t>(options.tail);
    if (!lines) throw base::Error("--tail is " + base::in_quotes(options.tail), "give a whole number");
  }
  const LogSink sink = [&](std::string_view text) {
    const std::string shown = options.console ? without_controls(text) : std::string(text);
    base::write_all(1, shown, "stdout");
  };
  LogFile file(sandbox.folder + (options.console ? "/console.log" : "/output.log"));
  bool anything = false;
  file.read(lines, [&](std::string_view text) {
    anything = true;
    sink(text);
  });
  if (options.console && !anything)
    warn("its kernel has said nothing since it was thawed from the template, in which it had started already");
  if (options.follow && sandbox.state.status == keeper::Status::kRunning && sandbox.state.keeper_pid > 0) {
    file.follow(static_cast<pid_t>(sandbox.state.keeper_pid), sink);
  }
}

}  // namespace

void add_logs_command(CLI::App& app) {
  CLI::App& command =
      add_command(app, {"logs", "[OPTIONS] NAME", "show what a sandbox's command wrote",
                        "The newest part of the output is kept, stdout and stderr in one, in the order in which they\n"
                        "reached this machine. All of it is printed on stdout.\n\n"
                        "Examples:\n"
                        "  caisson logs -f web\n"
                        "  caisson logs --console web     the messages of its kernel"});
  const auto options = std::make_shared<LogsOptions>();
  command.add_option("name", options->name, "the sandbox")->required();
  command.add_flag("--follow,-f", options->follow, "go on until the sandbox stops");
  command.add_flag("--console", options->console, "the kernel's console instead");
  command.add_option("--tail,-n", options->tail, "only the last N lines")->type_name("N");
  command.callback([options] { logs(*options); });
}

}  // namespace caisson::cli
