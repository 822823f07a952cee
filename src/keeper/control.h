// SPDX-License-Identifier: Apache-2.0

// What the API can ask of a sandbox. Life is the real one; tests and the fuzz target have others.
//
// All are called from the executor's thread. Calls throw base::Error; an ApiFailure says which HTTP status goes with
// it.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "base/error.h"
#include "base/json_reader.h"
#include "keeper/channel.h"
#include "keeper/network_policy.h"
#include "link/change_messages.h"
#include "link/services.h"

namespace caisson::keeper {

class ApiFailure : public base::Error {
 public:
  ApiFailure(unsigned status, const std::string& problem, const std::string& hint = {}, int exit_code = 125)
      : base::Error(problem, hint), status_(status), exit_code_(exit_code) {}
  unsigned status() const noexcept { return status_; }
  int exit_code() const noexcept { return exit_code_; }

 private:
  unsigned status_;
  int exit_code_;
};

// What happens with the connection after the answer 101.
using StreamHandler = std::function<asio::awaitable<void>(ChannelPtr)>;

// A command of the sandbox: the main one, or a number that an exec gave out.
struct CommandId {
  bool main = false;
  uint64_t id = 0;
};

class Control {
 public:
  virtual ~Control() = default;
  virtual base::Json describe() = 0;
  virtual asio::awaitable<void> ready() = 0;
  // Commands can be executed in it. Its main command may still wait for its client.
  virtual asio::awaitable<void> configured() = 0;
  virtual asio::awaitable<base::Json> stats() = 0;
  // `first`: the request came on the connection that the keeper was started with.
  virtual StreamHandler attach(bool first) = 0;
  virtual void detach() = 0;
  virtual StreamHandler exec(link::ExecRequest request) = 0;
  // The request has gone to the guest and was accepted.
  virtual asio::awaitable<StreamHandler> copy(link::CopyRequest request) = 0;
  // The guest's answer is there; then its records (link/change_format.h).
  virtual asio::awaitable<StreamHandler> changes(link::ChangesRequest request) = 0;
  // The commits of a clone are in the sandbox's folder: {"commits", "elsewhere", "uncommitted"} (ChangesState).
  virtual asio::awaitable<base::Json> commits(uint32_t id) = 0;
  // Returns when they are gone.
  virtual asio::awaitable<void> discard(link::DiscardRequest request) = 0;
  virtual asio::awaitable<void> signal(CommandId command, int number) = 0;
  // The command of an exec goes on without its client.
  virtual void let_go(uint64_t exec_id) = 0;
  virtual asio::awaitable<void> resize(CommandId command, link::TtySize size) = 0;
  // {"policy", "refusals"}
  virtual base::Json policy() = 0;
  // In force, and kept, when it returns.
  virtual void change_policy(const PolicyChange& change) = 0;
  // Lines, see network_policy.h, until the sandbox ends.
  virtual StreamHandler questions() = 0;
  virtual void answer_question(const QuestionAnswer& answer) = 0;
  // Returns when the sandbox has ended.
  virtual asio::awaitable<void> stop(std::chrono::seconds timeout) = 0;
};

}  // namespace caisson::keeper
