// SPDX-License-Identifier: Apache-2.0

// caisson-init as the `runc` that the Docker Engine and its builder find first in their PATH: gives a container's
// configuration the gate's authority (container_trust.h), and executes the image's own runc with the same arguments.
//
// It is a convenience and no wall: whoever has the engine may call runc itself. What can't be done to a configuration
// leaves it as it was.
#pragma once

#include <span>
#include <string>

namespace caisson::guest {

// The file that a call of runc(8) reads and that trust is to be added to; "" for none.
struct RuntimeCall {
  enum class Reads { kNothing, kContainer, kProcess };
  Reads reads = Reads::kNothing;
  std::string path;
};
RuntimeCall parse_runtime_call(std::span<char* const> arguments);

// Returns only when the image has no runc: the exit code then, told on stderr.
int run_container_runtime(std::span<char*> arguments);

}  // namespace caisson::guest
