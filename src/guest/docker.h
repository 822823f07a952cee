// SPDX-License-Identifier: Apache-2.0

// The sandbox's own Docker Engine: started when the image has one, watched until it answers, started again when it
// dies.
//
// Its socket is init's (sd_listen_fds(3)), so that an engine that nobody uses can stand still: in a template it is
// frozen, and it runs on when the first client connects. Two dozen threads that wake up for their timers cost every
// start time under an emulated CPU, and every idle sandbox memory. Who talks to its containerd directly must wake it
// first.
#pragma once

#include <sys/types.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <memory>
#include <string>

#include "base/fd.h"
#include "guest/waiting.h"
#include "link/event.h"

namespace caisson::guest {

namespace asio = boost::asio;

struct Guest;

class Docker {
 public:
  explicit Docker(Guest& guest);
  ~Docker();

  // Begins to supervise, if the image has an engine. Call once.
  void start();
  // "absent", "starting", "ready", "failed: …" (docs of link::Hello).
  const std::string& state() const { return state_; }
  // Until it is not "starting": the state then.
  asio::awaitable<std::string> settled();
  // Freezes a ready engine until somebody connects to its socket. Returns when it stands still; throws
  // base::Error when it does not within a minute.
  asio::awaitable<void> rest();
  // SIGTERM (SIGKILL to one that rests: it has nothing to save), and no new start. Its end is not waited for.
  void stop();
  // Whether its process runs; Guest::ended is notified when it does no more.
  bool running() const { return pid_ > 0; }

 private:
  asio::awaitable<void> supervise();
  asio::awaitable<void> run_once();
  asio::awaitable<void> watch_readiness();
  asio::awaitable<void> wake_on_use(std::shared_ptr<Descriptor> listener);
  void wake();
  void set_state(std::string state);
  void set_ended();

  Guest& guest_;
  std::string program_;
  std::string state_ = "absent";
  bool stopping_ = false;
  bool was_ready_ = false;
  base::Fd listener_;
  std::shared_ptr<Descriptor> resting_;  // the listener, while a frozen engine is to be woken by it
  pid_t pid_ = -1;
  uint64_t generation_ = 0;  // counts the starts: an old readiness watch must not speak for a new engine
  link::Event changed_;
};

}  // namespace caisson::guest
