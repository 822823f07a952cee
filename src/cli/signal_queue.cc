// SPDX-License-Identifier: Apache-2.0

#include "cli/signal_queue.h"

#include <sys/signalfd.h>
#include <unistd.h>

#include "base/error.h"

namespace caisson::cli {

SignalQueue::SignalQueue(std::initializer_list<int> numbers) {
  sigset_t set;
  sigemptyset(&set);
  for (int number : numbers) sigaddset(&set, number);
  fd_ = base::Fd(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd_) throw base::system_error("cannot watch", "signals");
  pthread_sigmask(SIG_BLOCK, &set, &mask_before_);
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &ignore, &pipe_before_);
}

SignalQueue::~SignalQueue() {
  sigaction(SIGPIPE, &pipe_before_, nullptr);
  pthread_sigmask(SIG_SETMASK, &mask_before_, nullptr);
}

std::optional<int> SignalQueue::next() {
  signalfd_siginfo info{};
  if (read(fd_.get(), &info, sizeof info) != sizeof info) return std::nullopt;
  return static_cast<int>(info.ssi_signo);
}

}  // namespace caisson::cli
