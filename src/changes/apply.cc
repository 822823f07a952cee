// SPDX-License-Identifier: Apache-2.0

#include "changes/apply.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "changes/baseline.h"
#include "changes/known_names.h"
#include "changes/stage.h"
#include "changes/steps.h"

namespace caisson::changes {
namespace {

using base::Error;

base::FileLock lock_of(const std::string& journal) {
  auto lock = base::FileLock::try_acquire(journal + ".lock");
  if (!lock) throw Error("another command applies changes of this sandbox right now", "try again when it has ended");
  return std::move(*lock);
}

// All that was done to the folder is on its disk.
void sync_of(const HostRoot& root) {
  const base::Fd folder = base::open_file(".", O_RDONLY | O_DIRECTORY, 0, root.fd());
  if (::syncfs(folder.get()) != 0) throw base::system_error("cannot sync", root.path());
}

void check_space(const Plan& plan, const HostRoot& root) {
  struct statvfs info {};
  const base::Fd folder = base::open_file(".", O_RDONLY | O_DIRECTORY, 0, root.fd());
  if (::fstatvfs(folder.get(), &info) != 0) return;
  const uint64_t free_bytes = static_cast<uint64_t>(info.f_bavail) * info.f_frsize;
  if (plan.bytes > free_bytes)
    throw Error(fmt::format("cannot apply to '{}': the changes need {} MB and its disk has {} MB left",
                            base::escaped(root.path()), plan.bytes / 1'000'000 + 1, free_bytes / 1'000'000),
                "nothing was changed");
}

uint64_t size_of_log(const std::string& log) {
  struct stat info {};
  return ::stat(log.c_str(), &info) == 0 ? static_cast<uint64_t>(info.st_size) : 0;
}

// What is applied is noted in the log, which nothing could read any more if it grew too long.
void check_log(const std::vector<Change>& changes, const Plan& plan, const ApplyOptions& options) {
  if (options.log.empty()) return;
  uint64_t files = plan.steps.size();
  for (const Plan::Made& made : plan.made) files += changes[made.change].after == FileType::kFolder ? 0 : 1;
  if (size_of_log(options.log) + files * kMostStateBytes > kMostNotedBytes)
    throw Error("cannot apply to " + base::in_quotes(options.root.path()) +
                    ": the log of the files that this sandbox has seen is full",
                "nothing was changed; use `caisson patch` or `caisson cp`");
}

// One apply from its stage on, be it a new one or one that is found.
class Run {
 public:
  Run(const HostRoot& root, Journal journal, JournalFile& file, std::function<void()> before_step)
      : root_(root), journal_(std::move(journal)), file_(file), before_step_(std::move(before_step)) {}

  Journal& journal() { return journal_; }

  void step() const {
    if (before_step_) before_step_();
  }

  // False, and why in `problem`, where all was taken back.
  bool forward(std::optional<Error>& problem) {
    try {
      const std::optional<HostRoot> stage = open_stage(root_, journal_.stage);
      if (!stage) throw Error("the folder " + base::in_quotes(root_.path() + "/" + journal_.stage) + " has gone");
      const Steps steps(root_, *stage, before_step_);
      for (const Step& each : journal_.steps) steps.redo(each);
      sync_of(root_);
    } catch (const Error& error) {
      problem = error;
    }
    step();
    if (problem) {
      file_.undo();
      backward();
      return false;
    }
    file_.done();
    finish();
    return true;
  }

  void backward() {
    std::vector<std::string> stuck;
    const std::optional<HostRoot> stage = open_stage(root_, journal_.stage);
    if (stage) {
      const Steps steps(root_, *stage, before_step_);
      for (auto each = journal_.steps.rbegin(); each != journal_.steps.rend(); ++each) {
        if (!steps.undo(*each)) stuck.push_back(each->path + " (" + std::to_string(each->number) + ")");
      }
      sync_of(root_);
    }
    if (!stuck.empty()) {
      file_.remove();
      throw Error("cannot take back what was applied to " + base::in_quotes(base::join(stuck, ", ")) +
                      ": the host has other files there by now",
                  "the old ones are in " + base::in_quotes(root_.path() + "/" + journal_.stage) +
                      ", under the numbers; move them back or remove them");
    }
    clean_up();
  }

  // All is in its place.
  void finish() {
    step();
    if (!journal_.log.empty()) note_states();
    if (!journal_.names.empty()) note_names();
    clean_up();
  }

  void clean_up() {
    step();
    remove_stage(root_, journal_.stage);
    step();
    file_.remove();
  }

 private:
  // The sandbox has what the host has now. What finds no room in the log, since the share or the host has added to it
  // meanwhile, is a conflict later.
  void note_states() const {
    const uint64_t size = size_of_log(journal_.log);
    std::string lines;
    for (const Step& each : journal_.steps) note(each.path, kMostNotedBytes - std::min(size, kMostNotedBytes), lines);
    const base::Fd log = base::open_file(journal_.log, O_WRONLY | O_APPEND | O_CREAT);
    base::write_all(log.get(), lines, journal_.log);
  }
  void note(const std::string& path, uint64_t room, std::string& lines) const {
    if (lines.size() + kMostStateBytes > room) return;
    const HostFile now = root_.look(path);
    if (now.exists() && now.type != FileType::kFolder) lines += baseline_line(now);
    if (now.type != FileType::kFolder) return;
    for (const std::string& name : root_.names(path, kMostChanges)) note(path + "/" + name, room, lines);
  }

  // What was taken out is in the stage. Noted twice, after a crash, it says the same.
  void note_names() const {
    NameNotes notes;
    const std::optional<HostRoot> stage = open_stage(root_, journal_.stage);
    for (const Step& each : journal_.steps) {
      if (each.kind == Step::Kind::kMode) continue;
      if (stage && each.kind != Step::Kind::kPlace) notes.remove_tree(*stage, std::to_string(each.number), each.path);
      if (each.kind != Step::Kind::kTake) notes.add_tree(root_, each.path);
    }
    append_notes(journal_.names, notes);
  }

  const HostRoot& root_;
  Journal journal_;
  JournalFile& file_;
  std::function<void()> before_step_;
};

void fill_stage(const std::vector<Change>& changes, const ApplyOptions& options, Plan& plan, Run& run) {
  const HostRoot stage = make_stage(options.root, run.journal().stage);
  StageMaker maker(options.root, options.received, stage);
  for (const Plan::Made& made : plan.made) {
    run.step();
    maker.make(changes[made.change], made.path, made.owner);
  }
  for (auto made = plan.made.rbegin(); made != plan.made.rend(); ++made) {
    if (changes[made->change].after == FileType::kFolder) maker.finish_folder(changes[made->change], made->path);
  }
  for (Step& step : plan.steps) {
    const std::string number = std::to_string(step.number);
    step.staged = stage.look(number);
    if (step.staged.type == FileType::kFolder) step.staged_tree = tree_state(stage, number).digest;
  }
  run.step();
  sync_of(options.root);
}

Error nothing_changed(const HostRoot& root, const Error& error) {
  return Error("cannot apply to " + base::in_quotes(root.path()) + ": " + error.problem(),
               error.hint().empty() ? "nothing was changed" : "nothing was changed; " + error.hint(), error.errnum());
}

}  // namespace

void apply(const std::vector<Change>& changes, const ApplyOptions& options) {
  const base::FileLock lock = lock_of(options.journal);
  if (base::open_if_exists(options.journal, O_RDONLY))
    throw Error("an apply of this sandbox was interrupted", "run the command again");
  Plan plan = plan_apply(changes, options.root);
  check_space(plan, options.root);
  check_log(changes, plan, options);
  if (plan.steps.empty()) return;
  Journal journal;
  const HostFile root = options.root.look("");
  journal.root = options.root.path();
  journal.device = root.device;
  journal.inode = root.inode;
  journal.stage = new_stage_name();
  journal.log = options.log;
  journal.names = options.names;
  JournalFile file = JournalFile::begin(options.journal, journal);
  Run run(options.root, std::move(journal), file, options.before_step);
  try {
    run.step();
    fill_stage(changes, options, plan, run);
    file.apply(plan.steps);
  } catch (const Error& error) {
    run.clean_up();
    throw nothing_changed(options.root, error);
  }
  run.journal().steps = std::move(plan.steps);
  std::optional<Error> problem;
  if (!run.forward(problem)) throw nothing_changed(options.root, *problem);
}

Recovery recover(const std::string& journal_path, const std::function<void()>& before_step) {
  if (!base::open_if_exists(journal_path, O_RDONLY)) return Recovery::kNothingToDo;
  const base::FileLock lock = lock_of(journal_path);
  if (!base::open_if_exists(journal_path, O_RDONLY)) return Recovery::kNothingToDo;
  Journal journal = read_journal(journal_path);
  JournalFile file(journal_path);
  if (!base::open_if_exists(journal.root, O_PATH | O_DIRECTORY)) {
    file.remove();  // the folder has gone, and what was done to it
    return Recovery::kNotBegun;
  }
  const HostRoot root(journal.root);
  const HostFile info = root.look("");
  // (Its device may have another number after a restart of the machine.)
  if (info.inode != journal.inode) {
    file.remove();  // another folder is in its place
    return Recovery::kNotBegun;
  }
  const Journal::Phase phase = journal.phase;
  Run run(root, std::move(journal), file, before_step);
  std::optional<Error> problem;
  switch (phase) {
    case Journal::Phase::kStaging:
      run.clean_up();
      return Recovery::kNotBegun;
    case Journal::Phase::kApplying:
      return run.forward(problem) ? Recovery::kFinished : Recovery::kTakenBack;
    case Journal::Phase::kUndoing:
      run.backward();
      return Recovery::kTakenBack;
    case Journal::Phase::kDone:
      run.finish();
      return Recovery::kFinished;
  }
  return Recovery::kNothingToDo;
}

}  // namespace caisson::changes
