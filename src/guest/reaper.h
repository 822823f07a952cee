// SPDX-License-Identifier: Apache-2.0

// The ends of processes: init's own children and, since it is PID 1 (or a subreaper), every orphan of the sandbox. Only
// the reaper waits for processes, so that no status is taken by the wrong one.
#pragma once

#include <sys/types.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "base/fd.h"
#include "base/process.h"
#include "guest/spawn.h"
#include "link/event.h"

namespace caisson::guest {

namespace asio = boost::asio;

class Reaper {
 public:
  // `ended` is notified when any process has ended.
  Reaper(asio::any_io_executor executor, link::Event& ended) : executor_(executor), ended_(ended) {}

  // Reaps whatever ends from now on. Blocks SIGCHLD in this thread.
  void start();

  // A child that a thread is about to give birth to: its status is kept from then on.
  void expect(std::shared_ptr<const Birth> birth);
  // The birth is over. The child's status will be asked for, or won't.
  void settle(const Birth& birth, bool wanted);
  // It won't any more: whoever wanted it has gone.
  void forget(pid_t pid) { statuses_.erase(pid); }
  // Reaps all that has ended by now.
  void collect();
  // The status of an expected child that has ended (and forgets it); nothing while it runs.
  std::optional<base::ExitStatus> take(pid_t pid);
  // Waits for the end of an expected child.
  asio::awaitable<base::ExitStatus> wait(pid_t pid, const base::Fd& pidfd);

  bool no_children() const;

 private:
  bool is_being_born(pid_t pid) const;
  asio::awaitable<void> run(base::Fd signals);

  asio::any_io_executor executor_;
  link::Event& ended_;
  std::map<pid_t, std::optional<base::ExitStatus>> statuses_;
  std::vector<std::shared_ptr<const Birth>> births_;
};

}  // namespace caisson::guest
