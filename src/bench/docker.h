// SPDX-License-Identifier: Apache-2.0

// The Docker Engine to compare with: the machine's own where it answers on a local socket, else a private one. The
// private one is started as root in a temporary folder, in network and mount namespaces of its own, so that its bridge,
// its packet filter rules and its mounts go away with it.
#pragma once

#include <memory>
#include <string>

#include "base/process.h"
#include "bench/runner.h"

namespace caisson::bench {

class Docker {
 public:
  // Throws base::Error with the reason where there is no Docker Engine and none can be started.
  explicit Docker(const Runner& runner);
  ~Docker();
  Docker(const Docker&) = delete;
  Docker& operator=(const Docker&) = delete;

  // `docker run --rm` of a command in a minimal image (a static busybox); `more` are options for `run`.
  Argv run(const Argv& command, const Argv& more = {}) const;
  // "20.10.24, overlay2, private"
  const std::string& description() const { return description_; }

 private:
  Argv client(const Argv& arguments) const;
  void start_private();
  void import_image() const;
  std::string describe() const;
  void end() noexcept;

  const Runner& runner_;
  std::string socket_;
  std::string folder_;  // empty: the engine is not ours
  base::Child daemon_;
  std::string description_;
};

}  // namespace caisson::bench
