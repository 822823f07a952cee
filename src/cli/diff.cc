// SPDX-License-Identifier: Apache-2.0

// caisson diff and caisson patch: what a sandbox has changed in its workspaces.

#include <fmt/format.h>
#include <unistd.h>

#include <functional>
#include <memory>

#include "base/error.h"
#include "base/text.h"
#include "changes/git_view.h"
#include "changes/paint.h"
#include "changes/report.h"
#include "cli/changes_target.h"
#include "cli/clone_changes.h"
#include "cli/command.h"
#include "cli/json_output.h"
#include "cli/pager.h"
#include "cli/terminal.h"

namespace caisson::cli {
namespace {

using changes::GitView;
using changes::Painter;

struct DiffOptions {
  ChangesWords target;
  bool stat = false;
  bool name_only = false;
  bool patch = false;
  bool json = false;
};

void show_json(ChangesTarget& target) {
  base::Json workspaces = base::Json::array();
  for (const ChosenWorkspace& chosen : target.workspaces()) {
    if (chosen.is_clone()) {
      workspaces.push_back(clone_to_json(fetch_clone(target, chosen), target.sandbox().name));
      continue;
    }
    const keeper::ComparedChanges compared = target.compared_as_named(chosen);
    base::Json list = base::Json::array();
    for (const changes::Change& change : compared.set.changes) list.push_back(changes::to_json(change));
    base::Json left_out = base::Json::array();
    for (const std::string& path : compared.set.left_out) left_out.push_back(base::escaped(path));
    workspaces.push_back({{"id", chosen.workspace.id},
                          {"host", chosen.workspace.host},
                          {"guest", chosen.workspace.guest},
                          {"changes", std::move(list)},
                          {"left_out", std::move(left_out)}});
  }
  fmt::print("{}\n", printable_json({{"name", target.sandbox().name}, {"workspaces", std::move(workspaces)}}));
}

// Asked first: a sandbox that is started says so, and a pager would cover it; and it rests while it is read.
struct AllChanges {
  std::vector<keeper::ComparedChanges> compared;  // of overlays
  std::vector<const ChosenWorkspace*> chosen;     // of the same
  std::vector<FetchedClone> clones;
};
AllChanges all_changes(ChangesTarget& target) {
  AllChanges all;
  for (const ChosenWorkspace& chosen : target.workspaces()) {
    if (chosen.is_clone()) {
      all.clones.push_back(fetch_clone(target, chosen));
    } else {
      all.compared.push_back(target.compared_as_named(chosen));
      all.chosen.push_back(&chosen);
    }
  }
  return all;
}

void show_names(ChangesTarget& target) {
  const AllChanges all = all_changes(target);
  if (all.clones.empty()) target.rest();
  Pager pager;
  for (const keeper::ComparedChanges& compared : all.compared) {
    for (const changes::Change& change : compared.set.changes) {
      if (!pager.write(changes::name_line(change) + "\n")) return;
    }
  }
  for (const FetchedClone& clone : all.clones) {
    if (!show_clone(clone, {"--name-status"}, [&](std::string_view part) { return pager.write(part); })) return;
  }
}

// Beside the diff, as git's own words are; above it where both are on a terminal.
void say(const std::string& note, Pager& pager) {
  if (pager.is_terminal()) {
    pager.write("# " + note + "\n");
  } else {
    warn(note);
  }
}

// Hands git's output on, without what would steer a terminal, and painted where there is one. Elsewhere, too: what is
// written to a pipe or a file is mostly shown on a terminal in the end. `caisson patch` has each byte.
bool page(Pager& pager, const std::function<void(const std::function<bool(std::string_view)>&)>& write) {
  const Painter::Colour colour = colours_wanted(1) ? Painter::Colour::kYes : Painter::Colour::kNo;
  bool read = true;
  Painter painter(colour, [&](std::string_view text) { read = read && pager.write(text); });
  write([&](std::string_view part) {
    painter.feed(part);
    return read;
  });
  painter.finish();
  return read;
}

void show(ChangesTarget& target, const DiffOptions& options) {
  const AllChanges all = all_changes(target);
  if (all.clones.empty()) target.rest();
  const size_t folders = all.compared.size() + all.clones.size();
  Pager pager;
  GitView view;
  if (options.stat) view.format = GitView::Format::kStat;
  if (const auto size = terminal_size(1)) view.width = size->columns;
  for (size_t i = 0; i < all.compared.size(); ++i) {
    const keeper::ComparedChanges& compared = all.compared[i];
    if (folders > 1 && !compared.set.changes.empty())
      say("in " + base::in_quotes(all.chosen[i]->workspace.host), pager);
    for (const std::string& note : changes::notes_beside_git(compared.set, view)) say(note, pager);
    const bool read = page(pager, [&](const std::function<bool(std::string_view)>& part) {
      changes::view_by_git(compared.set.changes, compared.root, compared.received, view, part);
    });
    // Where the sandbox went away, it had no changes.
    if (!options.stat && ::access(target.sandbox().folder.c_str(), F_OK) == 0)
      note_shown(target.shown(*all.chosen[i]), compared, all.chosen[i]->paths);
    if (!read) return;
  }
  for (const FetchedClone& clone : all.clones) {
    if (folders > 1) say("in " + base::in_quotes(clone.chosen->workspace.host), pager);
    for (const std::string& note : notes_of_clone(clone, target.sandbox().name)) say(note, pager);
    std::vector<std::string> how;
    if (options.stat) how = changes::stat_options(view.width);
    const bool read =
        page(pager, [&](const std::function<bool(std::string_view)>& part) { show_clone(clone, how, part); });
    if (!read) return;
  }
}

void diff(const DiffOptions& options) {
  if (options.stat + options.name_only + options.patch + options.json > 1)
    throw base::Error("--stat, --name-only, --patch and --json exclude each other");
  ChangesTarget target(options.target);
  if (options.json) return show_json(target);
  if (options.name_only) return show_names(target);
  show(target, options);
}

void patch(const ChangesWords& words) {
  ChangesTarget target(words);
  if (target.workspaces().size() != 1)
    throw base::Error("a patch is of one folder, and " + base::in_quotes(target.sandbox().name) + " has more",
                      "name the folder: caisson patch " + target.sandbox().name + " FOLDER");
  const ChosenWorkspace& chosen = target.workspaces().front();
  if (is_terminal(1))
    throw base::Error("will not write a patch to the terminal", "send it to a file, or use `caisson diff`");
  Pager out;
  if (chosen.is_clone()) {
    const FetchedClone clone = fetch_clone(target, chosen);
    for (const std::string& note : notes_of_clone(clone, target.sandbox().name)) warn(note);
    show_clone(clone, {"--binary", "--full-index"}, [&](std::string_view part) { return out.write(part); });
    return;
  }
  const keeper::ComparedChanges compared = target.compared_as_named(chosen);
  const GitView view{.binary = true};
  for (const std::string& note : changes::notes_beside_git(compared.set, view)) warn(note);
  changes::view_by_git(compared.set.changes, compared.root, compared.received, view,
                       [&](std::string_view part) { return out.write(part); });
}

}  // namespace

void add_diff_command(CLI::App& app) {
  CLI::App& command = add_command(
      app, {"diff", "[OPTIONS] [NAME] [PATH…]", "show what a sandbox has changed in its workspaces",
            "NAME may be left out where one sandbox has the current folder. A PATH is one of this machine's, in the\n"
            "workspace. Colours and pager are as git has them. Control bytes are escaped (\\x1b), in a pipe, too:\n"
            "what `git apply` takes is written by `caisson patch`. A stopped sandbox whose changes were not kept at "
            "its end\n"
            "is started for it, without its command. What was shown is what `caisson apply` takes over: what the\n"
            "sandbox changes afterwards has to be looked at again; --stat, --name-only and --json show no content and\n"
            "do not count.\n"
            "\n"
            "Examples:\n"
            "  caisson diff                    of the sandbox of this folder\n"
            "  caisson diff web src --stat     how much in src"});
  const auto options = std::make_shared<DiffOptions>();
  command.add_option("words", options->target.words, "the sandbox, and files or folders");
  command.add_flag("--stat", options->stat, "how many lines of each file");
  command.add_flag("--name-only", options->name_only, "names, with A, M, T or D for what has become of each");
  command.add_flag("--patch,-p", options->patch, "the changed lines, which is the default");
  command.add_flag("--json", options->json, "all that is known of each change, as JSON");
  command.callback([options] { diff(*options); });
}

void add_patch_command(CLI::App& app) {
  CLI::App& command = add_command(
      app, {"patch", "[NAME] [PATH…]", "write what a sandbox has changed as a patch",
            "For `git apply`, with binary files whole.\n\nExamples:\n  caisson patch web | git apply --index"});
  const auto words = std::make_shared<ChangesWords>();
  command.add_option("words", words->words, "the sandbox, and files or folders");
  command.callback([words] { patch(*words); });
}

}  // namespace caisson::cli
