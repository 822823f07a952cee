// SPDX-License-Identifier: Apache-2.0

#include "bench/machine.h"

#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <ctime>

#include "base/file.h"
#include "base/text.h"

namespace caisson::bench {
namespace {

// The value of a "key : value" or KEY="value" line, or "".
std::string value_of(std::string_view text, std::string_view key, char separator) {
  for (const std::string& line : base::split(text, '\n')) {
    const size_t at = line.find(separator);
    if (at == std::string::npos || base::trimmed(line.substr(0, at)) != key) continue;
    std::string value(base::trimmed(line.substr(at + 1)));
    std::erase(value, '"');
    return base::escaped(value);
  }
  return {};
}

std::string today() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  return fmt::format("{:04}-{:02}-{:02}", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday);
}

}  // namespace

std::string processor_of(std::string_view cpuinfo) {
  const std::string name = value_of(cpuinfo, "model name", ':');
  const std::string flags = " " + value_of(cpuinfo, "flags", ':') + " ";
  const bool is_virtual = flags.find(" hypervisor ") != std::string::npos;
  return (name.empty() ? "unknown" : name) + (is_virtual ? " (the machine is itself a virtual one)" : "");
}

Facts describe_machine() {
  constexpr double kGiB = 1024.0 * 1024.0 * 1024.0;
  const double memory =
      static_cast<double>(::sysconf(_SC_PHYS_PAGES)) * static_cast<double>(::sysconf(_SC_PAGESIZE)) / kGiB;
  const long cores = ::sysconf(_SC_NPROCESSORS_ONLN);
  utsname names{};
  ::uname(&names);
  std::array<double, 3> load{};
  ::getloadavg(load.data(), 3);
  const bool busy = load[0] > 0.2 * static_cast<double>(cores);
  return {{"measured on", today()},
          {"processor", processor_of(base::read_file("/proc/cpuinfo"))},
          {"cores", std::to_string(cores)},
          {"memory", fmt::format("{:.0f} GiB", memory)},
          {"system", value_of(base::read_file_if_exists("/etc/os-release").value_or(""), "PRETTY_NAME", '=')},
          {"kernel", names.release},
          {"load before", fmt::format("{:.2f}{}", load[0],
                                      busy ? " – **the machine was busy, the times are not to be relied on**" : "")}};
}

}  // namespace caisson::bench
