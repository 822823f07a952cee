// SPDX-License-Identifier: Apache-2.0

// One `caisson exec`: frames pass between its client and the guest, checked both ways.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "keeper/channel.h"
#include "keeper/exit.h"
#include "keeper/notices.h"
#include "link/guest_client.h"

namespace caisson::keeper {

// A command's client, for as long as the command runs.
class ExecClient {
 public:
  virtual ~ExecClient() = default;
  // The command goes on without it: its connection is closed, and what the command writes from now on is dropped.
  virtual void let_go() = 0;
};

struct ExecEnvironment {
  link::GuestClient* guest = nullptr;
  LimitWords limits;
  // What the client is to read on its stderr meanwhile.
  std::shared_ptr<Notices> notices;
  // The link has ended under the command: waits until it is known why, and makes its client's last frame.
  std::function<asio::awaitable<std::vector<uint8_t>>()> last_frame;
  // What the keeper itself has had to do with a command's end.
  std::function<void(KeeperExit& exit)> amend;
  // The command runs, under this number of the guest's.
  std::function<void(uint64_t id, std::weak_ptr<ExecClient> client)> on_start;
  // The command has ended with this code, or could not be started.
  std::function<void(int exit_code)> on_end;
  // The guest broke the rules.
  std::function<void(std::string reason)> on_violation;
};

// Returns when the command has ended, or its client has gone and was not let go (the guest's stream is reset then).
// Never throws.
asio::awaitable<void> serve_exec(ExecEnvironment environment, link::ExecRequest request, ChannelPtr channel);

}  // namespace caisson::keeper
