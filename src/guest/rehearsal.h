// SPDX-License-Identifier: Apache-2.0

// The start of a command that does nothing, once in each clone of a template, while the clone takes its identity: an
// emulated processor translates all code anew in every clone, and a machine has a second processor that is idle then.
// So the user's first command finds the ways of a start translated. (Where the processor is not emulated, it costs a
// millisecond of one that nobody uses yet.) What is executed is caisson-init's own program and nothing of the image's:
// that has to wait for the clone's own identity and randomness.
//
// For init's own thread; throws nothing.
#pragma once

#include <boost/asio/awaitable.hpp>

#include "base/fd.h"

namespace caisson::guest {

struct Guest;
namespace asio = boost::asio;

class Rehearsal {
 public:
  // The argument with which caisson-init does nothing.
  static constexpr const char* kNothing = "nothing";

  explicit Rehearsal(Guest& guest) : guest_(guest) {}

  // In a clone, for the first time: starts it and returns.
  void begin();
  // Ends what still runs of it, and returns when it has gone: it is neither to be seen beside the user's commands nor
  // in their limits. Where it does not end, returns after two seconds, the first time.
  asio::awaitable<void> end();

 private:
  asio::awaitable<void> run();
  asio::awaitable<void> start_and_wait();
  void kill() const;

  Guest& guest_;
  bool begun_ = false;
  bool under_way_ = false;
  bool unwanted_ = false;
  base::Fd process_;
};

}  // namespace caisson::guest
