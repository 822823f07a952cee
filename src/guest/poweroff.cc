// SPDX-License-Identifier: Apache-2.0

#include "guest/poweroff.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <signal.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "base/error.h"
#include "link/wait_until.h"

namespace caisson::guest {
namespace {

using namespace std::chrono_literals;

using Clock = std::chrono::steady_clock;

// Of the few seconds that the host gives a machine beyond what its processes have (keeper/life.h).
constexpr auto kKilledEnd = 1s;

// The line "SigIgn:\t" of proc_pid_status(5): a bit for each signal, the first for number 1.
bool ignores(const Anchors& anchors, pid_t pid, int number) {
  constexpr std::string_view kLine = "\nSigIgn:\t";
  const std::string status = read_small(anchors.proc, (std::to_string(pid) + "/status").c_str());
  const size_t at = status.find(kLine);
  if (at == std::string::npos) return false;
  const uint64_t ignored = std::strtoull(status.c_str() + at + kLine.size(), nullptr, 16);
  return (ignored >> (number - 1) & 1) != 0;
}

// SIGTERM to the commands and all that they started.
void ask_commands_to_end(const Guest& guest) {
  for (const pid_t pid : guest.cgroups.commands()) ::kill(pid, SIGTERM);
  guest.executions.signal_all(SIGTERM);
  // A shell that somebody types at ignores that; what ends it is that its terminal goes away.
  for (const pid_t pid : guest.executions.on_terminals()) {
    if (ignores(guest.anchors, pid, SIGTERM)) ::kill(pid, SIGHUP);
  }
}

// What was written until now outlives a host that does not wait for the rest. Of the disk alone: sync(2) would also
// wait for a workspace, whose answers come through this thread.
void write_out(const Guest& guest) {
  if (guest.anchors.disk) ::syncfs(guest.anchors.disk.get());
}

// fspick(2) by descriptor: the disk is mounted where no path from here leads. Fails while files are open for writing,
// and then the journal is replayed at the next boot.
void close_disk(const base::Fd& disk) {
  const base::Fd context(static_cast<int>(::syscall(SYS_fspick, disk.get(), "", FSPICK_EMPTY_PATH | FSPICK_CLOEXEC)));
  if (!context) return;
  ::syscall(SYS_fsconfig, context.get(), FSCONFIG_SET_FLAG, "ro", nullptr, 0);
  ::syscall(SYS_fsconfig, context.get(), FSCONFIG_CMD_RECONFIGURE, nullptr, nullptr, 0);
}

// On a thread: what is to be written to a workspace goes through init's own.
asio::awaitable<void> sync_all(Guest& guest) {
  Work work;
  work.doing = "cannot sync";
  work.run = [] { ::sync(); };
  try {
    co_await guest.workers.run(std::move(work));
  } catch (const base::Error& error) {
    std::fprintf(stderr, "caisson-init: %s\n", error.what());
  }
}

// Until `done`, or the time is over: that is told where `caisson logs --console` shows it.
template <typename Done>
asio::awaitable<void> wait_for_end(Guest& guest, const char* of_what, Clock::time_point deadline, Done done) {
  if (done()) co_return;
  co_await link::wait_until(guest.executor, guest.ended, std::move(done), deadline);
  // Also when it has by now: nobody said so.
  if (Clock::now() >= deadline) std::fprintf(stderr, "caisson-init: %s did not end in time\n", of_what);
}

// They have until then.
asio::awaitable<void> ask_to_end(Guest& guest, Clock::time_point deadline) {
  ask_commands_to_end(guest);
  guest.docker.stop();
  write_out(guest);
  auto engine_gone = [&] { return !guest.docker.running(); };
  co_await wait_for_end(guest, "the Docker Engine", deadline, engine_gone);
  auto commands_gone = [&] { return guest.cgroups.commands().empty() && guest.executions.empty(); };
  co_await wait_for_end(guest, "a command", deadline, commands_gone);
}

}  // namespace

asio::awaitable<void> end_commands(Guest& guest, std::chrono::seconds until_kill) {
  const Clock::time_point deadline = Clock::now() + until_kill;
  if (until_kill.count() > 0) co_await ask_to_end(guest, deadline);
  guest.docker.stop();  // so that it is not started again
  guest.executions.signal_all(SIGKILL);
  if (::getpid() == 1) {
    ::kill(-1, SIGKILL);
    const Clock::time_point killed_by = Clock::now() + kKilledEnd;
    auto none_left = [&] { return guest.reaper.no_children(); };
    co_await wait_for_end(guest, "a killed process", killed_by, none_left);
  }
}

asio::awaitable<void> power_off(Guest& guest, std::chrono::seconds until_kill) {
  co_await end_commands(guest, until_kill);
  if (!guest.owns_machine) ::_exit(0);
  co_await sync_all(guest);
  if (guest.anchors.disk) close_disk(guest.anchors.disk);
  ::reboot(RB_POWER_OFF);
  ::reboot(RB_AUTOBOOT);  // where the machine has no power switch; the VMM ends at a reboot
}

}  // namespace caisson::guest
