// SPDX-License-Identifier: Apache-2.0

// caisson apply and caisson discard: what becomes of a sandbox's changes.

#include "changes/apply.h"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <memory>
#include <optional>

#include "base/error.h"
#include "base/text.h"
#include "changes/classes.h"
#include "changes/git_view.h"
#include "changes/paint.h"
#include "changes/report.h"
#include "cli/changes_target.h"
#include "cli/clone_changes.h"
#include "cli/command.h"
#include "cli/listed_changes.h"
#include "cli/question.h"
#include "cli/terminal.h"
#include "keeper/workspace_files.h"

namespace caisson::cli {
namespace {

using base::Error;
using changes::Change;
using changes::ClassSet;
using changes::ClassText;

struct ApplyOptions {
  ChangesWords target;
  bool dry_run = false;
  bool theirs = false;
  bool ours = false;
  bool yes = false;
  std::vector<std::string> allow;
};

ClassSet allowed_by(const ApplyOptions& options) {
  ClassSet set = 0;
  for (const ClassText& text : changes::class_texts()) {
    const bool named = std::find(options.allow.begin(), options.allow.end(), text.name) != options.allow.end();
    if (options.yes || named) set |= changes::bit_of(text.of);
  }
  return set;
}

void list_conflicts(const std::vector<const Change*>& conflicts) {
  for (const Change* change : conflicts)
    warn("  " + changes::name_line(*change) + "  (" + changes::host_side(*change) + ")");
}

// Without these, and without what is below them.
void leave_out(std::vector<Change>& from, const std::function<bool(const Change&)>& is_one) {
  std::vector<std::string> gone;
  std::erase_if(from, [&](const Change& change) {
    const bool below = !gone.empty() && changes::is_below(change.path, gone.back());
    if (!below && !is_one(change)) return false;
    if (!below) gone.push_back(change.path);
    return true;
  });
}

// The host's version and the sandbox's: what was there before both is nowhere. What the host has removed is a new file
// by this.
void show_conflicts(const keeper::ComparedChanges& compared, const std::vector<const Change*>& conflicts) {
  std::vector<Change> shown;
  for (const Change* change : conflicts) shown.push_back(*change);
  const auto colour = colours_wanted(2) ? changes::Painter::Colour::kYes : changes::Painter::Colour::kNo;
  changes::Painter painter(colour, [](std::string_view text) {
    base::write_all(2, {text.data(), text.size()}, "stderr");
  });
  changes::view_by_git(shown, compared.root, compared.received, {}, [&](std::string_view part) {
    painter.feed(part);
    return true;
  });
  painter.finish();
}

void settle_conflicts(keeper::ComparedChanges& compared, const ApplyOptions& options) {
  if (options.theirs) return;
  std::vector<const Change*> conflicts;
  for (const Change& change : compared.set.changes) {
    if (change.conflict) conflicts.push_back(&change);
  }
  if (conflicts.empty()) return;
  if (!options.ours) {
    warn("these were changed or removed on the host since the sandbox read them; - is the host's, + the sandbox's:");
    list_conflicts(conflicts);
    show_conflicts(compared, conflicts);
    throw Error(fmt::format("cannot apply to '{}': {} of its files changed or went on the host meanwhile",
                            base::escaped(compared.root.path()), conflicts.size()),
                "nothing was changed; --theirs takes the sandbox's, --ours keeps the host's, or name other paths");
  }
  leave_out(compared.set.changes, [](const Change& change) { return change.conflict; });
}

// Of each class that has any: yes, or not these.
void settle_classes(std::vector<Change>& set, const ApplyOptions& options) {
  const ClassSet allowed = allowed_by(options);
  std::vector<std::string> missing;
  for (const ClassText& text : changes::class_texts()) {
    const ClassSet bit = changes::bit_of(text.of);
    std::vector<const Change*> some;
    for (const Change& change : set) {
      if ((change.classes & bit) != 0) some.push_back(&change);
    }
    if (some.empty() || (allowed & bit) != 0) continue;
    list_all(fmt::format("{} ({}):", text.description, text.name), some);
    if (options.dry_run) continue;
    if (!can_ask()) {
      missing.emplace_back(fmt::format("--allow {}", text.name));
      continue;
    }
    if (!ask_yes(some.size() == 1 ? "Apply it?" : fmt::format("Apply all {} of them?", some.size())))
      leave_out(set, [&](const Change& change) { return (change.classes & bit) != 0; });
  }
  if (!missing.empty())
    throw Error("these need a yes, and there is no terminal to ask on; nothing was changed", base::join(missing, " "));
}

// The changes of one workspace, and what was shown of them.
struct ToApply {
  const ChosenWorkspace& chosen;
  keeper::ComparedChanges compared;
  ShownChanges shown;
  Fingerprints prints;
};

// Throws where they are not what was shown.
ToApply look_at(ChangesTarget& target, const ChosenWorkspace& chosen) {
  ToApply one{.chosen = chosen,
              .compared = target.compared_as_named(chosen),
              .shown = read_shown(target.shown(chosen)),
              .prints = {}};
  if (one.shown.is_nothing()) return one;
  one.prints = fingerprints_of(one.compared);
  const std::string other = in_words_not_as_shown(not_as_shown(one.shown, one.prints, one.compared.root, chosen.paths));
  if (!other.empty())
    throw Error("cannot apply to " + base::in_quotes(chosen.workspace.host) + ": " + other,
                "nothing was changed; look again: `caisson diff " + target.sandbox().name + "`");
  return one;
}

void say_not_shown(const ToApply& one, const std::string& name) {
  const uint64_t count = count_not_shown(one.shown, one.compared.set);
  if (count == 0) return;
  warn(fmt::format("{} not looked at: `caisson diff {}`",
                   count == 1 ? "1 file was" : fmt::format("{} files were", count), name));
}

// Of those that are applied.
Fingerprints prints_of(const std::vector<Change>& set, Fingerprints& all) {
  Fingerprints prints;
  for (const Change& change : set) prints.insert(prints.end(), all.extract(change.path));
  return prints;
}

// Leaves in `one.prints` what was applied.
void apply_one(ChangesTarget& target, ToApply& one, const ApplyOptions& options) {
  const ChosenWorkspace& chosen = one.chosen;
  keeper::ComparedChanges& compared = one.compared;
  const std::string host = base::in_quotes(chosen.workspace.host);
  for (const std::string& path : compared.set.left_out)
    warn(base::in_quotes(path) + " is left out: it is no file, folder or link");
  settle_conflicts(compared, options);
  say_not_shown(one, target.sandbox().name);
  settle_classes(compared.set.changes, options);
  one.prints = prints_of(compared.set.changes, one.prints);
  const std::string words = changes::in_words(changes::count(compared.set));
  if (compared.set.changes.empty()) return warn("nothing to apply to " + chosen.in_words());
  if (options.dry_run) {
    const changes::Plan plan = changes::plan_apply(compared.set.changes, compared.root);
    for (const Change& change : compared.set.changes) fmt::print("{}\n", changes::name_line(change));
    for (const std::string& folder : plan.kept)
      warn("the folder " + base::in_quotes(folder) + " would stay: it holds other files");
    return warn(fmt::format("would apply to {}: {}", host, words));
  }
  // Its key would end this in the middle; the next command would finish it, but nobody wants to see that.
  ::signal(SIGINT, SIG_IGN);
  changes::apply(compared.set.changes,
                 {.root = compared.root,
                  .received = compared.received,
                  .journal = target.journal(chosen),
                  .log = keeper::baseline_path(target.sandbox().folder, chosen.workspace.id),
                  .names = keeper::known_names_path(target.sandbox().folder, chosen.workspace.id)});
  ::signal(SIGINT, SIG_DFL);
  target.note_taken();
  warn(fmt::format("applied to {}: {}", host, words.empty() ? "modes of folders" : words));
  if (!changes::has_renamed(compared.received)) return;
  compared = keeper::compare_changes(target.sandbox().folder, target.sandbox().spec, chosen.workspace,
                                     std::move(compared.received));
  const std::vector<std::string> paths = changes::arrived(compared.root, compared.received, compared.set);
  if (!paths.empty() && (!compared.set.changes.empty() || target.stays()))
    target.discard({.workspace = chosen.workspace, .paths = paths});
}

void apply(const ApplyOptions& options) {
  if (options.theirs && options.ours) throw Error("--theirs and --ours exclude each other");
  for (const std::string& name : options.allow) {
    const auto& texts = changes::class_texts();
    if (std::none_of(texts.begin(), texts.end(), [&](const ClassText& text) { return name == text.name; }))
      throw Error("there is no class " + base::in_quotes(name), "git, ci, editor, agent, executable, symlink, masked");
  }
  ChangesTarget target(options.target);
  // Nothing is applied before all is known to be what was shown.
  std::vector<ToApply> all;
  for (const ChosenWorkspace& chosen : target.workspaces()) {
    if (!chosen.is_clone()) all.push_back(look_at(target, chosen));
  }
  for (const ChosenWorkspace& chosen : target.workspaces()) {
    if (chosen.is_clone()) apply_clone(target, chosen, {.dry_run = options.dry_run, .force = options.theirs});
  }
  for (ToApply& one : all) {
    apply_one(target, one, options);
    if (!options.dry_run) note_applied(target.shown(one.chosen), one.prints, one.chosen.paths);
  }
  if (!options.dry_run) target.settle();
}

// What is about to be thrown away; nothing where that cannot be listed, which can be thrown away, too.
std::optional<std::string> words_to_discard(ChangesTarget& target, const ChosenWorkspace& chosen) {
  std::optional<keeper::ComparedChanges> compared;
  try {
    compared.emplace(target.compared(chosen));
  } catch (const Error& error) {
    warn(error.what());
    return std::nullopt;
  }
  target.require_named(chosen, *compared);
  const std::string words = changes::in_words(changes::count(compared->set));
  const bool nothing = compared->set.changes.empty() && compared->set.left_out.empty();
  return words.empty() && !nothing ? "what is no file" : words;
}

void discard_one(ChangesTarget& target, const ChosenWorkspace& chosen) {
  const std::optional<std::string> words = words_to_discard(target, chosen);
  target.discard(chosen);
  note_discarded(target.shown(chosen), chosen.paths);
  if (!words) return warn("discarded what there was in " + chosen.in_words());
  const size_t left = target.compared(chosen).set.changes.size();
  if (words->empty()) return warn("nothing to discard in " + chosen.in_words());
  warn(fmt::format("discarded in {}: {}", chosen.in_words(), *words));
  if (left > 0)
    warn(fmt::format("{} of them are left: the sandbox has made the folder anew that they are in; discard that", left));
}

struct DiscardOptions {
  ChangesWords target;
  bool yes = false;
};

void discard(const DiscardOptions& options) {
  ChangesTarget target(options.target);
  const std::string name = target.sandbox().name;
  const std::vector<ChosenWorkspace>& chosen = target.workspaces();
  const bool all =
      std::all_of(chosen.begin(), chosen.end(), [](const ChosenWorkspace& one) { return one.paths.empty(); });
  if (!options.yes && can_ask() &&
      !ask_yes(fmt::format("Throw away {} '{}' has changed?", all ? "all that" : "what is named of that which", name)))
    throw Exit{1};
  const size_t kept_apart = static_cast<size_t>(
      std::count_if(target.sandbox().spec.workspaces.begin(), target.sandbox().spec.workspaces.end(),
                    [](const spec::Workspace& one) { return spec::keeps_changes_apart(one.mode); }));
  // Nothing but its changes has kept it.
  if (all && chosen.size() == kept_apart && !target.is_running() && target.sandbox().spec.remove_at_end) {
    keeper::remove_sandbox(target.sandbox());
    return warn(fmt::format("removed '{}' with its changes", name));
  }
  for (const ChosenWorkspace& one : chosen) {
    if (!one.is_clone()) continue;
    throw Error("what '" + name + "' has done in its clone is not taken back from here",
                "use git in the sandbox, or remove it: `caisson rm --force " + name + "`");
  }
  for (const ChosenWorkspace& one : chosen) discard_one(target, one);
  target.settle();
}

}  // namespace

void add_apply_command(CLI::App& app) {
  CLI::App& command = add_command(
      app,
      {"apply", "[OPTIONS] [NAME] [PATH…]", "take a sandbox's changes over into the folders that it was given",
       "All of them in a folder, or none: what was interrupted is finished or taken back by the next command. Files\n"
       "that were changed or removed on this machine since the sandbox read them stay as they are, unless --theirs "
       "says\n"
       "so.\n"
       "What the sandbox has changed since `caisson diff` showed it is refused until it was looked at again; how many\n"
       "files were not looked at is said.\n"
       "What this machine would run, and what leads out of the folder, is shown apart and asked for, class by class:\n"
       "git, ci, editor, agent, executable, symlink, masked.\n"
       "Of a clone (-w FOLDER:clone) the commits are put on the branch caisson/NAME of its repository; --theirs also "
       "where\n"
       "that has commits which these do not follow.\n"
       "\n"
       "Examples:\n"
       "  caisson apply                             of the sandbox of this folder\n"
       "  caisson apply web src --dry-run           what would be done in src\n"
       "  caisson apply web --allow executable      where there is no terminal"});
  const auto options = std::make_shared<ApplyOptions>();
  command.add_option("words", options->target.words, "the sandbox, and files or folders");
  command.add_flag("--dry-run", options->dry_run, "say what would be done");
  command.add_flag("--theirs", options->theirs, "where both sides changed a file: take the sandbox's");
  command.add_flag("--ours", options->ours, "where both sides changed a file: keep this machine's");
  command.add_option("--allow", options->allow, "a class that need not be asked for")
      ->type_name("CLASS")
      ->allow_extra_args(false);
  command.add_flag("--yes,-y", options->yes, "all classes");
  command.callback([options] { apply(*options); });
}

void add_discard_command(CLI::App& app) {
  CLI::App& command = add_command(
      app,
      {"discard", "[OPTIONS] [NAME] [PATH…]", "throw a sandbox's changes away",
       "The workspace looks in the sandbox as on this machine again. A stopped sandbox that was only kept for its\n"
       "changes goes away.\n\nExamples:\n  caisson discard web\n  caisson discard web src/generated"});
  const auto options = std::make_shared<DiscardOptions>();
  command.add_option("words", options->target.words, "the sandbox, and files or folders");
  command.add_flag("--yes,-y", options->yes, "without a question");
  command.callback([options] { discard(*options); });
}

}  // namespace caisson::cli
