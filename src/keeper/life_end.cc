// SPDX-License-Identifier: Apache-2.0

// The end of a sandbox's life: see life.h for the order.

#include <fcntl.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <csignal>
#include <iostream>
#include <iterator>

#include "base/file.h"
#include "base/scope.h"
#include "base/text.h"
#include "keeper/clock.h"
#include "keeper/life.h"

namespace caisson::keeper {
namespace {

// After the link has ended: time for the engine's process to end by itself, which tells more than the link does. The
// same for the link when the process has ended: the command's result may still be in it.
constexpr std::chrono::seconds kGrace{1};
constexpr std::chrono::seconds kDrainLimit{5};
constexpr size_t kMaxQuotedConsole = 512;

std::string in_words(const KeeperExit& exit) {
  if (exit.signal != 0) return "the command was ended by signal " + std::to_string(exit.signal);
  return "the command exited with " + std::to_string(exit.code);
}

// keeper.log: there is nobody left to tell, and the end goes on.
void log_failure(const base::Error& error) {
  std::cerr << error.what() << std::endl;
}

}  // namespace

// Returns when the engine's process has ended, or is dying and nobody needs to wait for it.
asio::awaitable<void> Life::bring_down() {
  co_await list_changes();
  ports_.close();
  if (gate_) gate_->close();
  // After the machine, which may have something to write.
  const base::Scope end_shares([this] { shares_.close(); });
  if (!instance_) co_return;
  auto engine_ended = [this] { return engine_ended_.has_value(); };
  const bool will_go = (main_result_ || main_error_) && goes_away() && !stop_;
  const bool stands_still = !sandbox_.state.paused.empty();
  const bool can_power_off =
      configured_ && !link_ended_ && !engine_ended_ && !violation_ && !failure_ && !start_failed() && !stands_still;
  if (can_power_off && !will_go) {
    if (!stop_) stop_ = StopRequest{Clock::now() + kPowerOffLimit + kDiskCloseLimit, ""};
    beside(power_off());
    // A later stop request may have an earlier deadline.
    while (!engine_ended_ && Clock::now() < stop_->deadline) {
      const Clock::time_point deadline = stop_->deadline;
      auto done = [this, deadline] { return engine_ended_ || stop_->deadline < deadline; };
      co_await wait_until(done, deadline);
    }
    too_slow_ = !engine_ended_;
  } else if (link_ended_ && !stop_) {
    co_await wait_until(engine_ended, Clock::now() + kGrace);
  }
  kill_engine();
  if (will_go) co_return;
  co_await wait_until(engine_ended);
  auto all_is_said = [this] { return link_ended_ || main_result_ || main_error_; };
  if (started_ && has_main()) co_await wait_until(all_is_said, Clock::now() + kGrace);
}

std::chrono::seconds Life::until_kill() const {
  if (!stop_) return kPowerOffLimit;
  const auto left = std::chrono::round<std::chrono::seconds>(stop_->deadline - kDiskCloseLimit - Clock::now());
  return std::clamp(left, std::chrono::seconds(0), link::kLongestPowerOff);
}

asio::awaitable<void> Life::power_off() {
  const auto self = shared_from_this();
  try {
    co_await guest_->poweroff(until_kill());
  } catch (const std::exception&) {
    // The deadline is for that.
  }
}

LimitWords Life::limits() const {
  return LimitWords{base::to_string(plan_.spec.memory), base::to_string(plan_.spec.disk), plan_.spec.pids};
}

Life::Ending Life::decide() const {
  const bool ended_by_user = stop_ && !stop_->why.empty();
  if (main_result_ || (!main_error_ && (timed_out_ || ended_by_user))) return decide_exit();
  Ending ending;
  ending.error = decide_error();
  ending.reason = ending.error->error;
  return ending;
}

std::string Life::time_limit_words() const {
  return "the time limit of " + std::to_string(plan_.spec.timeout->count()) + " s was reached (--timeout)";
}

// The command's own end, or the one that a stop or the time limit has made.
Life::Ending Life::decide_exit() const {
  KeeperExit exit{.code = 128 + SIGKILL, .signal = SIGKILL, .notes = {}, .stages_us = {}};
  if (main_result_) exit = make_exit(*main_result_, limits());
  std::string reason = main_result_ ? in_words(exit) : "";
  if (timed_out_) {
    exit.code = kExitTimedOut;
    reason = time_limit_words();
    exit.notes.push_back(reason);
  } else if (stop_ && !stop_->why.empty()) {
    reason = "the sandbox was stopped: " + stop_->why;
    exit.notes.push_back(reason);
  }
  const bool was_cut_off = too_slow_ || !sandbox_.state.paused.empty();
  if (was_cut_off && !goes_away()) exit.notes.push_back(kCutOff);
  for (std::string& line : notes_so_far()) exit.notes.push_back(std::move(line));
  if (gate_) {
    exit.allow = rules_for_refused(gate_->refusals());
    exit.own_networks = refused_in_own_networks(gate_->refusals());
  }
  return Ending{exit, {}, reason};
}

// What there is to say also while it runs.
std::vector<std::string> Life::notes_so_far() const {
  std::vector<std::string> notes = lost_workspaces_;
  auto add = [&notes](std::vector<std::string> lines) {
    notes.insert(notes.end(), std::make_move_iterator(lines.begin()), std::make_move_iterator(lines.end()));
  };
  if (const uint64_t lost = main_->lost_output_bytes(); lost > 0)
    add({"output.log has no room for " + std::to_string(lost) + " bytes of the output: they are lost"});
  add(ledger_.notes());
  if (gate_) add(refusal_notes(gate_->refusals(), plan_.spec.network.preset));
  add(failures_.notes());
  return notes;
}

// Where the rest of the story is: the log, or what was in it last when it goes away.
std::string Life::console_hint() const {
  if (!goes_away()) return "`caisson logs --console " + sandbox_.name + "` shows its kernel's messages";
  const base::Fd console = base::open_if_exists(options_.folder + "/console.log", O_RDONLY);
  const std::string last = console ? base::last_line(console.get(), kMaxQuotedConsole) : "";  // the guest's words
  return last.empty() ? "" : "the last line of its console: " + base::in_quotes(last);
}

CommandError Life::decide_error() const {
  if (main_error_) return *main_error_;
  const std::string hint = console_hint();
  if (start_error_) {
    const bool engine_failed = engine_ended_ && !killed_;
    const std::string why = engine_failed ? base::escaped(*engine_ended_) : start_error_->problem();
    return CommandError{"cannot start " + base::in_quotes(sandbox_.name) + ": " + why,
                        engine_failed ? hint : start_error_->hint(), kExitOurs};
  }
  std::string why = "the guest ended the link";
  if (failure_) {
    why = "its keeper failed: " + *failure_;
  } else if (violation_) {
    why = "its guest broke the protocol: " + *violation_;
  } else if (link_ended_ && !link_ended_->empty() && killed_) {
    why = "its guest broke the link: " + *link_ended_;
  } else if (engine_ended_ && !killed_) {
    why = base::escaped(*engine_ended_);
  }
  return CommandError{"the sandbox " + base::in_quotes(sandbox_.name) + " ended: " + why, hint, kExitOurs};
}

// The name is free, or the record says how it ended and the lock is given back.
void Life::settle(const Ending& ending) {
  server_.close();
  State& state = sandbox_.state;
  state.status = Status::kStopped;
  state.paused.clear();
  state.ended = now();
  state.exit_code = ending.exit ? ending.exit->code : ending.error->exit_code;
  state.reason = ending.reason;
  if (ending.exit) state.notes = ending.exit->notes;
  if (gate_) {
    state.refusals = gate_->refusals();
    state.uses = gate_->uses();
  }
  state.keeper_pid = 0;
  state.engine_pid = 0;
  state.shares = shares_.states();
  repeats_.flush();
  for (const std::string& line : state.notes) ledger_.write("limit", base::Json{{"note", line}});
  ledger_.write("stop", base::Json{{"reason", ending.reason}, {"exit_code", *state.exit_code}});
  try {
    if (goes_away()) {
      hidden_ = hide_folder(options_.folder);
    } else {
      if (stays_for_changes()) make_it_stay();
      write_record();
      options_.lock.reset();
    }
  } catch (const base::Error& error) {
    log_failure(error);
  }
  note("gone");
  ending_ = ending;
  if (ending_->exit) {
    ending_->exit->stages_us = state.stages_us;
    for (const std::string& line : commit_notes_) ending_->exit->notes.push_back(line);
    if (const std::string note = changes_note(); !note.empty()) ending_->exit->notes.push_back(note);
  } else {
    std::vector<std::string> notes = commit_notes_;
    if (const std::string note = changes_note(); stays_for_changes() && !note.empty()) notes.push_back(note);
    for (const std::string& note : notes) ending_->error->hint += (ending_->error->hint.empty() ? "" : "; ") + note;
  }
  changed_.notify_all();
}

asio::awaitable<void> Life::say_goodbye() {
  beside(deliver_last());
  beside(drain());
  auto delivered = [this] { return delivered_ || failure_; };
  co_await wait_until(delivered, Clock::now() + kGrace);
  co_await clean_up();
  // A client that reads slowly gets all of the output, however long it takes.
  co_await wait_until(delivered);
  co_await wait_until([this] { return drained_; }, Clock::now() + kDrainLimit);
}

asio::awaitable<void> Life::deliver_last() {
  const auto self = shared_from_this();
  // A start that failed at once is over before its client has asked for anything.
  if (options_.wait_for_attach)
    co_await wait_until([this] { return attach_asked_ || first_gone_; }, Clock::now() + kDrainLimit);
  std::vector<uint8_t> frame = co_await last_frame();
  co_await main_->deliver(std::move(frame));
  delivered_ = true;
  changed_.notify_all();
}

asio::awaitable<void> Life::drain() {
  const auto self = shared_from_this();
  co_await server_.drained();
  drained_ = true;
  changed_.notify_all();
}

asio::awaitable<void> Life::clean_up() {
  if (instance_) co_await wait_until([this] { return engine_ended_.has_value(); });
  if (guest_) guest_->close();
  co_await wait_until([this] { return listings_ == 0; });
  if (!hidden_.empty()) delete_hidden(hidden_, &engine_);
}

asio::awaitable<std::vector<uint8_t>> Life::last_frame() {
  const auto self = shared_from_this();
  co_await wait_until([this] { return ending_.has_value(); });
  std::vector<uint8_t> frame =
      ending_->exit ? make_frame(link::ExecFrame::kExit, to_json(*ending_->exit)) : make_error_frame(*ending_->error);
  co_return frame;
}

}  // namespace caisson::keeper
