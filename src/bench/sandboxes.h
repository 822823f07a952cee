// SPDX-License-Identifier: Apache-2.0

// The `caisson` commands that are measured, and what they say of a sandbox.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace caisson::bench {

class Caisson {
 public:
  // `program`: the caisson executable; `options`: put behind `run` (for example --image).
  Caisson(std::string program, std::vector<std::string> options);

  std::vector<std::string> run(const std::vector<std::string>& command,
                               const std::vector<std::string>& more = {}) const;
  std::vector<std::string> exec(const std::string& name, const std::vector<std::string>& command) const;
  std::vector<std::string> stop(const std::string& name) const;

  // Starts a sandbox that idles; the caller removes it.
  void start_idle(const std::string& name) const;
  void remove(const std::string& name) const;

  // From `inspect`: microseconds since the keeper's start, by stage.
  std::map<std::string, double> stages(const std::string& name) const;
  // Process ids of the keeper and of the engine's process.
  std::vector<long> processes(const std::string& name) const;
  std::string accelerator(const std::string& name) const;

 private:
  std::string program_;
  std::vector<std::string> options_;
};

// Removes a sandbox at the end of a scope, however that is left.
class IdleSandbox {
 public:
  IdleSandbox(const Caisson& caisson, std::string name) : caisson_(caisson), name_(std::move(name)) {
    caisson_.start_idle(name_);
  }
  ~IdleSandbox() { caisson_.remove(name_); }
  IdleSandbox(const IdleSandbox&) = delete;
  IdleSandbox& operator=(const IdleSandbox&) = delete;
  const std::string& name() const { return name_; }

 private:
  const Caisson& caisson_;
  std::string name_;
};

}  // namespace caisson::bench
