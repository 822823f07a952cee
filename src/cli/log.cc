// SPDX-License-Identifier: Apache-2.0

// caisson log and caisson policy log: the ledger, as people and as programs read it.

#include <algorithm>
#include <memory>

#include "base/error.h"
#include "base/fd.h"
#include "base/json_reader.h"
#include "cli/command.h"
#include "cli/log_file.h"
#include "cli/log_line.h"
#include "keeper/record.h"

namespace caisson::cli {
namespace {

struct LogOptions {
  std::string name;
  bool follow = false;
  bool json = false;
  bool network_only = false;
};

bool is_of_network(std::string_view event) {
  return event == "connect" || event == "disconnect" || event == "name" || event == "policy" || event == "request" ||
         event == "answer" || event == "more";
}

// The ledger's lines, one call each; what is no line of it (a part at a rotation's edge) is passed over.
class LinePrinter {
 public:
  explicit LinePrinter(const LogOptions& options) : options_(options) {}

  void operator()(std::string_view text) {
    rest_ += text;
    size_t end;
    while ((end = rest_.find('\n')) != std::string::npos) {
      print(rest_.substr(0, end));
      rest_.erase(0, end + 1);
    }
  }

 private:
  void print(const std::string& line) const {
    std::string shown;
    try {
      base::Json entry = base::parse_json_object(line, "a line of the ledger");
      if (options_.network_only && !is_of_network(entry.value("event", ""))) return;
      shown = text_of(entry);
    } catch (const base::Error&) {
      return;
    } catch (const base::Json::exception&) {
      return;
    }
    base::write_all(1, shown, "stdout");
  }

  std::string text_of(base::Json& entry) const {
    if (!options_.json) return log_line(entry, keeper::now().time_since_epoch().count());
    entry["time"] = iso_time(entry.value("time_unix_ms", int64_t{0}));
    return entry.dump(-1, ' ', true) + "\n";
  }

  const LogOptions& options_;
  std::string rest_;
};

void show(const LogOptions& options) {
  const keeper::Sandbox sandbox = keeper::read_sandbox(options.name);
  LinePrinter printer(options);
  const LogSink sink = [&](std::string_view text) { printer(text); };
  LogFile file(sandbox.folder + "/ledger.jsonl");
  file.read(std::nullopt, sink);
  if (options.follow && sandbox.state.status == keeper::Status::kRunning && sandbox.state.keeper_pid > 0)
    file.follow(static_cast<pid_t>(sandbox.state.keeper_pid), sink);
}

void declare(CLI::App& command, bool network_only) {
  const auto options = std::make_shared<LogOptions>();
  options->network_only = network_only;
  command.add_option("name", options->name, "the sandbox")->required();
  command.add_flag("--follow,-f", options->follow, "go on until the sandbox stops");
  command.add_flag("--json", options->json, "JSON, one object a line");
  command.callback([options] { show(*options); });
}

}  // namespace

void add_log_command(CLI::App& app) {
  declare(add_command(app, {"log", "[OPTIONS] NAME", "show what a sandbox did: commands, copies, connections, limits",
                            "The ledger is a file of JSON lines in the sandbox's folder; the newest part is kept."}),
          false);
}

void add_policy_log_command(CLI::App& policy) {
  declare(add_command(policy, {"policy log", "[OPTIONS] NAME", "show the connections of a sandbox, made and refused",
                               "Of a refused one the reason is shown, and the rule, if one did it."}),
          true);
}

}  // namespace caisson::cli
