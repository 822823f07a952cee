// SPDX-License-Identifier: Apache-2.0

// Starting a command as a user has asked for it: whom it runs as, what it finds, and its streams.
#pragma once

#include <string>
#include <vector>

#include "base/fd.h"
#include "guest/anchors.h"
#include "guest/spawn.h"
#include "link/services.h"

namespace caisson::guest {

// Our ends of a command's streams. With a terminal, `input` and `output` are both its master.
struct Streams {
  base::Fd input;  // empty: /dev/null
  base::Fd output;
  base::Fd error;  // empty with a terminal
};

// What a thread needs to start a command; nothing of it changes meanwhile.
struct CommandOrder {
  const Anchors& anchors;
  int cgroup;
  std::vector<std::string> environment;  // the sandbox's
  link::ExecRequest request;
  int program = -1;  // a descriptor to execute in place of what argv names
};

// On a thread (guest/workers.h): /etc may be a file system that does not answer. Throws SpawnError, and base::Error
// where there is no such user.
Streams start_command(const CommandOrder& order, Birth& birth);

}  // namespace caisson::guest
