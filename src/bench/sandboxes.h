// SPDX-License-Identifier: Apache-2.0

// The `caisson` commands that are measured, and what they say of a sandbox.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "bench/runner.h"

namespace caisson::bench {

// What is needed of `caisson inspect`.
struct Inspection {
  std::string accelerator;
  int64_t keeper_pid = 0;
  int64_t engine_pid = 0;
  std::map<std::string, int64_t> stages_us;  // CLOCK_MONOTONIC
};

// From the list that `caisson inspect NAME` prints; throws base::Error.
Inspection parse_inspection(std::string_view text);

// A folder that begins empty, and goes with all that is in it then.
class EmptyFolder {
 public:
  EmptyFolder();
  ~EmptyFolder();
  EmptyFolder(const EmptyFolder&) = delete;
  EmptyFolder& operator=(const EmptyFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

class Caisson {
 public:
  // `program`: the caisson executable; `options`: put behind `run` (for example --image).
  Caisson(const Runner& runner, std::string program, Argv options);

  // With an empty folder as its workspace, in the mode that a user gets unasked: the folder that one happens to stand
  // in is not what is measured.
  Argv run(const Argv& command, const Argv& more = {}) const;
  // With that folder as its workspace.
  Argv run_in(const std::string& workspace, const Argv& command, const Argv& more) const;
  // With no workspace.
  Argv run_bare(const Argv& command) const;
  // One that stays, with a command that does nothing: without a command it would be the image's, which may end.
  Argv run_idle(const std::string& name) const;
  Argv exec(const std::string& name, const Argv& command) const;
  Argv stop(const std::string& name) const;
  // Any other command.
  Argv command(const Argv& words) const;

  Inspection inspect(const std::string& name) const;
  std::string version() const;
  // Ends and removes it, if there is one.
  void remove(const std::string& name) const noexcept;
  // A name that no other run of the benchmark takes: "bench-PID-N".
  std::string new_name() const;

  const Runner& runner() const { return runner_; }

 private:
  Argv run_with(const Argv& command, const Argv& more) const;

  const Runner& runner_;
  std::string program_;
  Argv options_;
  EmptyFolder workspace_;
  mutable int names_ = 0;
};

// A sandbox that idles, and is removed at the end of a scope, however that is left.
class IdleSandbox {
 public:
  explicit IdleSandbox(const Caisson& caisson);
  ~IdleSandbox();
  IdleSandbox(const IdleSandbox&) = delete;
  IdleSandbox& operator=(const IdleSandbox&) = delete;
  const std::string& name() const { return name_; }

 private:
  const Caisson& caisson_;
  std::string name_;
};

}  // namespace caisson::bench
