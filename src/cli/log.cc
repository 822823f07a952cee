// SPDX-License-Identifier: Apache-2.0

// caisson log and caisson policy log: the ledger, as people and as programs read it.

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "base/error.h"
#include "base/fd.h"
#include "base/json_reader.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/log_file.h"
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
  return event == "connect" || event == "disconnect" || event == "name" || event == "policy" || event == "request";
}

std::string time_text(int64_t unix_ms) {
  const auto seconds = static_cast<time_t>(unix_ms / 1000);
  tm parts{};
  ::localtime_r(&seconds, &parts);
  return fmt::format("{:%H:%M:%S}.{:03}", parts, unix_ms % 1000);
}

// What is shown first, and without its key.
std::string headline(const base::Json& entry) {
  const std::string event = entry.value("event", "");
  std::string text = event;
  if (entry.contains("verdict") && entry["verdict"].is_string()) text += " " + entry["verdict"].get<std::string>();
  if (event != "connect" && event != "name" && event != "request") return text;
  const bool is_name = entry.contains("name") && entry["name"].is_string();
  text += " " + (is_name ? entry["name"].get<std::string>() : entry.value("address", ""));
  if (entry.contains("port")) text += ":" + entry["port"].dump();
  return text;
}

std::string line_of(const base::Json& entry) {
  const std::string head = headline(entry);
  std::string text = time_text(entry.value("time_unix_ms", int64_t{0})) + "  " + base::escaped(head);
  for (const auto& [key, value] : entry.items()) {
    const bool shown = key == "time_unix_ms" || key == "event" || key == "verdict" ||
                       (head.find(' ') != std::string::npos && (key == "name" || key == "port"));
    if (shown) continue;
    text +=
        "  " + base::escaped(key) + "=" + base::escaped(value.is_string() ? value.get<std::string>() : value.dump());
  }
  return text + "\n";
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
    base::Json entry;
    try {
      entry = base::parse_json_object(line, "a line of the ledger");
      if (options_.network_only && !is_of_network(entry.value("event", ""))) return;
    } catch (const base::Error&) {
      return;
    } catch (const base::Json::exception&) {
      return;
    }
    const std::string shown = options_.json ? entry.dump(-1, ' ', true) + "\n" : line_of(entry);
    base::write_all(1, shown, "stdout");
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
