// SPDX-License-Identifier: Apache-2.0

// caisson-bench: how long the commands of a user take, everything included, and what an idle sandbox costs.
#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <memory>
#include <optional>

#include "base/error.h"
#include "base/file.h"
#include "base/install.h"
#include "bench/changes_measurements.h"
#include "bench/docker.h"
#include "bench/gate_measurements.h"
#include "bench/host_processes.h"
#include "bench/measurements.h"
#include "bench/report.h"
#include "bench/share_measurements.h"

namespace caisson::bench {
namespace {

constexpr const char* kDetails =
    "Measures the `caisson` beside it, as the user who calls it and with that user's images; makes the image and the\n"
    "template first when they are missing. Sandboxes are named bench-PID-N and are gone at the end, also after "
    "Ctrl-C.\n"
    "\n"
    "The comparison needs a docker client and a static busybox, and an engine on a local socket; without one, root "
    "gets\n"
    "a private dockerd for the time of the benchmark. Cold runs drop the machine's page cache, for which one must be\n"
    "root. What cannot be measured is shown as such. A quiet machine is up to you: the load before is in the report.\n"
    "\n"
    "Examples:\n"
    "  caisson-bench                                 a table\n"
    "  caisson-bench --json numbers.json             and every single value\n"
    "  caisson-bench --page docs/numbers.md          the tables of that page, anew\n"
    "  caisson-bench --quick --image tiny            does it work at all?\n"
    "  caisson-bench --gate                          what the network's gate costs\n"
    "  caisson-bench --share                         what a shared folder costs, without a sandbox; as root\n"
    "  caisson-bench --changes                       how long diff and apply take\n"
    "\n"
    "The exit code is 0 when everything could be measured (Docker apart, where there is none), else 1, 130 after "
    "Ctrl-C.";

struct Options {
  Settings settings;
  GateSettings gate_settings;
  ShareSettings share_settings;
  ChangesSettings changes_settings;
  bool gate = false;
  bool share = false;
  bool changes = false;
  bool quick = false;
  bool markdown = false;
  bool without_docker = false;
  std::string json_file;
  std::string page;
  std::string image;
  std::string program;
};

void say(const std::string& what) {
  std::fprintf(stderr, "caisson-bench: %s\n", what.c_str());
}

std::string program_beside() {
  const std::string own = base::own_executable();
  return own.substr(0, own.rfind('/')) + "/caisson";
}

Results measure(const Bench& bench) {
  struct Step {
    const char* name;
    Section (*measure)(const Bench&);
  };
  Results results;
  for (const Step& step : {Step{"a command in a new sandbox", measure_run}, Step{"cold", measure_cold_run},
                           Step{"step by step", measure_steps}, Step{"exec and stop", measure_exec_and_stop},
                           Step{"at once", measure_at_once}, Step{"memory", measure_memory}}) {
    say(step.name);
    results.push_back(step.measure(bench));
  }
  return results;
}

bool all_measured(const Results& results) {
  for (const Section& section : results) {
    for (const Row& row : section.rows) {
      if (!row.failures.empty()) return false;
    }
  }
  return true;
}

Caisson caisson_of(const Runner& runner, const Options& options) {
  const Argv image = options.image.empty() ? Argv{} : Argv{"--image", options.image};
  return {runner, options.program.empty() ? program_beside() : options.program, image};
}

Report make_report(const Runner& runner, const Options& options) {
  Report report{.machine = describe_machine(), .results = {}, .verdicts = {}};
  const Caisson caisson = caisson_of(runner, options);
  say("preparing (the first time makes the image and the template, which takes minutes)");
  std::string accelerator;
  for (auto& fact : prepare(caisson, accelerator)) report.machine.push_back(std::move(fact));
  std::unique_ptr<Docker> docker;
  std::string no_docker = "left out by --no-docker";
  try {
    if (!options.without_docker) docker = std::make_unique<Docker>(runner);
  } catch (const base::Error& error) {
    no_docker = error.what();
  }
  if (!docker) say("no comparison with docker: " + no_docker);
  report.machine.emplace_back("Docker Engine to compare with", docker ? docker->description() : "none: " + no_docker);
  report.results = measure({caisson, docker.get(), no_docker, options.settings});
  report.verdicts = judge(targets_for(accelerator), report.results);
  return report;
}

// The host's side was measured before: it forks, and needs no sandbox.
Report make_gate_report(const Runner& runner, const Options& options, Results results) {
  Report report{.machine = describe_machine(), .results = std::move(results), .verdicts = {}};
  const Caisson caisson = caisson_of(runner, options);
  say("preparing (the first time makes the image and the template, which takes minutes)");
  const Bench bench{caisson, nullptr, "", options.settings};
  try {
    std::string accelerator;
    for (auto& fact : prepare(caisson, accelerator)) report.machine.push_back(std::move(fact));
    say("from inside of a sandbox");
    report.results.push_back(measure_gate_from_inside(bench));
  } catch (const base::Error& error) {
    report.results.push_back(gate_from_inside_failed(error.what()));
  }
  report.verdicts = judge(gate_targets(), report.results);
  return report;
}

Report make_share_report(const Runner& runner, const ShareSettings& settings) {
  Report report{.machine = describe_machine(), .results = measure_share(runner, settings), .verdicts = {}};
  report.verdicts = judge(share_targets(), report.results);
  return report;
}

Report make_changes_report(const Runner& runner, const Options& options) {
  Report report{.machine = describe_machine(), .results = {}, .verdicts = {}};
  const Caisson caisson = caisson_of(runner, options);
  say("preparing (the first time makes the image and the template, which takes minutes)");
  std::string accelerator;
  for (auto& fact : prepare(caisson, accelerator)) report.machine.push_back(std::move(fact));
  say("changes");
  report.results = measure_changes(caisson, options.changes_settings);
  return report;
}

Part part_of(const Options& options) {
  if (options.gate) return Part::kGate;
  if (options.share) return Part::kShare;
  return options.changes ? Part::kChanges : Part::kCommands;
}

// However it ends, nothing is left of what was started.
Report clean_up_after(Runner& runner, const std::function<Report()>& make) {
  try {
    Report report = make();
    wait_for_keepers(runner);
    return report;
  } catch (...) {
    runner.ignore_signals();
    wait_for_keepers(runner);
    throw;
  }
}

int run(const Options& options) {
  // Told before minutes of measuring, not after.
  const Part part = part_of(options);
  const std::string page = options.page.empty() ? "" : with_tables(base::read_file(options.page), "", part);
  Results gate;
  if (options.gate) gate = measure_gate(options.gate_settings);
  adopt_keepers();
  Runner runner;
  const Report report = clean_up_after(runner, [&] {
    if (options.share) return make_share_report(runner, options.share_settings);
    if (options.changes) return make_changes_report(runner, options);
    return options.gate ? make_gate_report(runner, options, std::move(gate)) : make_report(runner, options);
  });
  const std::string tables = as_markdown(report);
  std::fputs((options.markdown ? tables : as_text(report)).c_str(), stdout);
  if (!options.json_file.empty()) base::write_file_atomic(options.json_file, as_json(report).dump(2) + "\n", 0644);
  if (!options.page.empty()) base::write_file_atomic(options.page, with_tables(page, tables, part), 0644);
  return all_measured(report.results) ? 0 : 1;
}

void declare(CLI::App& app, Options& options) {
  Settings& settings = options.settings;
  app.footer(kDetails);
  app.add_option("--runs", settings.runs, "runs of each command")->check(CLI::Range(1, 1000))->capture_default_str();
  app.add_option("--few-runs", settings.few_runs, "runs of the slow ones: cold, stop, at once")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_option("--sandboxes", settings.sandboxes, "how many at once, and alive when memory is measured")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  app.add_option("--idle", settings.idle_seconds, "seconds that they idle before memory is measured")
      ->check(CLI::Range(0, 3600))
      ->capture_default_str();
  app.add_flag("--gate", options.gate, "measure the network's gate instead");
  app.add_flag("--share", options.share, "measure shared folders instead; needs root");
  app.add_flag("--changes", options.changes, "measure diff and apply instead");
  app.add_flag("--quick", options.quick, "2 runs of everything, 2 sandboxes, 1 second");
  app.add_option("--image", options.image, "image of the sandboxes (default: the base image)");
  app.add_option("--caisson", options.program, "the caisson to measure (default: the one beside this program)");
  app.add_flag("--no-docker", options.without_docker, "no comparison with docker");
  app.add_flag("--markdown", options.markdown, "print the tables as Markdown");
  app.add_option("--json", options.json_file, "write every value to this file");
  app.add_option("--page", options.page, "put the tables between the marker lines of this Markdown file");
}

}  // namespace
}  // namespace caisson::bench

int main(int argc, char** argv) {
  using namespace caisson::bench;
  Options options;
  CLI::App app("Times caisson's commands, and docker's where there is one, in one interleaved run.", "caisson-bench");
  declare(app, options);
  CLI11_PARSE(app, argc, argv);
  if (options.quick) options.settings = {.runs = 2, .few_runs = 2, .sandboxes = 2, .idle_seconds = 1};
  if (options.quick) options.gate_settings = {.connections = 32, .bytes = 16'000'000};
  if (options.quick)
    options.share_settings = {.rounds = 2, .status_files = {1000}, .walk_files = 5000, .file_bytes = 64 << 20};
  if (options.quick) options.changes_settings = {.rounds = 1, .files = {1, 100}};
  options.gate_settings.rounds = options.settings.runs;
  try {
    return run(options);
  } catch (const Interrupted& interrupted) {
    say("interrupted; what it had started is gone");
    return 128 + interrupted.number();
  } catch (const std::exception& error) {
    say(error.what());
    return 1;
  }
}
