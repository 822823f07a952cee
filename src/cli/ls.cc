// SPDX-License-Identifier: Apache-2.0

// caisson ls: all sandboxes.

#include <fmt/format.h>

#include <memory>

#include "base/text.h"
#include "cli/command.h"
#include "cli/json_output.h"
#include "cli/listing.h"

namespace caisson::cli {
namespace {

struct LsOptions {
  bool quiet = false;
  bool json = false;
};

void list(const LsOptions& options) {
  const std::vector<keeper::Sandbox> sandboxes = keeper::list_sandboxes();
  if (options.json) {
    base::Json all = base::Json::array();
    for (const keeper::Sandbox& sandbox : sandboxes) all.push_back(keeper::to_json(sandbox));
    fmt::print("{}\n", printable_json(all));
  } else if (options.quiet) {
    for (const keeper::Sandbox& sandbox : sandboxes) fmt::print("{}\n", base::escaped(sandbox.name));
  } else {
    fmt::print("{}", list_text(sandboxes, keeper::now()));
  }
}

}  // namespace

void add_ls_command(CLI::App& app) {
  CLI::App& command = add_command(app, {"ls", "[OPTIONS]", "list all sandboxes, also the stopped ones", ""});
  const auto options = std::make_shared<LsOptions>();
  command.add_flag("--quiet,-q", options->quiet, "names only");
  command.add_flag("--json", options->json, "everything, as JSON");
  command.callback([options] { list(*options); });
}

}  // namespace caisson::cli
