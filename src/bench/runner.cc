// SPDX-License-Identifier: Apache-2.0

#include "bench/runner.h"

#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <functional>

#include "base/error.h"
#include "base/text.h"

namespace caisson::bench {
namespace {

using Clock = std::chrono::steady_clock;

// Of what a command writes; more is not kept.
constexpr size_t kMaxOutputBytes = 1U << 20;
constexpr std::chrono::seconds kCleanUpLimit{30};

sigset_t interrupting_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&set, number);
  return set;
}

// Reads what is there; closes `from` at its end.
void drain(base::Fd& from, std::string& to) {
  char buffer[65536];
  while (from) {
    const ssize_t got = ::read(from.get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) return from.reset();
    to.append(buffer, std::min(static_cast<size_t>(got), kMaxOutputBytes - std::min(to.size(), kMaxOutputBytes)));
  }
}

base::Error not_ended(const std::string& program, std::chrono::seconds limit) {
  return base::Error("'" + program + "' did not end within " + std::to_string(limit.count()) + " s");
}

base::Error bad_end(const std::string& program, const base::ExitStatus& status, const std::string& err) {
  const std::string_view tail = base::trimmed(err);
  return base::Error("'" + program + "' " + status.text() + ": " +
                     base::escaped(tail.substr(tail.size() > 400 ? tail.size() - 400 : 0)));
}

// A command on its way.
class Process {
 public:
  explicit Process(const Argv& argv) : program_(base::join(argv, " ")) {
    base::FdPair out = base::make_pipe();
    base::FdPair err = base::make_pipe();
    for (const base::Fd* end : {&out.first, &err.first}) base::set_nonblocking(end->get(), true);
    base::SpawnOptions options{.argv = argv, .descriptors = {{out.second.get(), 1}, {err.second.get(), 2}}};
    options.new_session = true;
    outcome_.began_us = monotonic_us();
    child_ = base::spawn(options);
    out_ = std::move(out.first);
    err_ = std::move(err.first);
  }

  void add_to(std::vector<pollfd>& descriptors) const {
    if (!child_) return;
    descriptors.push_back({.fd = child_.pidfd(), .events = POLLIN, .revents = 0});
    for (const base::Fd* end : {&out_, &err_}) {
      if (*end) descriptors.push_back({.fd = end->get(), .events = POLLIN, .revents = 0});
    }
  }

  // After a wait that add_to() has filled.
  void go_on(const std::vector<pollfd>& descriptors) {
    if (!child_) return;
    const bool ended = std::any_of(descriptors.begin(), descriptors.end(), [this](const pollfd& waited) {
      return waited.fd == child_.pidfd() && waited.revents != 0;
    });
    if (ended) {
      outcome_.ended_us = monotonic_us();
      outcome_.status = child_.wait();
    }
    drain(out_, outcome_.out);
    drain(err_, outcome_.err);
  }

  bool running() const { return static_cast<bool>(child_); }
  const std::string& program() const { return program_; }
  Outcome& outcome() { return outcome_; }

 private:
  std::string program_;
  Outcome outcome_;
  base::Child child_;
  base::Fd out_;
  base::Fd err_;
};

}  // namespace

int64_t monotonic_us() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * int64_t{1'000'000} + now.tv_nsec / 1000;
}

Runner::Runner() {
  const sigset_t set = interrupting_signals();
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  signals_ = base::Fd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals_) throw base::system_error("cannot wait for", "signals");
}

Runner::~Runner() {
  const sigset_t set = interrupting_signals();
  ::sigprocmask(SIG_UNBLOCK, &set, nullptr);
}

Outcome Runner::run(const Argv& argv, std::chrono::seconds limit) const {
  return std::move(run_at_once({argv}, limit).front());
}

std::vector<Outcome> Runner::run_at_once(const std::vector<Argv>& commands, std::chrono::seconds limit) const {
  const Deadline deadline = Clock::now() + limit;
  std::vector<Process> processes;
  processes.reserve(commands.size());
  for (const Argv& argv : commands) processes.emplace_back(argv);
  auto still_running = [&] { return std::any_of(processes.begin(), processes.end(), std::mem_fn(&Process::running)); };
  while (still_running()) {
    std::vector<pollfd> descriptors;
    for (const Process& process : processes) process.add_to(descriptors);
    if (!wait(descriptors, deadline)) throw not_ended(processes.front().program(), limit);
    for (Process& process : processes) process.go_on(descriptors);
  }
  std::vector<Outcome> outcomes;
  for (Process& process : processes) {
    if (!process.outcome().status.ok())
      throw bad_end(process.program(), process.outcome().status, process.outcome().err);
    outcomes.push_back(std::move(process.outcome()));
  }
  return outcomes;
}

void Runner::clean_up(const Argv& argv) const noexcept {
  try {
    Process process(argv);
    const Deadline deadline = Clock::now() + kCleanUpLimit;
    while (process.running() && Clock::now() < deadline) {
      std::vector<pollfd> descriptors;
      process.add_to(descriptors);
      ::poll(descriptors.data(), descriptors.size(), 1000);
      process.go_on(descriptors);
    }
  } catch (const std::exception&) {
    // There is nothing more to be done about it.
  }
}

bool Runner::wait(std::vector<pollfd>& descriptors, Deadline deadline) const {
  descriptors.push_back({.fd = signals_.get(), .events = POLLIN, .revents = 0});
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    const int ready = ::poll(descriptors.data(), descriptors.size(), static_cast<int>(std::max<int64_t>(left, 0)));
    if (ready < 0 && errno != EINTR) throw base::system_error("cannot wait for", "a command");
    signalfd_siginfo signal{};
    if (::read(signals_.get(), &signal, sizeof signal) == static_cast<ssize_t>(sizeof signal))
      throw Interrupted(static_cast<int>(signal.ssi_signo));
    if (ready > 0) break;
    if (Clock::now() >= deadline) return false;
  }
  descriptors.pop_back();
  return true;
}

void Runner::rest(std::chrono::seconds time) const {
  std::vector<pollfd> nothing;
  wait(nothing, Clock::now() + time);
}

Dialogue::Dialogue(const Runner& runner, const Argv& argv)
    : runner_(runner), deadline_(Clock::now() + Runner::kLimit), program_(base::join(argv, " ")) {
  base::FdPair in = base::make_pipe();
  base::FdPair out = base::make_pipe();
  base::FdPair err = base::make_pipe();
  base::SpawnOptions options{.argv = argv,
                             .descriptors = {{in.first.get(), 0}, {out.second.get(), 1}, {err.second.get(), 2}}};
  options.new_session = true;
  began_us_ = monotonic_us();
  child_ = base::spawn(options);
  in_ = std::move(in.second);
  out_ = std::move(out.first);
  err_ = std::move(err.first);
  for (const base::Fd* end : {&out_, &err_}) base::set_nonblocking(end->get(), true);
}

base::Error Dialogue::failure(const std::string& what) {
  std::string err;
  drain(err_, err);
  return base::Error("'" + program_ + "' " + what + ": " + base::escaped(base::trimmed(err)));
}

void Dialogue::say(const std::string& text) {
  base::write_all(in_.get(), {text.data(), text.size()}, program_);
}

void Dialogue::expect(const std::string& text) {
  while (received_.find(text) == std::string::npos) {
    if (!out_) throw failure("ended its output");
    std::vector<pollfd> descriptors{{.fd = out_.get(), .events = POLLIN, .revents = 0}};
    if (!runner_.wait(descriptors, deadline_)) throw failure("does not answer");
    drain(out_, received_);
  }
}

int64_t Dialogue::finish() {
  const int64_t began = monotonic_us();
  in_.reset();
  std::vector<pollfd> descriptors{{.fd = child_.pidfd(), .events = POLLIN, .revents = 0}};
  if (!runner_.wait(descriptors, deadline_)) throw failure("does not end");
  const int64_t ended = monotonic_us();
  const base::ExitStatus status = child_.wait();
  if (!status.ok()) throw failure(status.text());
  return ended - began;
}

}  // namespace caisson::bench
