// SPDX-License-Identifier: Apache-2.0

#include "cli/listing.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/host_port.h"
#include "base/text.h"
#include "cli/prepare.h"
#include "cli/table.h"

namespace caisson::cli {
namespace {

constexpr size_t kMaxCommandWidth = 40;

std::string command_text(const spec::Command& command) {
  if (command.argv == default_shell()) return "(a shell)";
  std::string text = base::join(command.argv, " ");
  if (text.size() > kMaxCommandWidth) text = text.substr(0, kMaxCommandWidth - 3) + "...";
  return text;
}

std::string since(keeper::Time then, keeper::Time now) {
  return age_text(std::chrono::duration_cast<std::chrono::seconds>(now - then));
}

}  // namespace

std::string age_text(std::chrono::seconds age) {
  struct Unit {
    const char* name;
    int64_t seconds;
  };
  constexpr Unit kUnits[] = {{"days", 86400}, {"hours", 3600}, {"minutes", 60}};
  const int64_t seconds = std::max<int64_t>(age.count(), 0);  // clocks can be set back
  for (const Unit& unit : kUnits) {
    if (seconds >= 2 * unit.seconds) return fmt::format("{} {}", seconds / unit.seconds, unit.name);
  }
  return fmt::format("{} {}", seconds, seconds == 1 ? "second" : "seconds");
}

std::string ports_text(const std::vector<spec::PortPublish>& ports) {
  std::vector<std::string> parts;
  for (const spec::PortPublish& port : ports) {
    parts.push_back(fmt::format("{}->{}", base::host_port(port.host_address, port.host_port), port.guest_port));
  }
  return base::join(parts, ", ");
}

std::string status_text(const keeper::Sandbox& sandbox, keeper::Time now) {
  if (!sandbox.problem.empty()) return "broken";
  const keeper::State& state = sandbox.state;
  switch (state.status) {
    case keeper::Status::kCreated:
      return "created";
    case keeper::Status::kRunning:
      if (!state.paused.empty()) return "stands still: " + state.paused;
      return state.started ? "running for " + since(*state.started, now) : "starting";
    case keeper::Status::kStopped:
      break;
  }
  std::string text = "stopped";
  if (state.ended) text += " " + since(*state.ended, now) + " ago";
  if (state.exit_code) text += fmt::format(" (exit {})", *state.exit_code);
  return text;
}

std::string list_text(const std::vector<keeper::Sandbox>& sandboxes, keeper::Time now) {
  Table table({"NAME", "STATUS", "IMAGE", "ENGINE", "COMMAND", "PORTS"});
  for (const keeper::Sandbox& sandbox : sandboxes) {
    const bool running = sandbox.state.status == keeper::Status::kRunning;
    table.add({sandbox.name, status_text(sandbox, now), sandbox.spec.image, sandbox.engine,
               command_text(sandbox.spec.command), running ? ports_text(sandbox.state.ports) : ""});
  }
  return table.text();
}

}  // namespace caisson::cli
