// SPDX-License-Identifier: Apache-2.0

// One running QEMU: started in its jail, held by a pidfd, dead with its owner.
//
// Used from the executor's one thread. The QEMU process dies when the *thread* that called start() ends (PDEATHSIG is
// per thread), when kill() is called, and when the Vmm is destroyed; its cgroup is then removed.
#pragma once

#include <sys/types.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <memory>
#include <string>

#include "base/fd.h"
#include "sys/wall.h"
#include "vmm/machine.h"

namespace caisson::vmm {

namespace asio = boost::asio;

struct VmmOptions {
  // Names the cgroup (caisson-CGROUP), for one virtual machine only: what is in a group of that name is killed.
  // Letters, digits, '_', '.', '-'; "" for none.
  std::string cgroup;
  // What QEMU itself may take beyond the guest's memory: its own data, the translated code under TCG, disk caches. The
  // cgroup limits memory to the guest's plus this.
  base::Bytes overhead = base::mebibytes(512);
  // The largest file that it can write: its disk, and its memory where that is kept; 0: no limit.
  base::Bytes largest_file{0};
  // Time that QEMU has to come up to the point where its memory is mapped; past it start() kills it and throws.
  std::chrono::seconds start_timeout{30};
};

class Vmm {
 public:
  // Starts QEMU; blocks until it has been executed inside the jail and has got its memory (20 to 60 ms), or throws
  // base::Error with the failed step, or with QEMU's own words. After a throw nothing is left running.
  // `config` is used up: its descriptors belong to QEMU from here on.
  static std::unique_ptr<Vmm> start(asio::any_io_executor executor, MachineConfig config, VmmOptions options);
  ~Vmm();
  Vmm(const Vmm&) = delete;
  Vmm& operator=(const Vmm&) = delete;

  // Each to be taken once. The link: our end of the virtio port's socket pair. The console: the read end of a pipe with
  // what the guest writes to ttyS0; when nobody reads it the guest's console waits, QEMU does not. QMP: give it to
  // class Qmp.
  base::Fd take_link();
  base::Fd take_console();
  base::Fd take_qmp();

  // Waits for QEMU's end, which it reaps, and says how it was: "QEMU exited with 0", "QEMU was ended by signal 9
  // (Killed)", and for a failure the last lines of what it wrote to its stderr, escaped. May be called again; then it
  // returns at once.
  asio::awaitable<std::string> wait();
  // SIGKILL. Idempotent; wait() then returns.
  void kill();

  pid_t pid() const;
  // The parts of the jail, each with whether it stands.
  const sys::Wall& wall() const;

 private:
  struct State;
  explicit Vmm(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

// Removes the cgroup of that name which a Vmm has left when its owner was killed. Idempotent.
void remove_leftovers(const std::string& cgroup);

}  // namespace caisson::vmm
