// SPDX-License-Identifier: Apache-2.0

#include "bench/measure.h"

#include <chrono>
#include <sstream>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"

namespace caisson::bench {
namespace {

using Clock = std::chrono::steady_clock;

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

// The number behind `key` in a file of "key: number kB" lines, in MiB.
double kib_field_as_mib(const std::string& text, const std::string& key) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind(key, 0) == 0) return std::stod(line.substr(key.size())) / 1024;
  }
  throw base::Error("there is no '" + key + "' in the kernel's account of memory");
}

}  // namespace

double time_command(const std::vector<std::string>& argv) {
  const auto start = Clock::now();
  const base::ProgramResult result = base::run_program({.argv = argv});
  const double elapsed = milliseconds_since(start);
  if (!result.status.ok())
    throw base::Error("'" + base::join(argv, " ") + "' " + result.status.text() + ": " + base::escaped(result.err));
  return elapsed;
}

double time_at_once(const std::vector<std::vector<std::string>>& commands) {
  const auto start = Clock::now();
  std::vector<base::Child> children;
  for (const auto& argv : commands) children.push_back(base::spawn({.argv = argv}));
  size_t failed = 0;
  for (base::Child& child : children) failed += child.wait().ok() ? 0 : 1;
  const double elapsed = milliseconds_since(start);
  if (failed != 0) throw base::Error(std::to_string(failed) + " of the commands that ran at once failed");
  return elapsed;
}

double available_memory_mib() {
  return kib_field_as_mib(base::read_file("/proc/meminfo"), "MemAvailable:");
}

double proportional_memory_mib(const std::vector<long>& pids) {
  double sum = 0;
  for (long pid : pids) {
    if (const auto text = base::read_file_if_exists("/proc/" + std::to_string(pid) + "/smaps_rollup"))
      sum += kib_field_as_mib(*text, "Pss:");
  }
  return sum;
}

}  // namespace caisson::bench
