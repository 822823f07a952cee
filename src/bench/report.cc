// SPDX-License-Identifier: Apache-2.0

#include "bench/report.h"

#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <sstream>

#include "base/file.h"
#include "base/text.h"

namespace caisson::bench {
namespace {

std::string processor_name() {
  std::istringstream lines(base::read_file("/proc/cpuinfo"));
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind("model name", 0) == 0) return std::string(base::trimmed(line.substr(line.find(':') + 1)));
  }
  return "unknown";
}

}  // namespace

base::Json describe_machine() {
  utsname names{};
  ::uname(&names);
  const double memory_gib = static_cast<double>(::sysconf(_SC_PHYS_PAGES)) *
                            static_cast<double>(::sysconf(_SC_PAGESIZE)) / (1024.0 * 1024.0 * 1024.0);
  return {{"processor", processor_name()},
          {"cores", ::sysconf(_SC_NPROCESSORS_ONLN)},
          {"memory_gib", static_cast<int>(memory_gib + 0.5)},
          {"kernel", names.release}};
}

std::string as_markdown(const base::Json& machine, const std::vector<Row>& rows) {
  std::string out = "Machine:";
  for (const auto& [key, value] : machine.items())
    out += fmt::format(" {} {};", key, value.is_string() ? value.get<std::string>() : value.dump());
  out += "\n\n| what | median | p95 | min–max | runs | note |\n|---|---:|---:|---:|---:|---|\n";
  for (const Row& row : rows) {
    const Summary s = summarise(row.values);
    out += fmt::format("| {} | {:.1f} {} | {:.1f} | {:.1f}–{:.1f} | {} | {} |\n", row.name, s.median, row.unit, s.p95,
                       s.minimum, s.maximum, s.count, row.note);
  }
  return out;
}

base::Json as_json(const base::Json& machine, const std::vector<Row>& rows) {
  base::Json out{{"machine", machine}, {"rows", base::Json::array()}};
  for (const Row& row : rows) {
    const Summary s = summarise(row.values);
    out["rows"].push_back({{"name", row.name},
                           {"unit", row.unit},
                           {"note", row.note},
                           {"median", s.median},
                           {"p95", s.p95},
                           {"minimum", s.minimum},
                           {"maximum", s.maximum},
                           {"values", row.values}});
  }
  return out;
}

}  // namespace caisson::bench
