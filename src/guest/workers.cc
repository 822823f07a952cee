// SPDX-License-Identifier: Apache-2.0

#include "guest/workers.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "link/event.h"

namespace caisson::guest {
namespace {

constexpr size_t kThreadsAtFirst = 2;  // the jobs of a start, and its rehearsal
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
  bool settled() const { return state != JobState::kUnderWay; }

  Work work;
  std::exception_ptr error;  // the thread's, until it is done
  JobState state = JobState::kUnderWay;
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
  for (size_t i = 0; i < kThreadsAtFirst; ++i) start_thread();
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
  limits_.start_thread([shared = shared_] { serve(shared); });
  ++threads_;
}

bool Workers::has_free_thread() {
  if (running_.size() < threads_) return true;
  if (threads_ >= limits_.threads) return false;
  try {
    start_thread();
    return true;
  } catch (const std::system_error&) {
    return false;  // no more processes are to be had: those that there are will do
  }
}

asio::awaitable<void> Workers::run(Work work) {
  const auto job = std::make_shared<Job>(executor_, std::move(work));
  job->due = std::chrono::steady_clock::now() + limits_.time;
  waiting_.push_back(job);
  assign();
  while (!job->settled()) co_await job->changed.wait();
  if (job->state == JobState::kRefused)
    throw base::Error(job->work.doing + ": " + std::to_string(threads_) + " starts before it still hang", kWhy);
  if (job->state == JobState::kLate) {
    const auto limit = std::chrono::duration_cast<std::chrono::seconds>(limits_.time);
    throw base::Error(job->work.doing + ": it did not get to run within " + std::to_string(limit.count()) + " s", kWhy);
  }
  if (job->error) std::rethrow_exception(job->error);
}

void Workers::assign() {
  while (!waiting_.empty() && has_free_thread()) {
    const JobPtr job = waiting_.front();
    waiting_.pop_front();
    job->due = std::chrono::steady_clock::now() + limits_.time;
    running_.push_back(job);
    const std::lock_guard lock(shared_->mutex);
    shared_->given.push_back(job);
    shared_->changed.notify_one();
  }
  // No thread is free then, nor to be had.
  if (!waiting_.empty() && all_overdue()) {
    for (const JobPtr& job : std::exchange(waiting_, {})) turn_away(job, JobState::kRefused);
  }
  watch();
}

void Workers::turn_away(const JobPtr& job, JobState state) {
  job->state = state;
  if (job->work.finished) job->work.finished(false);
  job->changed.notify_all();
}

void Workers::finish(const JobPtr& job) {
  running_.erase(std::find(running_.begin(), running_.end(), job));
  const bool wanted = !job->settled() && !job->error;
  if (job->work.finished) job->work.finished(wanted);
  if (!job->settled()) {
    job->state = JobState::kDone;
    job->changed.notify_all();
  }
  assign();
}

void Workers::watch() {
  if (watching_ || (running_.empty() && waiting_.empty())) return;
  watching_ = true;
  auto first = std::chrono::steady_clock::time_point::max();
  for (const JobPtr& job : running_) first = std::min(first, job->due);
  for (const JobPtr& job : waiting_) first = std::min(first, job->due);
  timer_.expires_at(first);
  timer_.async_wait([this](boost::system::error_code gone) {
    if (gone) return;
    look();
    watching_ = false;
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
    job->state = JobState::kLate;
    job->changed.notify_all();
  }
  assign();  // a thread may be to be had again
  for (const JobPtr& job : std::exchange(waiting_, {})) {
    if (job->due > now) {
      waiting_.push_back(job);
    } else if (job->work.patient) {
      job->due = now + limits_.time;
      waiting_.push_back(job);
    } else {
      turn_away(job, JobState::kLate);
    }
  }
}

bool Workers::all_overdue() const {
  return std::all_of(running_.begin(), running_.end(), [](const JobPtr& job) { return job->overdue; });
}

}  // namespace caisson::guest
