// SPDX-License-Identifier: Apache-2.0

// The sandbox's own Docker Engine: started when the image has one, watched until it answers, started again when it
// dies.
#pragma once

#include <sys/types.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <memory>
#include <string>

#include "base/fd.h"
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
  // SIGTERM, and no new start. Its end is not waited for.
  void stop();
  // Whether its process runs.
  bool running() const { return pid_ > 0; }

 private:
  asio::awaitable<void> supervise();
  asio::awaitable<void> run_once();
  asio::awaitable<void> watch_readiness();
  void set_state(std::string state);

  Guest& guest_;
  std::string program_;
  std::string state_ = "absent";
  bool stopping_ = false;
  bool was_ready_ = false;
  pid_t pid_ = -1;
  uint64_t generation_ = 0;  // counts the starts: an old readiness watch must not speak for a new engine
  link::Event changed_;
};

}  // namespace caisson::guest
