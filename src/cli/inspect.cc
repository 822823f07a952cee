// SPDX-License-Identifier: Apache-2.0

// caisson inspect: all that is known about sandboxes, as JSON.

#include <fmt/format.h>

#include <memory>

#include "base/error.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/json_output.h"
#include "keeper/client.h"

namespace caisson::cli {
namespace {

// A keeper that does not answer must not hold up who looks for the reason.
constexpr std::chrono::milliseconds kDescriptionWithin{2000};

// Of one that runs its keeper knows more than the record has.
base::Json recorded(const std::string& name) {
  const keeper::Sandbox sandbox = keeper::read_sandbox(name);
  if (sandbox.state.status != keeper::Status::kRunning) return keeper::to_json(sandbox);
  try {
    return keeper::Client::connect(sandbox).request("GET", "/v1/sandbox", {}, kDescriptionWithin);
  } catch (const base::Error& error) {
    const keeper::Sandbox later = keeper::read_sandbox(name);
    if (later.state.status == keeper::Status::kRunning)
      warn(error.within("what " + base::in_quotes(name) + " was refused is not shown").what());
    return keeper::to_json(later);
  }
}

base::Json described(const std::string& name) {
  base::Json all = recorded(name);
  all["resolve"] = base::Json::array();
  try {
    const gate::Policy policy = keeper::read_policy(all.at("folder").get<std::string>());
    for (const auto& [place, one] : policy.stand_ins()) all["resolve"].push_back(to_string(one));
  } catch (const base::Error& error) {
    warn(error.within("what --resolve leads elsewhere in " + base::in_quotes(name) + " is not shown").what());
  }
  return all;
}

}  // namespace

void add_inspect_command(CLI::App& app) {
  CLI::App& command = add_command(
      app, {"inspect", "NAME…", "show all that is known about sandboxes, as JSON",
            "Always prints a list, also for one sandbox.\n\nExamples:\n  caisson inspect web | jq '.[0].ports'"});
  struct Options {
    std::vector<std::string> names;
    bool json = false;
  };
  const auto options = std::make_shared<Options>();
  command.add_option("names", options->names, "the sandboxes")->required();
  command.add_flag("--json", options->json, "as JSON, which is what it always is");
  command.callback([options] {
    base::Json all = base::Json::array();
    for (const std::string& name : options->names) all.push_back(described(name));
    fmt::print("{}\n", printable_json(all));
  });
}

}  // namespace caisson::cli
