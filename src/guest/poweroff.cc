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

#include "base/error.h"
#include "link/wait_until.h"

namespace caisson::guest {
namespace {

using namespace std::chrono_literals;

// In all less than the ten seconds after which the host switches the machine off, by default.
constexpr auto kEngineStops = 6s;  // its containers have five (--shutdown-timeout)
constexpr auto kCommandsEnd = 1s;

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
asio::awaitable<void> wait_for_end(Guest& guest, const char* of_what, std::chrono::seconds longest, Done done) {
  const auto deadline = std::chrono::steady_clock::now() + longest;
  co_await link::wait_until(guest.executor, guest.ended, std::move(done), deadline);
  // Also when it has by now: nobody said so.
  if (std::chrono::steady_clock::now() >= deadline)
    std::fprintf(stderr, "caisson-init: %s did not end within %d s\n", of_what, static_cast<int>(longest.count()));
}

asio::awaitable<void> ask_to_end(Guest& guest) {
  for (const pid_t pid : guest.cgroups.commands()) ::kill(pid, SIGTERM);
  guest.executions.signal_all(SIGTERM);
  guest.docker.stop();
  write_out(guest);
  auto engine_gone = [&] { return !guest.docker.running(); };
  co_await wait_for_end(guest, "the Docker Engine", kEngineStops, engine_gone);
  auto commands_gone = [&] { return guest.cgroups.commands().empty() && guest.executions.empty(); };
  co_await wait_for_end(guest, "a command", kCommandsEnd, commands_gone);
}

}  // namespace

asio::awaitable<void> end_commands(Guest& guest, End how) {
  if (how == End::kInOrder) co_await ask_to_end(guest);
  guest.docker.stop();  // so that it is not started again
  guest.executions.signal_all(SIGKILL);
  if (::getpid() == 1) {
    ::kill(-1, SIGKILL);
    auto none_left = [&] { return guest.reaper.no_children(); };
    co_await wait_for_end(guest, "a killed process", kCommandsEnd, none_left);
  }
}

asio::awaitable<void> power_off(Guest& guest) {
  co_await end_commands(guest, End::kInOrder);
  if (!guest.owns_machine) ::_exit(0);
  co_await sync_all(guest);
  if (guest.anchors.disk) close_disk(guest.anchors.disk);
  ::reboot(RB_POWER_OFF);
  ::reboot(RB_AUTOBOOT);  // where the machine has no power switch; the VMM ends at a reboot
}

}  // namespace caisson::guest
