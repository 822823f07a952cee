// SPDX-License-Identifier: Apache-2.0

#include "cli/interruption.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.h"
#include "base/install.h"
#include "base/paths.h"
#include "base/process.h"
#include "cli/terminal.h"
#include "image/templates.h"
#include "image/work_folder.h"
#include "sys/cgroup.h"

namespace caisson::cli {
namespace {

sigset_t ending_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    // One that is ignored (nohup(1), a shell's background job) stays so: blocked, it would be kept.
    struct sigaction now {};
    if (::sigaction(number, nullptr, &now) == 0 && now.sa_handler == SIG_IGN) continue;
    sigaddset(&set, number);
  }
  return set;
}

// By another process: this one's children write into the folders until it is dead.
void remove_what_was_begun() {
  std::vector<std::string> begun = image::own_work_folders();
  if (begun.empty()) return;
  for (std::string& group : sys::Cgroup::own()) begun.push_back(std::move(group));
  base::SpawnOptions spawn;
  spawn.argv = {base::own_executable(), "__remove"};
  spawn.argv.insert(spawn.argv.end(), begun.begin(), begun.end());
  spawn.folder = "/";
  spawn.new_session = true;
  spawn.die_with_parent = false;
  try {
    base::spawn(spawn).release();
  } catch (const base::Error&) {
    // The next command sweeps them.
  }
}

[[noreturn]] void end_by(int number) {
  ::signal(number, SIG_DFL);
  sigset_t only;
  sigemptyset(&only);
  sigaddset(&only, number);
  ::pthread_sigmask(SIG_UNBLOCK, &only, nullptr);
  ::raise(number);
  ::_exit(128 + number);
}

}  // namespace

Interruption::Interruption() : over_(::eventfd(0, EFD_CLOEXEC)) {
  const sigset_t set = ending_signals();
  ::pthread_sigmask(SIG_BLOCK, &set, &before_);
  signals_ = base::Fd(::signalfd(-1, &set, SFD_CLOEXEC));
  if (!over_ || !signals_) throw base::system_error("cannot wait for", "signals");
  thread_ = std::thread([this] { wait(); });
}

Interruption::~Interruption() {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(over_.get(), &one, sizeof one);
  thread_.join();
  ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

void Interruption::wait() const {
  pollfd waits[2] = {{.fd = signals_.get(), .events = POLLIN, .revents = 0},
                     {.fd = over_.get(), .events = POLLIN, .revents = 0}};
  while (::poll(waits, 2, -1) < 0 && errno == EINTR) {
  }
  signalfd_siginfo info{};
  if (waits[0].revents == 0 || ::read(signals_.get(), &info, sizeof info) != sizeof info) return;
  // Over the line of the progress, which is not drawn any more.
  fmt::print(stderr, "{}caisson: interrupted; what was begun is removed\n", is_terminal(2) ? "\r\x1b[K" : "");
  remove_what_was_begun();
  end_by(static_cast<int>(info.ssi_signo));
}

int run_remove(const std::vector<std::string>& begun) {
  const std::string cache = base::cache_folder();
  for (const std::string& folder : begun) {
    if (!folder.starts_with('/')) continue;
    image::remove_abandoned(cache, folder);
    const auto lock = image::wait_for_maker(cache, folder);
    if (!lock) continue;
    // What still runs in there ends with its maker, and writes into the draft until then.
    for (const std::string& group : begun) {
      if (!group.starts_with('/')) sys::Cgroup::remove(group);
    }
    image::remove_tree(folder);
  }
  return 0;
}

}  // namespace caisson::cli
