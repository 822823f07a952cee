// SPDX-License-Identifier: Apache-2.0

// The checks that every spec passes, whether it comes from options, a file or the API. Each message names the option,
// what it was given and what it may be.

#include "spec/sandbox_spec.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <set>

#include "base/error.h"
#include "base/text.h"

namespace caisson::spec {
namespace {

using base::Error;
using base::in_quotes;

constexpr size_t kMaxSandboxNameBytes = 63;
constexpr size_t kMaxStringBytes = 128U << 10;  // MAX_ARG_STRLEN of Linux: execve(2) refuses a longer one
constexpr size_t kMaxArguments = 4096;
constexpr size_t kMaxEnvironment = 1024;
constexpr unsigned kMaxConnections = 8000;  // each is a stream of the link, which has 8192
constexpr size_t kMaxPorts = 256;
// All arguments and environment entries together: they travel in one message of the link (1 MiB).
constexpr size_t kMaxTextBytes = 512U << 10;

constexpr unsigned kMinCpus = 1;
constexpr unsigned kMaxCpus = 64;
constexpr base::Bytes kMinMemory = base::mebibytes(128);
constexpr base::Bytes kMaxMemory = base::gibibytes(1024);
constexpr base::Bytes kMinDisk = base::mebibytes(64);
constexpr base::Bytes kMaxDisk = base::gibibytes(16384);
constexpr unsigned kMinPids = 16;
constexpr unsigned kMaxPids = 4194304;  // PID_MAX_LIMIT of 64-bit Linux
constexpr std::chrono::seconds kMaxTimeout = std::chrono::hours(365 * 24);

void check_bytes(std::string_view option, const std::string& text) {
  if (text.size() > kMaxStringBytes) {
    throw Error(fmt::format("{} is {} bytes long", option, text.size()),
                fmt::format("a single string has at most {} bytes", kMaxStringBytes));
  }
  if (text.find('\0') != std::string::npos) throw Error(fmt::format("{} has a NUL byte", option));
}

// A spec is kept and sent as JSON, which is UTF-8: other bytes could not arrive unchanged.
bool is_utf8(const std::string& text) {
  try {
    static_cast<void>(base::Json(text).dump());
    return true;
  } catch (const base::Json::exception&) {
    return false;
  }
}

void check_text(std::string_view option, const std::string& text) {
  check_bytes(option, text);
  if (!is_utf8(text))
    throw Error(fmt::format("{} is not valid UTF-8: {}", option, in_quotes(text.substr(0, 80))),
                "put such bytes into a file and copy it in");
}

// Of a workspace, which may be the current folder, and not typed by anybody.
void check_place(const std::string& path) {
  check_bytes("--workspace", path);
  if (!is_utf8(path))
    throw Error("cannot share " + in_quotes(path) + ": its path is not valid UTF-8",
                "rename it, work in another folder, or share nothing: -w none");
}

// As the option takes it: "512M", "2G"; bytes where it is no whole number of a unit.
std::string option_form(base::Bytes amount) {
  constexpr std::string_view kUnits = "TGMK";
  for (size_t i = 0; i < kUnits.size(); ++i) {
    const unsigned shift = 10 * static_cast<unsigned>(kUnits.size() - i);
    const uint64_t count = amount.count >> shift;
    if (count > 0 && count << shift == amount.count) return fmt::format("{}{}", count, kUnits[i]);
  }
  return fmt::format("{}", amount.count);
}

void check_amount(std::string_view option, base::Bytes given, base::Bytes least, base::Bytes most) {
  if (given >= least && given <= most) return;
  throw Error(fmt::format("{} is {}", option, option_form(given)),
              fmt::format("it can be {} to {}", option_form(least), option_form(most)));
}

void check_limits(const SandboxSpec& spec) {
  if (spec.cpus < kMinCpus || spec.cpus > kMaxCpus) {
    throw Error(fmt::format("--cpus is {}", spec.cpus), fmt::format("it can be {} to {}", kMinCpus, kMaxCpus));
  }
  check_amount("--memory", spec.memory, kMinMemory, kMaxMemory);
  check_amount("--disk", spec.disk, kMinDisk, kMaxDisk);
  if (spec.pids != 0 && (spec.pids < kMinPids || spec.pids > kMaxPids)) {
    throw Error(fmt::format("--pids is {}", spec.pids),
                fmt::format("it can be {} to {}, or 0 for no limit", kMinPids, kMaxPids));
  }
  if (spec.timeout && (*spec.timeout < std::chrono::seconds(1) || *spec.timeout > kMaxTimeout)) {
    throw Error(fmt::format("--timeout is {} seconds", spec.timeout->count()), "it can be 1s to 365d");
  }
}

void check_environment(const std::vector<std::string>& environment) {
  if (environment.size() > kMaxEnvironment) {
    throw Error(fmt::format("{} environment entries were given", environment.size()),
                fmt::format("at most {} are possible", kMaxEnvironment));
  }
  for (const std::string& entry : environment) {
    check_text("an environment entry", entry);
    const size_t equals = entry.find('=');
    if (equals == std::string::npos || equals == 0) {
      throw Error("not an environment entry: " + in_quotes(entry.substr(0, 80)), "write KEY=VALUE");
    }
  }
}

bool is_address(const std::string& text) {
  in_addr v4{};
  in6_addr v6{};
  return text.find('\0') == std::string::npos &&
         (inet_pton(AF_INET, text.c_str(), &v4) == 1 || inet_pton(AF_INET6, text.c_str(), &v6) == 1);
}

void check_ports(const std::vector<PortPublish>& ports) {
  if (ports.size() > kMaxPorts) {
    throw Error(fmt::format("{} ports were given to publish", ports.size()),
                fmt::format("at most {} are possible", kMaxPorts));
  }
  std::set<std::pair<std::string, uint16_t>> taken;
  for (const PortPublish& port : ports) {
    if (!is_address(port.host_address)) {
      throw Error("--publish: " + in_quotes(port.host_address) + " is not an IP address",
                  "write for example 127.0.0.1:8080:80 or [::1]:8080:80");
    }
    if (port.guest_port == 0) throw Error("--publish: the sandbox's port is 0", "it can be 1 to 65535");
    if (port.host_port != 0 && !taken.emplace(port.host_address, port.host_port).second) {
      throw Error(fmt::format("--publish: the port {} of '{}' is given twice", port.host_port, port.host_address));
    }
  }
}

void check_network(const Network& network) {
  if (network.connections < 1 || network.connections > kMaxConnections)
    throw Error(fmt::format("--net-connections is {}", network.connections),
                fmt::format("it can be 1 to {}", kMaxConnections));
}

void check_workspaces(const SandboxSpec& spec) {
  for (const Workspace& workspace : spec.workspaces) {
    check_place(workspace.host);
    check_place(workspace.guest);
  }
  validate_workspaces(spec.workspaces);
  for (const std::string& pattern : spec.masks) check_text("--mask", pattern);
  for (const std::string& pattern : spec.unmasks) check_text("--unmask", pattern);
  validate_masks("--mask", spec.masks);
  validate_masks("--unmask", spec.unmasks);
}

void check_command(const Command& command) {
  if (command.argv.size() > kMaxArguments) {
    throw Error(fmt::format("the command has {} arguments", command.argv.size()),
                fmt::format("at most {} are possible", kMaxArguments));
  }
  if (!command.argv.empty() && command.argv[0].empty()) throw Error("the command's name is empty");
  for (const std::string& argument : command.argv) check_text("an argument of the command", argument);
  check_text("--user", command.user);
  check_text("--workdir", command.folder);
  if (!command.folder.empty() && command.folder[0] != '/') {
    throw Error("--workdir: " + in_quotes(command.folder) + " is not an absolute path", "begin it with /");
  }
}

size_t text_bytes(const SandboxSpec& spec) {
  size_t sum = 0;
  for (const std::string& text : spec.environment) sum += text.size();
  for (const std::string& text : spec.command.argv) sum += text.size();
  return sum;
}

}  // namespace

void validate_name(std::string_view name) {
  auto alphanumeric = [](unsigned char c) { return c < 0x80 && std::isalnum(c) != 0; };
  auto allowed = [&](unsigned char c) { return alphanumeric(c) || c == '_' || c == '.' || c == '-'; };
  const bool good = !name.empty() && name.size() <= kMaxSandboxNameBytes &&
                    alphanumeric(static_cast<unsigned char>(name[0])) && std::all_of(name.begin(), name.end(), allowed);
  if (good) return;
  throw Error("not a sandbox name: " + in_quotes(name.substr(0, 80)),
              "a name has 1 to 63 letters, digits, '_', '.' or '-', the first a letter or digit");
}

void validate(const SandboxSpec& spec) {
  validate_name(spec.name);
  if (spec.image.empty()) throw Error("--image is empty", "see 'caisson image ls'");
  check_text("--image", spec.image);
  if (spec.engine.empty()) throw Error("--engine is empty", "see 'caisson doctor'");
  check_text("--engine", spec.engine);
  check_limits(spec);
  check_environment(spec.environment);
  check_ports(spec.ports);
  check_network(spec.network);
  check_workspaces(spec);
  if (spec.config) {
    check_text("the configuration's path", spec.config->path);
    check_text("the configuration's digest", spec.config->digest);
  }
  check_command(spec.command);
  if (const size_t bytes = text_bytes(spec); bytes > kMaxTextBytes) {
    throw Error(fmt::format("the command and its environment have {} bytes together", bytes),
                fmt::format("at most {} are possible; put large data into a file", kMaxTextBytes));
  }
}

}  // namespace caisson::spec
