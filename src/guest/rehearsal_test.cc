// SPDX-License-Identifier: Apache-2.0

#include "guest/rehearsal.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>

#include "base/error.h"
#include "guest/guest.h"

namespace caisson::guest {
namespace {

using namespace std::chrono_literals;

// With a program that does not end by itself in init's place.
class RehearsalTest : public testing::Test {
 protected:
  RehearsalTest() {
    guest_.anchors = open_anchors();
    guest_.anchors.executable = base::open_file("/usr/bin/yes", O_PATH | O_CLOEXEC);
    guest_.was_frozen = true;
    guest_.reaper.start();
  }

  bool runs() const { return !guest_.reaper.no_children(); }
  void begin_and_see() {
    guest_.rehearsal.begin();
    while (!runs()) context_.run_for(1ms);
  }
  void end() {
    bool ended = false;
    asio::co_spawn(context_, guest_.rehearsal.end(), [&](std::exception_ptr error) {
      EXPECT_FALSE(error);
      ended = true;
    });
    while (!ended) context_.run_one();
  }

  asio::io_context context_;
  Guest guest_{context_.get_executor()};
};

TEST_F(RehearsalTest, ItHasGoneWhenItsEndReturns) {
  begin_and_see();
  end();
  EXPECT_FALSE(runs());
}

// Before the process is there.
TEST_F(RehearsalTest, ItsEndWaitsForItsBeginning) {
  guest_.rehearsal.begin();
  end();
  EXPECT_FALSE(runs());
}

TEST_F(RehearsalTest, ThereIsOne) {
  begin_and_see();
  end();
  guest_.rehearsal.begin();
  context_.run_for(50ms);
  EXPECT_FALSE(runs());
}

TEST_F(RehearsalTest, ThereIsNoneInAMachineThatBooted) {
  guest_.was_frozen = false;
  guest_.rehearsal.begin();
  context_.run_for(50ms);
  EXPECT_FALSE(runs());
  end();
}

}  // namespace
}  // namespace caisson::guest
