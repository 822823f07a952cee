// SPDX-License-Identifier: Apache-2.0

// caisson version: ours, the protocol's, and what each engine would use here.

#include <fmt/format.h>
#include <sys/utsname.h>

#include <memory>

#include "base/json_reader.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/json_output.h"
#include "engine/registry.h"
#include "link/services.h"

namespace caisson::cli {
namespace {

std::string kernel() {
  utsname name{};
  uname(&name);
  return name.release;
}

void print_version() {
  fmt::print("caisson {}\nprotocol {}\nkernel {}\n", CAISSON_VERSION, link::kProtocolVersion, kernel());
  for (const auto& engine : engine::all_engines()) {
    const engine::Probe probe = engine->probe();
    fmt::print("engine {}: {}\n", engine->name(), base::escaped(probe.reason));
  }
}

void print_json() {
  base::Json engines = base::Json::array();
  for (const auto& engine : engine::all_engines()) {
    const engine::Probe probe = engine->probe();
    engines.push_back({{"name", engine->name()}, {"usable", probe.usable}, {"reason", probe.reason}});
  }
  const base::Json all{{"version", CAISSON_VERSION},
                       {"protocol", link::kProtocolVersion},
                       {"kernel", kernel()},
                       {"engines", std::move(engines)}};
  fmt::print("{}\n", printable_json(all));
}

}  // namespace

void add_version_command(CLI::App& app) {
  CLI::App& command =
      add_command(app, {"version", "[OPTIONS]", "show the versions of caisson and of what it uses", ""});
  const auto json = std::make_shared<bool>(false);
  command.add_flag("--json", *json, "as JSON");
  command.callback([json] { *json ? print_json() : print_version(); });
}

}  // namespace caisson::cli
