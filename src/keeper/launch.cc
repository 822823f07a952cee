// SPDX-License-Identifier: Apache-2.0

#include "keeper/launch.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>

#include "base/error.h"
#include "base/install.h"
#include "base/process.h"
#include "base/text.h"
#include "gate/proxy.h"

namespace caisson::keeper {
namespace {

// The child's numbers.
constexpr int kApiFd = 3;
constexpr int kLockFd = 4;

// A keeper lives long and needs little: nothing else of the user's environment, where secrets are, stays with it.
std::vector<std::string> keeper_environment() {
  std::vector<std::string> kept;
  for (const char* name : {"HOME", "PATH", "TMPDIR", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "XDG_DATA_HOME",
                           "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"}) {
    if (const char* value = std::getenv(name)) kept.push_back(std::string(name) + "=" + value);
  }
  // For the gate's connections; a password may be in them.
  for (const char* name : gate::Proxies::variables()) {
    if (const char* value = std::getenv(name)) kept.push_back(std::string(name) + "=" + value);
  }
  if (kept.empty()) kept.emplace_back("PATH=/usr/bin:/bin");
  return kept;
}

std::string command_line_of(int64_t pid) {
  return base::read_file_if_exists("/proc/" + std::to_string(pid) + "/cmdline").value_or("");
}

void wait_for_end(int pidfd) {
  pollfd waiting{.fd = pidfd, .events = POLLIN, .revents = 0};
  while (::poll(&waiting, 1, -1) < 0 && errno == EINTR) {
  }
}

base::Fd launch(const LaunchOptions& options) {
  const std::string& folder = options.claim.folder;
  base::FdPair api = base::make_socketpair();
  const base::Fd log = base::open_file(folder + "/keeper.log", O_WRONLY | O_CREAT | O_TRUNC | O_APPEND);
  base::SpawnOptions spawn;
  spawn.argv = {base::own_executable(), "keeper", "--folder", folder, "--api-fd", std::to_string(kApiFd), "--lock-fd",
                std::to_string(kLockFd)};
  if (options.wait_for_attach) spawn.argv.emplace_back("--wait-for-attach");
  if (options.end_with_client) spawn.argv.emplace_back("--end-with-client");
  if (options.stays) spawn.argv.emplace_back("--stays");
  spawn.environment = keeper_environment();
  spawn.descriptors = {{api.second.get(), kApiFd}, {options.claim.lock.fd(), kLockFd}, {log.get(), 2}};
  spawn.folder = "/";
  spawn.new_session = true;
  spawn.die_with_parent = false;
  base::spawn(spawn).release();
  return std::move(api.first);
}

}  // namespace

base::Fd launch_keeper(LaunchOptions options) {
  const std::string folder = options.claim.folder;
  try {
    const LaunchOptions claimed = std::move(options);
    return launch(claimed);
  } catch (const base::Error&) {
    discard_unstarted(folder);  // the lock is given back by now
    throw;
  }
}

void kill_keeper(const Sandbox& sandbox) {
  const std::string lock_path = sandbox.folder + "/lock";
  const int64_t pid = sandbox.state.keeper_pid;
  if (pid > 0) {
    const base::Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, static_cast<pid_t>(pid), 0)));
    // With the pidfd open the number cannot be given to another process any more: now it can be looked at.
    const std::string expected = std::string("keeper\0--folder\0", 16) + sandbox.folder + '\0';
    if (pidfd && command_line_of(pid).find(expected) != std::string::npos) {
      ::syscall(SYS_pidfd_send_signal, pidfd.get(), SIGKILL, nullptr, 0);
      wait_for_end(pidfd.get());
    }
  }
  if (base::FileLock::is_held(lock_path))
    throw base::Error("cannot end the keeper of " + base::in_quotes(sandbox.name) + ": another process holds its lock",
                      "another caisson command is working on it; try again when it has ended");
}

}  // namespace caisson::keeper
