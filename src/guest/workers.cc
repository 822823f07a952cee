// SPDX-License-Identifier: Apache-2.0

#include "guest/workers.h"

#include <signal.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "base/error.h"
#include "base/scope.h"
#include "link/event.h"

namespace caisson::guest {
namespace {

constexpr size_t kThreadsAtOnce = 2;  // the jobs of a start, and its rehearsal
constexpr const char* kWhy = "a cgroup is frozen, a file system does not answer, or the machine is too busy";

}  // namespace

struct Workers::Job {
  Job(const asio::any_io_executor& executor, Work what) : work(std::move(what)), changed(executor) {}

  void perform() {
    try {
      work.run();
    } catch (...) {
      error = std::current_exception();
    }
  }
  // Nobody waits any more.
  bool settled() const { return state != State::kUnderWay; }

  enum class State { kUnderWay, kDone, kLate, kRefused };

  Work work;
  std::exception_ptr error;  // the thread's, until it is done
  State state = State::kUnderWay;
  link::Event changed;
  std::chrono::steady_clock::time_point due;
  bool overdue = false;
};

struct Workers::Shared {
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<JobPtr> given;
  Workers* owner = nullptr;  // none: it has gone
};

Workers::Workers(asio::any_io_executor executor, Limits limits)
    : executor_(executor), limits_(limits), shared_(std::make_shared<Shared>()), timer_(executor) {
  shared_->owner = this;
  for (size_t i = 0; i < kThreadsAtOnce; ++i) start_thread();
}

// Threads that are lost can't be joined.
Workers::~Workers() {
  const std::lock_guard lock(shared_->mutex);
  shared_->owner = nullptr;
  shared_->changed.notify_all();
}

void Workers::serve(std::shared_ptr<Shared> shared) {
  std::unique_lock lock(shared->mutex);
  while (true) {
    shared->changed.wait(lock, [&] { return shared->owner == nullptr || !shared->given.empty(); });
    if (shared->owner == nullptr) return;
    JobPtr job = std::move(shared->given.front());
    shared->given.pop_front();
    lock.unlock();
    job->perform();
    lock.lock();
    Workers* const owner = shared->owner;
    if (owner == nullptr) return;
    // The last reference goes with it: what the job has made is let go on the loop's thread.
    asio::post(owner->executor_, [owner, done = std::move(job)] { owner->finish(done); });
  }
}

void Workers::start_thread() {
  // Signals are the loop's. A child that is born here unblocks them itself.
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  const base::Scope restore([&] { ::pthread_sigmask(SIG_SETMASK, &before, nullptr); });
  std::thread(serve, shared_).detach();
  ++threads_;
}

asio::awaitable<void> Workers::run(Work work) {
  const auto job = std::make_shared<Job>(executor_, std::move(work));
  if (all_lost()) {
    job->state = Job::State::kRefused;
    if (job->work.finished) job->work.finished(false);
  } else {
    waiting_.push_back(job);
    assign();
  }
  while (!job->settled()) co_await job->changed.wait();
  if (job->state == Job::State::kRefused)
    throw base::Error(job->work.doing + ": " + std::to_string(limits_.threads) + " starts before it still hang", kWhy);
  if (job->state == Job::State::kLate) {
    const auto limit = std::chrono::duration_cast<std::chrono::seconds>(limits_.time);
    throw base::Error(job->work.doing + ": it did not get to run within " + std::to_string(limit.count()) + " s", kWhy);
  }
  if (job->error) std::rethrow_exception(job->error);
}

void Workers::assign() {
  while (!waiting_.empty()) {
    if (running_.size() >= threads_) {
      if (threads_ >= limits_.threads) return;
      try {
        start_thread();
      } catch (const std::system_error&) {
        return;  // no more processes are to be had: those that there are will do
      }
    }
    const JobPtr job = waiting_.front();
    waiting_.pop_front();
    job->due = std::chrono::steady_clock::now() + limits_.time;
    running_.push_back(job);
    watch();
    const std::lock_guard lock(shared_->mutex);
    shared_->given.push_back(job);
    shared_->changed.notify_one();
  }
}

void Workers::finish(const JobPtr& job) {
  running_.erase(std::find(running_.begin(), running_.end(), job));
  const bool wanted = !job->settled() && !job->error;
  if (job->work.finished) job->work.finished(wanted);
  if (!job->settled()) {
    job->state = Job::State::kDone;
    job->changed.notify_all();
  }
  assign();
}

void Workers::watch() {
  if (watching_ || running_.empty()) return;
  watching_ = true;
  const auto first = std::min_element(running_.begin(), running_.end(),
                                      [](const JobPtr& one, const JobPtr& other) { return one->due < other->due; });
  timer_.expires_at((*first)->due);
  timer_.async_wait([this](boost::system::error_code gone) {
    if (gone) return;
    watching_ = false;
    look();
    watch();
  });
}

void Workers::look() {
  const auto now = std::chrono::steady_clock::now();
  for (const JobPtr& job : running_) {
    if (job->due > now) continue;
    job->due = now + limits_.time;
    job->overdue = true;
    if (job->work.give_up) job->work.give_up();
    if (job->work.patient || job->settled()) continue;
    job->state = Job::State::kLate;
    job->changed.notify_all();
  }
  if (!all_lost()) return assign();
  for (const JobPtr& job : std::exchange(waiting_, {})) {
    job->state = Job::State::kRefused;
    if (job->work.finished) job->work.finished(false);
    job->changed.notify_all();
  }
}

bool Workers::all_lost() const {
  return running_.size() >= limits_.threads &&
         std::all_of(running_.begin(), running_.end(), [](const JobPtr& job) { return job->overdue; });
}

}  // namespace caisson::guest
