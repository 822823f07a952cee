// SPDX-License-Identifier: Apache-2.0

#include "guest/reaper.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "base/error.h"
#include "guest/waiting.h"

namespace caisson::guest {

void Reaper::start() {
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  ::sigprocmask(SIG_BLOCK, &child, nullptr);
  base::Fd signals(::signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals) throw base::system_error("cannot make", "signalfd");
  asio::co_spawn(executor_, run(std::move(signals)), asio::detached);
}

asio::awaitable<void> Reaper::run(base::Fd signals) {
  Descriptor descriptor(executor_, std::move(signals));
  while (true) {
    signalfd_siginfo info[16];
    while (::read(descriptor.get(), info, sizeof info) > 0) {
    }
    collect();
    ended_.notify_all();
    co_await descriptor.readable();
  }
}

bool Reaper::no_children() const {
  siginfo_t info{};
  return ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 && errno == ECHILD;
}

void Reaper::collect() {
  while (true) {
    siginfo_t info{};
    if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG) != 0 || info.si_pid == 0) return;
    if (!statuses_.contains(info.si_pid) && !is_being_born(info.si_pid)) continue;
    base::ExitStatus status;
    (info.si_code == CLD_EXITED ? status.code : status.signal) = info.si_status;
    statuses_[info.si_pid] = status;
  }
}

void Reaper::expect(std::shared_ptr<const Birth> birth) {
  births_.push_back(std::move(birth));
}

void Reaper::settle(const Birth& birth, bool wanted) {
  std::erase_if(births_, [&](const auto& one) { return one.get() == &birth; });
  if (!wanted) {
    forget(birth.pid());
  } else {
    statuses_.try_emplace(birth.pid());  // it may have ended already
  }
}

bool Reaper::is_being_born(pid_t pid) const {
  return std::any_of(births_.begin(), births_.end(), [pid](const auto& birth) { return birth->pid() == pid; });
}

std::optional<base::ExitStatus> Reaper::take(pid_t pid) {
  const auto found = statuses_.find(pid);
  if (found == statuses_.end() || !found->second) return std::nullopt;
  const base::ExitStatus status = *found->second;
  statuses_.erase(found);
  return status;
}

asio::awaitable<base::ExitStatus> Reaper::wait(pid_t pid, const base::Fd& pidfd) {
  Descriptor descriptor(executor_, pidfd.duplicate());
  while (true) {
    collect();
    if (const auto status = take(pid)) co_return *status;
    co_await descriptor.readable();
  }
}

}  // namespace caisson::guest
