// SPDX-License-Identifier: Apache-2.0

#include "share/locks.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <functional>

namespace caisson::share {
namespace {

constexpr int kInterruption = SIGUSR1;
constexpr size_t kMaxEarly = 64;

}  // namespace

void prepare_interruptions() {
  struct sigaction action {};
  action.sa_handler = [](int) {};
  // Without SA_RESTART: the waiting call is to return.
  ::sigaction(kInterruption, &action, nullptr);
}

Locks::~Locks() {
  stop();
}

Locks::Target Locks::find(uint64_t node, uint64_t owner) {
  const std::lock_guard lock(mutex_);
  const auto at = owners_.find({node, owner});
  return at != owners_.end() ? at->second : nullptr;
}

bool Locks::keep(uint64_t node, uint64_t owner, const Target& target) {
  const std::lock_guard lock(mutex_);
  if (owners_.size() >= limits_.owners) return false;
  owners_.emplace(std::pair(node, owner), target);
  return true;
}

void Locks::release(uint64_t node, uint64_t owner) {
  Target closed;  // behind the lock
  const std::lock_guard lock(mutex_);
  const auto at = owners_.find({node, owner});
  if (at == owners_.end()) return;
  closed = std::move(at->second);
  owners_.erase(at);
}

bool Locks::wait(uint64_t unique, std::function<int()> wait, std::function<void(int)> done) {
  std::unique_lock lock(mutex_);
  join_done(lock);
  if (stopping_ || waiters_.size() >= limits_.waiters) return false;
  Waiter& waiter = waiters_.emplace_back(Waiter{.unique = unique});
  const auto early = std::find(early_.begin(), early_.end(), unique);
  waiter.interrupted = early != early_.end();
  if (waiter.interrupted) early_.erase(early);
  waiter.thread =
      std::thread([this, &waiter, wait = std::move(wait), done = std::move(done)] { run(waiter, wait, done); });
  return true;
}

void Locks::run(Waiter& waiter, const std::function<int()>& wait, const std::function<void(int)>& done) {
  bool interrupted = false;
  {
    const std::lock_guard lock(mutex_);
    interrupted = waiter.interrupted;
  }
  const int errnum = interrupted ? EINTR : wait();
  {
    const std::lock_guard lock(mutex_);
    waiter.done = true;
    ended_.notify_all();
  }
  done(errnum);
}

// A signal that comes just before the call that is to be interrupted is lost: so again and again.
void Locks::end(std::unique_lock<std::mutex>& lock, Waiter& waiter) {
  waiter.interrupted = true;
  while (!waiter.done) {
    ::pthread_kill(waiter.thread.native_handle(), kInterruption);
    ended_.wait_for(lock, std::chrono::milliseconds(5));
  }
}

void Locks::interrupt(uint64_t unique) {
  std::unique_lock lock(mutex_);
  const auto at = std::find_if(waiters_.begin(), waiters_.end(),
                               [&](const Waiter& waiter) { return waiter.unique == unique && !waiter.done; });
  // Joined by nobody meanwhile but stop(), and that comes behind the last request.
  if (at != waiters_.end()) return end(lock, *at);
  early_.push_back(unique);
  if (early_.size() > kMaxEarly) early_.pop_front();
}

void Locks::join_done(std::unique_lock<std::mutex>& lock) {
  for (auto at = waiters_.begin(); at != waiters_.end();) {
    if (!at->done) {
      ++at;
      continue;
    }
    std::thread thread = std::move(at->thread);
    at = waiters_.erase(at);
    // It only has to say so.
    lock.unlock();
    thread.join();
    lock.lock();
    at = waiters_.begin();
  }
}

void Locks::stop() {
  std::unique_lock lock(mutex_);
  stopping_ = true;
  for (Waiter& waiter : waiters_) end(lock, waiter);
  join_done(lock);
}

}  // namespace caisson::share
