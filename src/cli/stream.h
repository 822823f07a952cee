// SPDX-License-Identifier: Apache-2.0

// The loop between the user and a command in a sandbox: a poll(2) loop over stdin, the exec-frame connection to the
// keeper (link/message.h), stdout, stderr and signals, for `run`, `exec` and `attach`.
//
//   stdin           → kStdin frames, kStdinEnd at its end; on a terminal the keys ctrl-p ctrl-q leave the command
//   kStdout/kStderr → the descriptors; while one can't take more, nothing is read from the connection (the keeper then
//                     holds the guest back), and everything else goes on
//   SIGWINCH        → CommandControl::resize
//   SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2 → CommandControl::signal. A second SIGINT within two seconds
//                     becomes SIGKILL, a third leaves. Before the command has started, a signal leaves at once.
//   questions       → see asking.h
//   stdout's reader gone → SIGPIPE to the command, as it would get it on this machine; the rest of its output is
//   dropped
#pragma once

#include <cstdint>
#include <string>

#include "cli/terminal.h"
#include "keeper/exit.h"
#include "link/services.h"

namespace caisson::cli {

// The keeper's other requests about the command that the loop serves. A call that fails is no concern of the loop: when
// the command or the keeper has gone, the connection says so.
class CommandControl {
 public:
  virtual ~CommandControl() = default;
  virtual void started(const link::ExecStarted& started) = 0;
  virtual void signal(int number) = 0;
  virtual void resize(TerminalSize size) = 0;
  // To a question about the network: "once", "sandbox" or "deny". What it throws is told to the user.
  virtual void answer(uint64_t question, const std::string& answer) = 0;
};

struct StreamOptions {
  int connection = -1;      // made non-blocking by the loop
  std::string early_bytes;  // what was read from the connection behind the HTTP answer
  int input = 0;
  int output = 1;
  int error = 2;
  bool send_input = false;  // else the command has no stdin from here
  bool tty = false;         // raw mode from the command's start to the loop's end, when `input` is a terminal and sent
  TerminalSize size;        // what the command was started with
  // Where questions about the network come from, -1: there are none. They are asked on `error` and answered on `input`;
  // while one is open, both are taken from the command.
  int questions = -1;
  std::string early_questions;
  bool detach_keys = true;  // ctrl-p ctrl-q leave it, where what is typed is sent
  // Without send_input, too, when `input` and `output` are terminals: what else is typed is dropped.
  bool read_keys = false;
};

struct StreamEnd {
  enum class Kind {
    kExited,    // `result`
    kDetached,  // by the keys: the command goes on
    kLeft,      // by `signal`: before the start, or because the user insisted
    kFailed,    // the command could not be started, or the sandbox was lost: `error`, `hint`, `exit_code`
  };
  Kind kind = Kind::kFailed;
  keeper::KeeperExit result;
  int signal = 0;
  std::string error;
  std::string hint;
  int exit_code = 125;
};

// Blocks until the command's end. Throws base::Error when polling itself fails; what goes wrong on the connection is in
// the result.
StreamEnd run_stream(const StreamOptions& options, CommandControl& control);

}  // namespace caisson::cli
