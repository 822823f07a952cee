// SPDX-License-Identifier: Apache-2.0

#include "keeper/question_stream.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/this_coro.hpp>

#include "base/error.h"
#include "base/scope.h"
#include "keeper/network_policy.h"

namespace caisson::keeper {
namespace {

// Wakes the stream when its client has gone.
asio::awaitable<void> watch([[maybe_unused]] std::shared_ptr<void> alive, gate::Questions& questions,
                            ChannelPtr channel) {
  co_await channel->wait_gone();
  channel->close();
  questions.changed().notify_all();
}

}  // namespace

asio::awaitable<void> stream_questions(std::shared_ptr<void> alive, gate::Questions& questions, ChannelPtr channel) {
  const auto executor = co_await asio::this_coro::executor;
  asio::co_spawn(executor, watch(alive, questions, channel), asio::detached);
  questions.attend();
  const base::Scope left([&questions] { questions.leave(); });
  try {
    while (!channel->closed()) {
      // A client that reads slowly gets what is open when it has read, and nothing in between.
      const uint64_t told = questions.changes();
      const std::string line = base::to_line(to_json(questions.open())) + "\n";
      const std::span<const uint8_t> bytes(reinterpret_cast<const uint8_t*>(line.data()), line.size());
      co_await channel->write(bytes);
      if (questions.closed()) break;
      while (questions.changes() == told && !channel->closed()) co_await questions.changed().wait();
    }
  } catch (const base::Error&) {
    // The client has gone.
  }
  channel->shutdown_write();
}

}  // namespace caisson::keeper
