// SPDX-License-Identifier: Apache-2.0

#include "changes/steps.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/error.h"
#include "base/text.h"
#include "changes/apply.h"
#include "changes/modes.h"
#include "changes/stage.h"

namespace caisson::changes {
namespace {

using base::Error;

Error changed_meanwhile(const std::string& path) {
  return Error(base::in_quotes(path) + " was changed on the host meanwhile", "look at the changes again");
}

// Whether it is what was there, in all that a rename leaves as it is.
bool is_same(const HostFile& now, const HostFile& before) {
  if (now.type != before.type || now.inode != before.inode) return false;
  return before.type == FileType::kFolder || (now.size == before.size && now.mtime_ns == before.mtime_ns);
}

// The file or folder whose mode the step sets, as it was or already with its new mode. One that has come out of the
// stage has no number in the step; nobody has seen it yet.
bool may_set_mode(const Step& step, const HostFile& now) {
  if (now.type != step.before.type || is_privileged(now)) return false;
  if (step.before.inode == 0) return true;
  const uint32_t mode = now.mode & 0777U;
  return now.inode == step.before.inode && (mode == (step.before.mode & 0777U) || mode == step.mode);
}

}  // namespace

// The stage is nobody's but ours, so what is in it tells what was done, whatever the host's side looks like by now.
bool Steps::is_done(const Step& step) const {
  const HostFile staged = stage_.look(std::to_string(step.number));
  switch (step.kind) {
    case Step::Kind::kPlace:
      return !staged.exists();
    case Step::Kind::kSwap:
      return staged.inode != step.staged.inode;
    case Step::Kind::kTake:
      return staged.exists();
    case Step::Kind::kMode:
      break;
  }
  return false;  // setting a mode twice is setting it
}

void Steps::redo(const Step& step) const {
  if (before_step_) before_step_();
  if (step.kind == Step::Kind::kMode) {
    const auto is_it = [&](const HostFile& now) { return may_set_mode(step, now); };
    if (!set_mode_if(root_, step.path, step.mode, is_it)) throw changed_meanwhile(step.path);
    return;
  }
  if (is_done(step)) {
    // By a process that may have ended before it looked.
    if (step.kind != Step::Kind::kPlace) check_taken(step);
    return;
  }
  const HostFile now = root_.look(step.path);
  const bool expected = is_same(now, step.before) &&
                        (!now.exists() || now.type == FileType::kFolder || now.ctime_ns == step.before.ctime_ns);
  if (!expected) throw changed_meanwhile(step.path);
  if (step.kind == Step::Kind::kSwap) {
    exchange(step);
  } else {
    move(step, step.kind == Step::Kind::kPlace);
  }
  if (step.kind != Step::Kind::kPlace) check_taken(step);
}

// Between the look and the rename somebody may have written: then this is what came out, and goes back.
void Steps::check_taken(const Step& step) const {
  const std::string number = std::to_string(step.number);
  bool same = is_same(stage_.look(number), step.before);
  if (same && step.before.type == FileType::kFolder) same = tree_state(stage_, number).digest == step.tree;
  if (same) return;
  if (step.kind == Step::Kind::kSwap) {
    exchange(step);
  } else {
    move(step, true);
  }
  throw changed_meanwhile(step.path);
}

bool Steps::undo(const Step& step) const {
  if (before_step_) before_step_();
  if (step.kind == Step::Kind::kMode) {
    const HostFile now = root_.look(step.path);
    const auto is_it = [&](const HostFile& found) { return may_set_mode(step, found); };
    if (now.type == step.before.type) set_mode_if(root_, step.path, step.before.mode & 0777U, is_it);
    return true;
  }
  if (!is_done(step)) return true;
  if (step.kind == Step::Kind::kTake) {
    if (root_.look(step.path).exists() || !root_.folder(std::string(parent_of(step.path)))) return false;
    move(step, true);
    return true;
  }
  const HostFile now = root_.look(step.path);
  if (now.inode != step.staged.inode) return step.kind == Step::Kind::kPlace;
  if (!is_untouched(step, now)) return false;
  if (step.kind == Step::Kind::kSwap) {
    exchange(step);
  } else {
    move(step, false);
  }
  return true;
}

// Nobody has written to what was put into place.
bool Steps::is_untouched(const Step& step, const HostFile& now) const {
  if (!is_same(now, step.staged)) return false;
  return now.type != FileType::kFolder || tree_state(root_, step.path).digest == step.staged_tree;
}

void Steps::move(const Step& step, bool into_place) const {
  const std::string number = std::to_string(step.number);
  const std::string name(name_of(step.path));
  const base::Fd parent = root_.folder(std::string(parent_of(step.path)));
  if (!parent) throw changed_meanwhile(step.path);
  const int from = into_place ? stage_.fd() : parent.get();
  const int to = into_place ? parent.get() : stage_.fd();
  const char* old_name = into_place ? number.c_str() : name.c_str();
  const char* new_name = into_place ? name.c_str() : number.c_str();
  if (::renameat2(from, old_name, to, new_name, RENAME_NOREPLACE) == 0) return;
  if (errno == EEXIST || errno == ENOENT) throw changed_meanwhile(step.path);
  throw base::system_error("cannot change", root_.path() + "/" + step.path);
}

void Steps::exchange(const Step& step) const {
  const std::string number = std::to_string(step.number);
  const std::string name(name_of(step.path));
  const base::Fd parent = root_.folder(std::string(parent_of(step.path)));
  if (!parent) throw changed_meanwhile(step.path);
  if (::renameat2(stage_.fd(), number.c_str(), parent.get(), name.c_str(), RENAME_EXCHANGE) == 0) return;
  if (errno == ENOENT) throw changed_meanwhile(step.path);
  throw base::system_error("cannot replace", root_.path() + "/" + step.path, errno,
                           errno == EINVAL ? "its file system cannot exchange two files" : "");
}

}  // namespace caisson::changes
