// SPDX-License-Identifier: Apache-2.0

#include "bench/measurements.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "base/error.h"
#include "base/fd.h"
#include "base/text.h"
#include "bench/host_processes.h"
#include "bench/statistics.h"
#include "bench/steps.h"

namespace caisson::bench {
namespace {

const Argv kTrue{"true"};
const Argv kNoNetwork{"--network", "none"};
// The first start makes a base image, which can take minutes.
constexpr std::chrono::minutes kPreparationLimit{30};
// Each takes twice the time of rest and more.
constexpr int kMemoryRounds = 3;

double time_of(const Bench& bench, const Argv& argv) {
  return bench.caisson.runner().run(argv).milliseconds();
}

// A start that has something to say had to make something first (the programs were built anew, say) and is none of
// those that are measured.
void require_silence(const Outcome& outcome) {
  if (!outcome.err.empty()) throw base::Error("it said: " + base::escaped(base::trimmed(outcome.err)));
}

Outcome run_silently(const Bench& bench, const Argv& argv) {
  Outcome outcome = bench.caisson.runner().run(argv);
  require_silence(outcome);
  return outcome;
}

Outcome run_true(const Bench& bench) {
  return run_silently(bench, bench.caisson.run(kTrue));
}

void settle(const Bench& bench) {
  wait_for_keepers(bench.caisson.runner());
}

Row docker_row(const Bench& bench, const std::string& key, const std::string& name, const std::string& unit) {
  Row row{.key = key, .name = name, .unit = unit};
  if (bench.docker == nullptr) row.note = bench.no_docker;
  return row;
}

// Docker's time in this round, into `row`. `ours` is the time of caisson in the same round, for `ratio`.
void compare(const Bench& bench, Row& row, Row& ratio, std::optional<double> ours, const Argv& options) {
  if (bench.docker == nullptr || !worth_another_try(row)) return;
  const bool done = attempt(row, [&] { return time_of(bench, bench.docker->run(kTrue, options)); });
  if (done && ours) ratio.values.push_back(*ours / row.values.back());
}

// Writes back what is dirty and drops what is clean, of all of the machine's page cache (proc(5)).
void drop_page_cache() {
  const char* switch_file = "/proc/sys/vm/drop_caches";
  ::sync();
  base::write_all(base::open_file(switch_file, O_WRONLY).get(), {"3", 1}, switch_file);
}

}  // namespace

Facts prepare(const Caisson& caisson, std::string& accelerator) {
  caisson.runner().run(caisson.run(kTrue), kPreparationLimit);
  const IdleSandbox sandbox(caisson);
  accelerator = caisson.inspect(sandbox.name()).accelerator;
  std::string docker = "none";
  try {
    const Argv question{"docker", "version", "--format", "{{.Server.Version}}"};
    docker = base::escaped(base::trimmed(caisson.runner().run(caisson.exec(sandbox.name(), question)).out));
  } catch (const base::Error&) {
    // An image without one.
  }
  return {{"caisson", caisson.version()}, {"accelerator", accelerator}, {"Docker Engine in the sandbox", docker}};
}

Section measure_run(const Bench& bench) {
  Row ours{.key = "run.warm",
           .name = "`caisson run -- true`",
           .unit = "ms",
           .note = "the sandbox is made and gone; its workspace is an empty folder"};
  Row bare{.key = "run.no_workspace", .name = "`caisson run -w none -- true`", .unit = "ms"};
  Row gone{.key = "run.gone",
           .name = "the same, until nothing of it is left",
           .unit = "ms",
           .note = "keeper and VMM ended, files deleted"};
  Row docker = docker_row(bench, "docker.warm", "`docker run --rm IMAGE true`", "ms");
  Row isolated = docker_row(bench, "docker.warm.no_network", "`docker run --rm --network none IMAGE true`", "ms");
  Row ratio = docker_row(bench, "run.ratio", "caisson / docker", "×");
  Row isolated_ratio = docker_row(bench, "run.ratio.no_network", "caisson / docker with `--network none`", "×");
  for (int i = 0; i < bench.settings.runs && worth_another_try(ours); ++i) {
    std::optional<double> time;
    int64_t began_us = 0;
    const bool done = attempt(ours, [&] {
      const Outcome outcome = run_true(bench);
      began_us = outcome.began_us;
      return outcome.milliseconds();
    });
    if (done) time = ours.values.back();
    attempt(gone, [&] {
      settle(bench);
      if (!done) throw base::Error("the run failed");
      return static_cast<double>(monotonic_us() - began_us) / 1000;
    });
    if (worth_another_try(bare))
      attempt(bare, [&] {
        const double without = run_silently(bench, bench.caisson.run_bare(kTrue)).milliseconds();
        settle(bench);
        return without;
      });
    compare(bench, docker, ratio, time, {});
    compare(bench, isolated, isolated_ratio, time, kNoNetwork);
  }
  return {"A command in a new sandbox, warm", {ours, bare, docker, ratio, isolated, isolated_ratio, gone}};
}

Section measure_cold_run(const Bench& bench) {
  Row ours{.key = "run.cold", .name = "`caisson run -- true`", .unit = "ms"};
  Row docker = docker_row(bench, "docker.cold", "`docker run --rm IMAGE true`", "ms");
  Row ratio = docker_row(bench, "run.cold.ratio", "caisson / docker", "×");
  for (int i = 0; i < bench.settings.few_runs && worth_another_try(ours); ++i) {
    const bool done = attempt(ours, [&] {
      drop_page_cache();
      const double time = run_true(bench).milliseconds();
      settle(bench);
      return time;
    });
    if (bench.docker == nullptr || !worth_another_try(docker)) continue;
    const bool docker_done = attempt(docker, [&] {
      drop_page_cache();
      return time_of(bench, bench.docker->run(kTrue));
    });
    if (done && docker_done) ratio.values.push_back(ours.values.back() / docker.values.back());
  }
  return {"The same with a cold page cache", {ours, docker, ratio}};
}

// In the foreground and without --keep, as the run above: a sandbox that stays is written to the disk with more care.
// The command waits for its stdin, so that the record can be read while it runs.
Section measure_steps(const Bench& bench) {
  std::vector<Row> rows;
  Row sum{.key = "step.sum", .name = "from the CLI's start to the command's", .unit = "ms", .note = "the sum"};
  Row echo{.key = "step.echo",
           .name = "from the CLI's start to the command's first output",
           .unit = "ms",
           .note = "`cat`, given one line"};
  Row end{.key = "step.end",
          .name = "from the end of stdin to the CLI's exit",
          .unit = "ms",
          .note = "`cat` ends, and the sandbox with it"};
  auto row_of = [&rows](const Step& step) -> Row& {
    for (Row& row : rows) {
      if (row.key == "step." + step.key) return row;
    }
    rows.push_back({.key = "step." + step.key, .name = step.name, .unit = "ms"});
    return rows.back();
  };
  for (int i = 0; i < bench.settings.runs && worth_another_try(sum); ++i) {
    const std::string name = bench.caisson.new_name();
    attempt(sum, [&] {
      Dialogue cat(bench.caisson.runner(), bench.caisson.run({"cat"}, {"--name", name}));
      cat.say("hello\n");
      cat.expect("hello\n");
      const double until_echo = static_cast<double>(monotonic_us() - cat.began_us()) / 1000;
      const std::vector<Step> steps = steps_of(cat.began_us(), bench.caisson.inspect(name).stages_us);
      const double until_exit = static_cast<double>(cat.finish()) / 1000;
      settle(bench);
      double total = 0;
      for (const Step& step : steps) {
        row_of(step).values.push_back(step.milliseconds);
        total += step.milliseconds;
      }
      echo.values.push_back(until_echo);
      end.values.push_back(until_exit);
      return total;
    });
  }
  rows.insert(rows.end(), {sum, echo, end});
  return {"A start, step by step", rows};
}

Section measure_exec_and_stop(const Bench& bench) {
  const Runner& runner = bench.caisson.runner();
  Row exec{.key = "exec", .name = "`caisson exec NAME true`", .unit = "ms", .note = "in a sandbox that idles"};
  Row start{.key = "detached", .name = "`caisson run -d -- sleep infinity`", .unit = "ms", .note = "until it runs"};
  Row stop{.key = "stop", .name = "`caisson stop NAME`", .unit = "ms", .note = "in good order: disk synced, power off"};
  try {
    const IdleSandbox sandbox(bench.caisson);
    runner.run(bench.caisson.exec(sandbox.name(), kTrue));
    for (int i = 0; i < bench.settings.runs && worth_another_try(exec); ++i)
      attempt(exec, [&] { return time_of(bench, bench.caisson.exec(sandbox.name(), kTrue)); });
  } catch (const base::Error& error) {
    exec.failures.emplace_back(error.what());
  }
  for (int i = 0; i < bench.settings.few_runs && worth_another_try(stop); ++i) {
    attempt(stop, [&] {
      settle(bench);
      const int64_t began = monotonic_us();
      const IdleSandbox sandbox(bench.caisson);
      start.values.push_back(static_cast<double>(monotonic_us() - began) / 1000);
      return time_of(bench, bench.caisson.stop(sandbox.name()));
    });
  }
  return {"A sandbox that stays", {start, exec, stop}};
}

Section measure_at_once(const Bench& bench) {
  const int count = bench.settings.sandboxes;
  const auto all = static_cast<size_t>(count);
  Row ours{.key = "at_once.caisson", .name = fmt::format("{} × `caisson run -- true`", count), .unit = "ms"};
  Row docker = docker_row(bench, "at_once.docker", fmt::format("{} × `docker run --rm IMAGE true`", count), "ms");
  Row ratio = docker_row(bench, "at_once.ratio", "caisson / docker", "×");
  auto until_the_last = [&](const Argv& argv) {
    const int64_t began = monotonic_us();
    int64_t ended = began;
    for (const Outcome& one : bench.caisson.runner().run_at_once(std::vector<Argv>(all, argv))) {
      require_silence(one);
      ended = std::max(ended, one.ended_us);
    }
    return static_cast<double>(ended - began) / 1000;
  };
  for (int i = 0; i < bench.settings.few_runs && worth_another_try(ours); ++i) {
    settle(bench);
    const bool done = attempt(ours, [&] { return until_the_last(bench.caisson.run(kTrue)); });
    settle(bench);
    if (bench.docker == nullptr || !worth_another_try(docker)) continue;
    const bool docker_done = attempt(docker, [&] { return until_the_last(bench.docker->run(kTrue)); });
    if (done && docker_done) ratio.values.push_back(ours.values.back() / docker.values.back());
  }
  return {"At once, until the last has ended", {ours, docker, ratio}};
}

Section measure_memory(const Bench& bench) {
  const int count = bench.settings.sandboxes;
  const std::chrono::seconds idle(bench.settings.idle_seconds);
  Row available{.key = "memory.available",
                .name = "available memory that the host has less, for each",
                .unit = "MB",
                .note = "MemAvailable before, minus after, divided by their number"};
  Row all{
      .key = "memory.pss", .name = "proportional set size of its processes", .unit = "MB", .note = "of each sandbox"};
  Row own{.key = "memory.pss.anonymous", .name = "of which shared with no file", .unit = "MB"};
  Row vmm{.key = "memory.pss.vmm", .name = "of which the VMM", .unit = "MB"};
  Row keeper{.key = "memory.pss.keeper", .name = "of which the keeper", .unit = "MB"};
  auto weigh = [&](const std::string& name) {
    const Inspection sandbox = bench.caisson.inspect(name);
    double sum = 0;
    double anonymous = 0;
    for (const int64_t pid : process_tree(sandbox.keeper_pid)) {
      const ProportionalSize size = proportional_size(pid);
      const double megabytes = static_cast<double>(size.bytes) / kBytesInMb;
      if (pid == sandbox.keeper_pid) keeper.values.push_back(megabytes);
      if (pid == sandbox.engine_pid) vmm.values.push_back(megabytes);
      sum += megabytes;
      anonymous += static_cast<double>(size.anonymous_bytes) / kBytesInMb;
    }
    own.values.push_back(anonymous);
    return sum;
  };
  auto one_round = [&] {
    settle(bench);
    bench.caisson.runner().rest(idle);  // what has just ended gives its memory back with delay
    const int64_t before = available_bytes();
    std::vector<std::unique_ptr<IdleSandbox>> sandboxes;
    for (int i = 0; i < count; ++i) sandboxes.push_back(std::make_unique<IdleSandbox>(bench.caisson));
    bench.caisson.runner().rest(idle);
    const int64_t after = available_bytes();
    for (const auto& sandbox : sandboxes) attempt(all, [&] { return weigh(sandbox->name()); });
    if (after >= before) throw base::Error("the host has more memory available than before: it was not idle itself");
    return static_cast<double>(before - after) / kBytesInMb / count;
  };
  for (int i = 0; i < std::min(bench.settings.few_runs, kMemoryRounds) && worth_another_try(available); ++i)
    attempt(available, one_round);
  return {fmt::format("Memory of an idle sandbox, {} alive for {} s", count, idle.count()),
          {available, all, own, vmm, keeper}};
}

}  // namespace caisson::bench
