// SPDX-License-Identifier: Apache-2.0

// Locks of the guest's processes, as locks on the host's files: so they hold against the host's processes too.
//
// A flock(2) belongs to an open file on both sides: it is taken on the handle's descriptor. A record lock (fcntl(2))
// belongs to a process in the guest; here each (file, owner) gets a descriptor of its own, with "open file description"
// locks, which meet other processes' record locks of either kind.
//
// Who has to wait does so in a thread of its own, of which there are few; an INTERRUPT ends it by a signal.
#pragma once

#include <condition_variable>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

#include "share/handles.h"
#include "share/message.h"

namespace caisson::share {

class Locks {
 public:
  struct Limits {
    size_t waiters;
    size_t owners;  // descriptors
  };
  explicit Locks(Limits limits) : limits_(limits) {}
  ~Locks();
  Locks(const Locks&) = delete;
  Locks& operator=(const Locks&) = delete;

  // What a lock is taken on, kept open meanwhile.
  using Target = std::shared_ptr<base::Fd>;
  // The descriptor of an owner's record locks on a node, or null where there is none yet.
  Target find(uint64_t node, uint64_t owner);
  // Keeps it; false where there are too many.
  bool keep(uint64_t node, uint64_t owner, const Target& target);
  // All record locks of the owner on the node.
  void release(uint64_t node, uint64_t owner);

  // Runs `wait`, which blocks in one system call and returns an errno, in a thread; `done` gets the errno, EINTR after
  // an interruption. False where too many wait.
  bool wait(uint64_t unique, std::function<int()> wait, std::function<void(int)> done);
  // Ends the wait of that request, also if it only comes after this.
  void interrupt(uint64_t unique);
  // Ends all. No wait begins from then on.
  void stop();

 private:
  struct Waiter {
    uint64_t unique = 0;
    std::thread thread = {};
    bool done = false;
    bool interrupted = false;
  };
  void run(Waiter& waiter, const std::function<int()>& wait, const std::function<void(int)>& done);
  void end(std::unique_lock<std::mutex>& lock, Waiter& waiter);
  void join_done(std::unique_lock<std::mutex>& lock);

  Limits limits_;
  std::mutex mutex_;
  std::condition_variable ended_;
  std::map<std::pair<uint64_t, uint64_t>, Target> owners_;
  std::list<Waiter> waiters_;
  std::list<uint64_t> early_;  // interrupted before they began to wait
  bool stopping_ = false;
};

// Has the signal by which waits are ended interrupt them, and nothing else.
void prepare_interruptions();

}  // namespace caisson::share
