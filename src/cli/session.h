// SPDX-License-Identifier: Apache-2.0

// A connection that became a command's stream, from its upgrade to the exit code: what `run`, `exec` and `attach`
// share.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cli/stream.h"
#include "keeper/client.h"
#include "spec/sandbox_spec.h"

namespace caisson::cli {

// Signals and resizes by further connections to the sandbox's keeper.
class KeeperControl final : public CommandControl {
 public:
  // `id`: "main", or "" until started() tells it.
  KeeperControl(std::string sandbox, std::string id) : sandbox_(std::move(sandbox)), id_(std::move(id)) {}

  // "" before it has started.
  const std::string& id() const { return id_; }

  void started(const link::ExecStarted& started) override;
  void signal(int number) override;
  void resize(TerminalSize size) override;
  void answer(uint64_t question, const std::string& answer) override;

 private:
  void post(const char* what, const base::Json& body);

  std::string sandbox_;
  std::string id_;
};

struct SessionOptions {
  std::string sandbox;
  std::string id;  // "main", or "" for a new command
  bool send_input = false;
  bool tty = false;
  TerminalSize size;
  int output = 1;          // where its stdout goes
  bool may_leave = true;   // by ctrl-p ctrl-q
  bool read_keys = false;  // for them, although no input is sent
  // Of questions_of(), where the terminal is asked about the network.
  std::shared_ptr<keeper::Upgraded> questions = {};
  std::vector<spec::Workspace> workspaces = {};
};

// Within this a keeper answers who asks for a command's stream: it waits for nobody then, the guest neither.
inline constexpr std::chrono::seconds kStreamWithin{30};

// Of a sandbox's main command.
SessionOptions main_session(const spec::SandboxSpec& spec);

// The questions about the network of a sandbox that is configured. To be had before its command begins: a connection
// that nobody can be asked about is refused.
std::shared_ptr<keeper::Upgraded> questions_of(const std::string& sandbox);

// Runs the stream to its end, prints what there is to say, and returns the exit code. On the detach keys the keeper is
// told that the sandbox, or the new command, goes on.
int run_session(keeper::Upgraded upgraded, const SessionOptions& options);

// What a new command with a terminal is started with.
TerminalSize own_terminal_size();

}  // namespace caisson::cli
