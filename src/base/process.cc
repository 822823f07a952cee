// SPDX-License-Identifier: Apache-2.0

#include "base/process.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "base/error.h"
#include "base/text.h"

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

namespace caisson::base {
namespace {

constexpr size_t kMaxErrBytes = 64U << 10;

// What the child tells its parent through the pipe when a step before exec fails.
struct ChildFailure {
  int errnum;
  char step[32];
};

[[noreturn]] void fail_child(int report, const char* step) {
  ChildFailure failure{.errnum = errno, .step = {}};
  std::strncpy(failure.step, step, sizeof failure.step - 1);
  [[maybe_unused]] const ssize_t ignored = ::write(report, &failure, sizeof failure);
  ::_exit(127);
}

// Everything the child needs, made before the fork: between fork and exec nothing is allocated and nothing throws.
struct Prepared {
  std::string program;
  std::vector<char*> argv;
  std::vector<char*> environment;
  std::vector<std::pair<int, int>> descriptors;
  int highest_target = 2;
  pid_t parent = 0;
};

void move_descriptors(const Prepared& prepared, int report, int null_fd) {
  // Whatever our own parent left open without close-on-exec is not for the child.
  if (::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) != 0) fail_child(report, "close descriptors");
  // First all sources above every target, so that no dup2 destroys a source that is still needed.
  int moved[64];
  const size_t count = prepared.descriptors.size();
  if (count > 64) {
    errno = E2BIG;
    fail_child(report, "descriptors");
  }
  for (size_t i = 0; i < count; ++i) {
    moved[i] = ::fcntl(prepared.descriptors[i].first, F_DUPFD_CLOEXEC, prepared.highest_target + 1);
    if (moved[i] < 0) fail_child(report, "duplicate a descriptor");
  }
  for (int standard = 0; standard <= 2; ++standard) {
    // dup2(2) of a descriptor onto itself would leave it close-on-exec; null_fd is above all targets for that.
    if (::dup2(null_fd, standard) < 0) fail_child(report, "open /dev/null");
  }
  for (size_t i = 0; i < count; ++i) {
    if (::dup2(moved[i], prepared.descriptors[i].second) < 0) fail_child(report, "place a descriptor");
  }
}

[[noreturn]] void run_child(const SpawnOptions& options, const Prepared& prepared, int report, int null_fd) {
  if (options.die_with_parent) {
    if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) fail_child(report, "set the parent-death signal");
    if (::getppid() != prepared.parent) ::_exit(127);
  }
  if (options.new_session && ::setsid() < 0) fail_child(report, "start a session");
  if (!options.folder.empty() && ::chdir(options.folder.c_str()) != 0) fail_child(report, "enter its folder");
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  move_descriptors(prepared, report, null_fd);
  if (options.confine) {
    errno = options.confine();
    if (errno != 0) fail_child(report, "confine itself");
  }
  ::execve(prepared.program.c_str(), prepared.argv.data(), prepared.environment.data());
  fail_child(report, "execute");
}

Prepared prepare(const SpawnOptions& options) {
  if (options.argv.empty()) throw Error("cannot start a program: its command line is empty");
  Prepared prepared;
  prepared.program = options.argv[0];
  if (prepared.program.find('/') == std::string::npos) {
    prepared.program = find_program(options.argv[0]);
    if (prepared.program.empty())
      throw Error("cannot find the program " + in_quotes(options.argv[0]), "install it; `caisson doctor` says how",
                  ENOENT);
  }
  for (const std::string& argument : options.argv) prepared.argv.push_back(const_cast<char*>(argument.c_str()));
  prepared.argv.push_back(nullptr);
  if (options.environment.empty()) {
    for (char** entry = environ; *entry != nullptr; ++entry) prepared.environment.push_back(*entry);
  }
  for (const std::string& entry : options.environment) prepared.environment.push_back(const_cast<char*>(entry.c_str()));
  prepared.environment.push_back(nullptr);
  prepared.descriptors = options.descriptors;
  for (const auto& [source, target] : options.descriptors)
    prepared.highest_target = std::max({prepared.highest_target, source, target});
  prepared.parent = ::getpid();
  return prepared;
}

// Reads from both pipes until both are closed.
void collect(Fd out, Fd err, ProgramResult& result, size_t max_out, const std::string& name) {
  pollfd waits[2] = {{.fd = out.get(), .events = POLLIN, .revents = 0},
                     {.fd = err.get(), .events = POLLIN, .revents = 0}};
  char buffer[65536];
  while (waits[0].fd >= 0 || waits[1].fd >= 0) {
    if (::poll(waits, 2, -1) < 0) {
      if (errno == EINTR) continue;
      throw system_error("cannot wait for", name);
    }
    for (int i = 0; i < 2; ++i) {
      if (waits[i].fd < 0 || waits[i].revents == 0) continue;
      const ssize_t got = ::read(waits[i].fd, buffer, sizeof buffer);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) {
        waits[i].fd = -1;
        continue;
      }
      std::string& target = i == 0 ? result.out : result.err;
      target.append(buffer, static_cast<size_t>(got));
      if (i == 0 && target.size() > max_out)
        throw Error("the program " + in_quotes(name) + " wrote more than " + std::to_string(max_out) + " bytes");
      if (i == 1 && target.size() > kMaxErrBytes) target.erase(0, target.size() - kMaxErrBytes);
    }
  }
}

}  // namespace

std::string ExitStatus::text() const {
  if (signal != 0) return "was ended by signal " + std::to_string(signal) + " (" + ::strsignal(signal) + ")";
  return "exited with " + std::to_string(code);
}

Child& Child::operator=(Child&& other) noexcept {
  if (this != &other) {
    Child old(std::move(*this));
    pid_ = std::exchange(other.pid_, -1);
    pidfd_ = std::move(other.pidfd_);
  }
  return *this;
}

Child::~Child() {
  if (!pidfd_) return;
  signal(SIGKILL);
  siginfo_t info;
  while (::waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(pidfd_.get()), &info, WEXITED) != 0 &&
         errno == EINTR) {
  }
}

void Child::signal(int number) const {
  if (pidfd_) ::syscall(SYS_pidfd_send_signal, pidfd_.get(), number, nullptr, 0);
}

ExitStatus Child::wait() {
  siginfo_t info{};
  while (::waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(pidfd_.get()), &info, WEXITED) != 0) {
    if (errno != EINTR) throw system_error("cannot wait for process", std::to_string(pid_));
  }
  release();
  if (info.si_code == CLD_EXITED) return {.code = info.si_status, .signal = 0};
  return {.code = 0, .signal = info.si_status};
}

void Child::release() {
  pidfd_.reset();
  pid_ = -1;
}

Child spawn(const SpawnOptions& options) {
  const Prepared prepared = prepare(options);
  // What the child uses before exec must not be where a descriptor of the caller is to be placed.
  auto above_targets = [&](Fd fd) {
    Fd moved(::fcntl(fd.get(), F_DUPFD_CLOEXEC, prepared.highest_target + 1));
    if (!moved) throw system_error("cannot start", options.argv[0]);
    return moved;
  };
  const Fd null_fd = above_targets(open_file("/dev/null", O_RDWR));
  FdPair report = make_pipe();
  Fd report_end = above_targets(std::move(report.second));

  const pid_t pid = ::fork();
  if (pid < 0) throw system_error("cannot start", options.argv[0]);
  if (pid == 0) run_child(options, prepared, report_end.get(), null_fd.get());
  Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd) {
    const int errnum = errno;
    ::kill(pid, SIGKILL);
    while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
    }
    throw system_error("cannot start", options.argv[0], errnum);
  }
  Child child(pid, std::move(pidfd));
  report_end.reset();

  ChildFailure failure{};
  ssize_t got;
  do {
    got = ::read(report.first.get(), &failure, sizeof failure);
  } while (got < 0 && errno == EINTR);
  if (got == static_cast<ssize_t>(sizeof failure)) {
    child.wait();
    failure.step[sizeof failure.step - 1] = '\0';
    throw system_error("cannot start (" + std::string(failure.step) + ")", options.argv[0], failure.errnum);
  }
  return child;
}

ProgramResult run_program(const SpawnOptions& options, size_t max_out) {
  FdPair out = make_pipe();
  FdPair err = make_pipe();
  SpawnOptions with_pipes = options;
  with_pipes.descriptors.emplace_back(out.second.get(), 1);
  with_pipes.descriptors.emplace_back(err.second.get(), 2);
  Child child = spawn(with_pipes);
  out.second.reset();
  err.second.reset();
  ProgramResult result;
  collect(std::move(out.first), std::move(err.first), result, max_out, options.argv[0]);
  result.status = child.wait();
  return result;
}

std::string run_checked(const std::vector<std::string>& argv) {
  ProgramResult result = run_program({.argv = argv});
  if (result.status.ok()) return std::move(result.out);
  const std::string_view tail = trimmed(result.err);
  throw Error("'" + escaped(argv[0]) + "' " + result.status.text() + ": " +
              escaped(tail.substr(tail.size() > 400 ? tail.size() - 400 : 0)));
}

std::string find_program(const std::string& name) {
  const char* path = std::getenv("PATH");
  for (const std::string& folder : split(std::string(path ? path : "/usr/bin:/bin") + ":/usr/sbin:/sbin", ':')) {
    if (!folder.starts_with('/')) continue;
    std::string candidate = folder + "/" + name;
    struct stat info {};
    if (::stat(candidate.c_str(), &info) == 0 && S_ISREG(info.st_mode) && ::access(candidate.c_str(), X_OK) == 0)
      return candidate;
  }
  return {};
}

}  // namespace caisson::base
