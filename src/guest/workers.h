// SPDX-License-Identifier: Apache-2.0

// Threads for what may wait for ever on something that root in the sandbox has in hand: a child that is born into a
// frozen cgroup (vfork(2) suspends the thread that called it), a file system that does not answer. Init's own thread
// goes on meanwhile.
//
// A wait inside the kernel can't be broken off from outside, but for that of a child, which can be killed. So a job
// that is over its time is given up: whoever waited for it gets an error, and its thread is lost until it returns.
// There are only so many threads, and in a machine that is full of processes fewer; when each is lost, nothing more is
// begun. A job that waits for a thread has as much time for that.
//
// The first threads are there from the beginning, and none ends: starting one costs an emulated processor more than the
// job. Everything but Work::run is called on the executor's thread.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/detached_thread.h"

namespace caisson::guest {

namespace asio = boost::asio;

struct Work {
  std::string doing;          // for errors: "cannot start 'x'"
  std::function<void()> run;  // on a thread
  // It is over its time: make it return. Called again each time that it has taken as long again.
  std::function<void()> give_up = {};
  // Once, when `run` has returned or will never be called; with whether somebody gets its result.
  std::function<void(bool wanted)> finished = {};
  // Whoever waits for it goes on waiting when it is over its time.
  bool patient = false;
};

class Workers {
 public:
  struct Limits {
    size_t threads = 16;
    // As long as a start may take in a machine that a fork bomb or a lack of memory slows down.
    std::chrono::milliseconds time{20'000};
    // Throws std::system_error where none is to be had.
    std::function<void(std::function<void()>)> start_thread = base::start_detached;
  };
  explicit Workers(asio::any_io_executor executor) : Workers(executor, Limits()) {}
  Workers(asio::any_io_executor executor, Limits limits);
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  // Returns when `run` has; throws what it throws, and base::Error when it is over its time, or all threads are lost.
  asio::awaitable<void> run(Work work);

 private:
  struct Job;
  enum class JobState { kUnderWay, kDone, kLate, kRefused };
  struct Shared;
  using JobPtr = std::shared_ptr<Job>;

  static void serve(std::shared_ptr<Shared> shared);
  void start_thread();
  bool has_free_thread();
  void assign();
  void turn_away(const JobPtr& job, JobState state);
  void watch();
  void look();
  void finish(const JobPtr& job);
  bool all_overdue() const;

  asio::any_io_executor executor_;
  const Limits limits_;
  std::shared_ptr<Shared> shared_;
  size_t threads_ = 0;
  std::deque<JobPtr> waiting_;
  std::vector<JobPtr> running_;
  // Armed when a job comes and left so when it ends: setting a timer for each would cost each a system call.
  asio::steady_timer timer_;
  bool watching_ = false;
};

}  // namespace caisson::guest
