// SPDX-License-Identifier: Apache-2.0

// caisson doctor: what works on this host, what is missing, and how to get it.

#include <fmt/format.h>

#include <memory>

#include "base/text.h"
#include "cli/command.h"
#include "cli/host_check.h"
#include "cli/json_output.h"
#include "cli/terminal.h"
#include "engine/registry.h"

namespace caisson::cli {
namespace {

struct EngineReport {
  std::string name;
  engine::Probe probe;
  engine::Capabilities capabilities;
};

struct Report {
  std::vector<EngineReport> engines;
  std::vector<HostCheck> checks;

  bool good() const {
    bool engine = false;
    for (const EngineReport& report : engines) engine |= report.probe.usable;
    for (const HostCheck& check : checks) {
      if (check.verdict == Verdict::kFail) return false;
    }
    return engine;
  }
};

Report examine() {
  Report report;
  for (const auto& engine : engine::all_engines()) {
    report.engines.push_back({std::string(engine->name()), engine->probe(), engine->capabilities()});
  }
  const HostFindings host = look_at_host();
  for (auto checks : {check_programs(host), check_kernel(host), check_proxy(), check_space()}) {
    report.checks.insert(report.checks.end(), checks.begin(), checks.end());
  }
  return report;
}

base::Json to_json(const Report& report) {
  base::Json engines = base::Json::array();
  for (const EngineReport& engine : report.engines) {
    engines.push_back({{"name", engine.name},
                       {"usable", engine.probe.usable},
                       {"reason", engine.probe.reason},
                       {"remedy", engine.probe.remedy},
                       {"capabilities", engine::to_json(engine.capabilities)}});
  }
  base::Json checks = base::Json::array();
  for (const HostCheck& check : report.checks) checks.push_back(to_json(check));
  return {{"ok", report.good()}, {"engines", std::move(engines)}, {"checks", std::move(checks)}};
}

void print_line(Verdict verdict, const std::string& name, const std::string& detail, const std::string& remedy) {
  static const bool kColours = colours_wanted(1);
  const char* colour = verdict == Verdict::kOk ? "\x1b[32m" : verdict == Verdict::kWarn ? "\x1b[33m" : "\x1b[31m";
  fmt::print("  {}{:4}{}  {:22} {}\n", kColours ? colour : "", to_string(verdict), kColours ? "\x1b[0m" : "", name,
             base::escaped(detail));
  if (!remedy.empty()) fmt::print("        {:22} -> {}\n", "", base::escaped(remedy));
}

void print(const Report& report) {
  fmt::print("Engines\n");
  for (const EngineReport& engine : report.engines) {
    const bool usable = engine.probe.usable;
    const Verdict verdict = !usable ? Verdict::kFail : engine.probe.remedy.empty() ? Verdict::kOk : Verdict::kWarn;
    print_line(verdict, engine.name, engine.probe.reason, engine.probe.remedy);
  }
  fmt::print("Host\n");
  for (const HostCheck& check : report.checks) print_line(check.verdict, check.name, check.detail, check.remedy);
  fmt::print("{}\n", report.good() ? "Sandboxes can run here."
                                   : "Sandboxes cannot run here until the failed points are set right.");
}

}  // namespace

void add_doctor_command(CLI::App& app) {
  CLI::App& command =
      add_command(app, {"doctor", "[OPTIONS]", "check what works on this machine and how to get the rest",
                        "The exit code is 0 when sandboxes can run here, else 1."});
  const auto json = std::make_shared<bool>(false);
  command.add_flag("--json", *json, "as JSON");
  command.callback([json] {
    const Report report = examine();
    if (*json) {
      fmt::print("{}\n", printable_json(to_json(report)));
    } else {
      print(report);
    }
    throw Exit{report.good() ? 0 : 1};
  });
}

}  // namespace caisson::cli
