// SPDX-License-Identifier: Apache-2.0

// caisson rm: remove sandboxes with all that belongs to them.

#include <chrono>
#include <memory>

#include "base/text.h"
#include "cli/changes_target.h"
#include "cli/command.h"
#include "cli/ending.h"
#include "cli/question.h"
#include "keeper/abandoned.h"
#include "keeper/kept_changes.h"

namespace caisson::cli {
namespace {

// The record of a broken sandbox cannot be read, and that is a reason to remove it.
keeper::Sandbox find(const std::string& name) {
  for (keeper::Sandbox& sandbox : keeper::list_sandboxes()) {
    if (sandbox.name == name) return std::move(sandbox);
  }
  return keeper::read_sandbox(name);  // throws what there is to say
}

bool is_there(const std::string& name) {
  for (const keeper::Sandbox& sandbox : keeper::list_sandboxes()) {
    if (sandbox.name == name) return true;
  }
  return false;
}

// What nobody has looked at is not thrown away in passing.
void check_changes(const keeper::Sandbox& sandbox) {
  const std::string words = keeper::changes_in_words(sandbox.state.changes);
  if (words.empty() || sandbox.state.status == keeper::Status::kRunning) return;
  const std::string name = base::escaped(sandbox.name);
  const std::string problem = "'" + name + "' has changes that were neither applied nor discarded: " + words;
  if (!can_ask())
    throw base::Error(problem, "`caisson diff " + name + "` shows them; `caisson rm --force` throws them away");
  warn(problem);
  if (!ask_yes("Remove it with them?")) throw base::Error("'" + name + "' stays");
}

// Half of an apply is nothing to leave behind; with --force the sandbox goes even so.
void recover(const keeper::Sandbox& sandbox, bool force) {
  try {
    recover_applies(sandbox);
  } catch (const base::Error& error) {
    if (!force) throw;
    warn(error.what());
  }
}

void remove(const std::string& name, bool force) {
  if (keeper::collect_abandoned(name)) return;
  const keeper::Sandbox sandbox = find(name);
  if (!force) check_changes(sandbox);
  recover(sandbox, force);
  if (force) {
    stop_sandbox(sandbox, std::chrono::seconds(0));
    if (!is_there(name)) return;  // it was one that goes away at its end
  }
  keeper::remove_sandbox(sandbox);
}

}  // namespace

void add_rm_command(CLI::App& app) {
  CLI::App& command =
      add_command(app, {"rm", "[OPTIONS] NAME…", "remove stopped sandboxes",
                        "Their disks, logs and records go, too.\n\nExamples:\n  caisson rm -f $(caisson ls -q)"});
  struct Options {
    std::vector<std::string> names;
    bool force = false;
  };
  const auto options = std::make_shared<Options>();
  command.add_option("names", options->names, "the sandboxes")->required();
  command.add_flag("--force,-f", options->force, "running ones, and ones with changes, too: they are ended at once");
  command.callback([options] {
    throw Exit{for_each_name(options->names, [&](const std::string& name) { remove(name, options->force); })};
  });
}

}  // namespace caisson::cli
