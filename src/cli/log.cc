// SPDX-License-Identifier: Apache-2.0

// caisson log and caisson policy log: the ledger, as people and as programs read it.

#include <algorithm>
#include <memory>
#include <vector>

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
         event == "answer" || event == "more" || event == "lost";
}

// The lines of the ledger's two files, in the order of their time; what is no line of it (a part at a rotation's edge)
// is passed over.
class LinePrinter {
 public:
  explicit LinePrinter(const LogOptions& options) : options_(options) {}

  // `text`: the next of a file.
  void read(std::string_view text, std::string& rest) {
    rest += text;
    size_t end;
    size_t at = 0;
    for (; (end = rest.find('\n', at)) != std::string::npos; at = end + 1) add(rest.substr(at, end - at));
    rest.erase(0, at);
  }
  // What was read since.
  void print() {
    std::stable_sort(lines_.begin(), lines_.end(), [](const Line& a, const Line& b) { return a.time < b.time; });
    for (const Line& line : lines_) base::write_all(1, line.text, "stdout");
    lines_.clear();
  }

 private:
  struct Line {
    int64_t time;
    std::string text;
  };

  void add(const std::string& line) {
    try {
      base::Json entry = base::parse_json_object(line, "a line of the ledger");
      if (options_.network_only && !is_of_network(entry.value("event", ""))) return;
      const auto time = entry.value("time_unix_ms", int64_t{0});
      lines_.push_back({.time = time, .text = text_of(entry)});
    } catch (const base::Error&) {
      return;
    } catch (const base::Json::exception&) {
      return;
    }
  }

  std::string text_of(base::Json& entry) const {
    if (!options_.json) return log_line(entry, keeper::now().time_since_epoch().count());
    entry["time"] = iso_time(entry.value("time_unix_ms", int64_t{0}));
    return entry.dump(-1, ' ', true) + "\n";
  }

  const LogOptions& options_;
  std::vector<Line> lines_;
};

void show(const LogOptions& options) {
  const keeper::Sandbox sandbox = keeper::read_sandbox(options.name);
  LinePrinter printer(options);
  LogFile ledger(sandbox.folder + "/ledger.jsonl");
  LogFile allowed(sandbox.folder + "/allowed.jsonl");
  std::string ledgers_rest;
  std::string alloweds_rest;
  const std::vector<FollowedLog> logs = {
      {ledger, [&](std::string_view text) { printer.read(text, ledgers_rest); }},
      {allowed, [&](std::string_view text) { printer.read(text, alloweds_rest); }},
  };
  for (const FollowedLog& log : logs) log.file.read(std::nullopt, log.sink);
  printer.print();
  if (options.follow && sandbox.state.status == keeper::Status::kRunning && sandbox.state.keeper_pid > 0)
    follow_logs(logs, static_cast<pid_t>(sandbox.state.keeper_pid), [&] { printer.print(); });
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
                            "The ledger is two files of JSON lines in the sandbox's folder; the newest part is kept."}),
          false);
}

void add_policy_log_command(CLI::App& policy) {
  declare(add_command(policy, {"policy log", "[OPTIONS] NAME", "show the connections of a sandbox, made and refused",
                               "Of a refused one the reason is shown, and the rule, if one did it."}),
          true);
}

}  // namespace caisson::cli
