// SPDX-License-Identifier: Apache-2.0

#include "guest/executions.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "link/wait_until.h"

namespace caisson::guest {
namespace {

namespace asio = boost::asio;

// The power-off waits for it: without the word it would sit out its time limit.
TEST(Executions, TellsWhenTheLastOneHasGone) {
  asio::io_context context(1);
  link::Event ended(context.get_executor());
  Executions executions(ended);
  for (const uint64_t id : {executions.next_id(), executions.next_id()}) {
    auto execution = std::make_shared<Execution>();
    execution->id = id;
    executions.add(std::move(execution));
  }
  std::optional<bool> answer;
  auto none_left = [&] { return executions.empty(); };
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::hours(1);
  asio::co_spawn(context, link::wait_until(context.get_executor(), ended, none_left, deadline),
                 [&](const std::exception_ptr&, bool came) { answer = came; });
  executions.remove(1);
  context.poll();
  EXPECT_EQ(answer, std::nullopt);
  executions.remove(2);
  context.poll();
  EXPECT_EQ(answer, true);
}

}  // namespace
}  // namespace caisson::guest
