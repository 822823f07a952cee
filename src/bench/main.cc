// SPDX-License-Identifier: Apache-2.0

// caisson-bench: how long the commands of a user take, everything included, and what an idle sandbox costs.
//
// What is compared is run in turn, A B A B …, in one go: machines are noisy, and a ratio of times that were taken apart
// says little. Nothing is averaged away: the JSON has every single value.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <memory>

#include "base/error.h"
#include "base/install.h"
#include "base/text.h"
#include "bench/docker.h"
#include "bench/measure.h"
#include "bench/report.h"
#include "bench/sandboxes.h"

namespace caisson::bench {
namespace {

struct Options {
  int runs = 20;
  int sandboxes = 10;
  std::string json_file;
  std::string image;
  std::string program;
};

std::string numbered(const std::string& what, int number) {
  return "bench-" + std::to_string(::getpid()) + "-" + what + "-" + std::to_string(number);
}

void say(const std::string& what) {
  std::fprintf(stderr, "caisson-bench: %s\n", what.c_str());
}

// run → exit of `true`, in turn with docker's.
void measure_run(const Caisson& caisson, const Docker* docker, int runs, std::vector<Row>& rows) {
  say("run → exit of true");
  Row ours{
      .name = "`caisson run -- true`, warm", .unit = "ms", .note = "CLI's start to its exit; sandbox made and gone"};
  Row theirs{.name = "`docker run --rm IMAGE true`", .unit = "ms", .note = "minimal image, same loop"};
  Row ratio{.name = "ratio caisson / docker", .unit = "×", .note = "pair by pair"};
  time_command(caisson.run({"true"}));
  if (docker != nullptr) time_command(docker->run_command({"true"}));
  for (int i = 0; i < runs; ++i) {
    ours.values.push_back(time_command(caisson.run({"true"})));
    if (docker == nullptr) continue;
    theirs.values.push_back(time_command(docker->run_command({"true"})));
    ratio.values.push_back(ours.values.back() / theirs.values.back());
  }
  if (docker != nullptr) theirs.note += ", Docker " + docker->version();
  rows.push_back(ours);
  if (docker == nullptr) return;
  rows.push_back(theirs);
  rows.push_back(ratio);
}

// Where the time of a start goes: the keeper's own account.
void measure_stages(const Caisson& caisson, int runs, std::vector<Row>& rows) {
  say("stage by stage");
  std::map<std::string, Row> stages;
  for (int i = 0; i < runs; ++i) {
    const std::string name = numbered("stage", i);
    time_command(caisson.run({"true"}, {"--keep", "--name", name}));
    for (const auto& [stage, microseconds] : caisson.stages(name)) {
      Row& row = stages[stage];
      row.name = "stage: " + stage;
      row.unit = "ms";
      row.note = "since the keeper's start";
      row.values.push_back(microseconds / 1000);
    }
    caisson.remove(name);
  }
  std::vector<Row> ordered;
  for (auto& [stage, row] : stages) ordered.push_back(std::move(row));
  std::sort(ordered.begin(), ordered.end(),
            [](const Row& a, const Row& b) { return summarise(a.values).median < summarise(b.values).median; });
  rows.insert(rows.end(), ordered.begin(), ordered.end());
}

void measure_exec(const Caisson& caisson, int runs, std::vector<Row>& rows) {
  say("exec in a running sandbox");
  const IdleSandbox sandbox(caisson, numbered("exec", 0));
  Row row{.name = "`caisson exec NAME true`", .unit = "ms", .note = "in a running sandbox"};
  time_command(caisson.exec(sandbox.name(), {"true"}));
  for (int i = 0; i < runs; ++i) row.values.push_back(time_command(caisson.exec(sandbox.name(), {"true"})));
  rows.push_back(row);
}

void measure_stop(const Caisson& caisson, int runs, std::vector<Row>& rows) {
  say("stop");
  Row row{.name = "`caisson stop NAME`", .unit = "ms", .note = "orderly: processes ended, disk synced, powered off"};
  for (int i = 0; i < runs; ++i) {
    const IdleSandbox sandbox(caisson, numbered("stop", i));
    row.values.push_back(time_command(caisson.stop(sandbox.name())));
  }
  rows.push_back(row);
}

void measure_at_once(const Caisson& caisson, int count, int runs, std::vector<Row>& rows) {
  say(std::to_string(count) + " at once");
  Row row{.name = std::to_string(count) + " × `caisson run -- true` at once",
          .unit = "ms",
          .note = "until the last has ended"};
  const std::vector<std::vector<std::string>> commands(static_cast<size_t>(count), caisson.run({"true"}));
  for (int i = 0; i < runs; ++i) row.values.push_back(time_at_once(commands));
  rows.push_back(row);
}

void measure_memory(const Caisson& caisson, int count, std::vector<Row>& rows) {
  say("memory of " + std::to_string(count) + " idle sandboxes");
  const double before = available_memory_mib();
  std::vector<std::unique_ptr<IdleSandbox>> sandboxes;
  std::vector<long> processes;
  for (int i = 0; i < count; ++i) {
    sandboxes.push_back(std::make_unique<IdleSandbox>(caisson, numbered("idle", i)));
    for (long pid : caisson.processes(sandboxes.back()->name())) processes.push_back(pid);
  }
  const std::string with = " with " + std::to_string(count) + " alive";
  rows.push_back({.name = "memory per idle sandbox" + with + ", by available memory",
                  .unit = "MiB",
                  .values = {(before - available_memory_mib()) / count},
                  .note = "MemAvailable before minus after, divided"});
  rows.push_back({.name = "memory per idle sandbox" + with + ", by PSS",
                  .unit = "MiB",
                  .values = {proportional_memory_mib(processes) / count},
                  .note = "keeper and VMM"});
}

int run(const Options& options) {
  const std::string program = options.program.empty()
                                  ? base::own_executable().substr(0, base::own_executable().rfind('/')) + "/caisson"
                                  : options.program;
  const std::vector<std::string> image =
      options.image.empty() ? std::vector<std::string>{} : std::vector<std::string>{"--image", options.image};
  const Caisson caisson(program, image);
  std::string no_docker;
  const std::unique_ptr<Docker> docker = Docker::find(no_docker);
  if (!docker) say("no comparison with docker: " + no_docker);

  std::vector<Row> rows;
  rows.push_back({.name = "first `caisson run -- true`",
                  .unit = "ms",
                  .values = {time_command(caisson.run({"true"}))},
                  .note = "makes what is missing; with empty caches: image, kernel, template"});
  measure_run(caisson, docker.get(), options.runs, rows);
  measure_stages(caisson, options.runs, rows);
  measure_exec(caisson, options.runs, rows);
  measure_stop(caisson, std::min(options.runs, 5), rows);
  measure_at_once(caisson, options.sandboxes, std::min(options.runs, 5), rows);
  measure_memory(caisson, options.sandboxes, rows);

  base::Json machine = describe_machine();
  {
    const IdleSandbox sandbox(caisson, numbered("machine", 0));
    machine["accelerator"] = caisson.accelerator(sandbox.name());
  }
  std::fputs(as_markdown(machine, rows).c_str(), stdout);
  if (!options.json_file.empty()) std::ofstream(options.json_file) << as_json(machine, rows).dump(2) << '\n';
  return 0;
}

}  // namespace
}  // namespace caisson::bench

int main(int argc, char** argv) {
  caisson::bench::Options options;
  CLI::App app("Times caisson's commands, and docker's where it is installed, in one interleaved run.",
               "caisson-bench");
  app.add_option("--runs", options.runs, "runs of each command")->check(CLI::Range(1, 1000))->capture_default_str();
  app.add_option("--sandboxes", options.sandboxes, "how many at once")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  app.add_option("--image", options.image, "image of the sandboxes (default: the base image)");
  app.add_option("--json", options.json_file, "write every value to this file");
  app.add_option("--caisson", options.program, "the caisson to measure (default: the one beside this program)");
  CLI11_PARSE(app, argc, argv);
  try {
    return caisson::bench::run(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "caisson-bench: %s\n", error.what());
    return 1;
  }
}
