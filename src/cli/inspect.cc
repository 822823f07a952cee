// SPDX-License-Identifier: Apache-2.0

// caisson inspect: all that is known about sandboxes, as JSON.

#include <fmt/format.h>

#include <memory>

#include "cli/command.h"
#include "cli/json_output.h"
#include "keeper/record.h"

namespace caisson::cli {

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
    for (const std::string& name : options->names) all.push_back(keeper::to_json(keeper::read_sandbox(name)));
    fmt::print("{}\n", printable_json(all));
  });
}

}  // namespace caisson::cli
