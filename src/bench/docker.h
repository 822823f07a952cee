// SPDX-License-Identifier: Apache-2.0

// The Docker Engine of the machine, to compare with: the one that runs, or a private one started for the benchmark (as
// root) in a folder of its own and ended with it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/process.h"

namespace caisson::bench {

class Docker {
 public:
  // Nothing where there is no Docker Engine and none can be started; `reason` then says why.
  static std::unique_ptr<Docker> find(std::string& reason);
  ~Docker();

  // `docker run --rm` of a command in a minimal image (a static busybox).
  std::vector<std::string> run_command(const std::vector<std::string>& command) const;
  std::string version() const;

 private:
  Docker() = default;
  std::vector<std::string> client(std::vector<std::string> arguments) const;
  void import_image() const;

  std::string socket_;  // empty: the machine's own engine
  std::string folder_;
  base::Child daemon_;
};

}  // namespace caisson::bench
