// SPDX-License-Identifier: Apache-2.0

// A process of init's that does what may block on a file system that somebody in the sandbox has in hand: it can be
// killed when that does not answer. It is in init's own cgroup, so that it works in a sandbox whose processes are used
// up or frozen.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "guest/guest.h"
#include "guest/spawn.h"
#include "guest/waiting.h"
#include "link/session.h"

namespace caisson::guest {

inline constexpr size_t kHelperChunkBytes = 128U << 10;

struct HelperPlan {
  std::string what;               // for errors: "the copy"
  std::vector<std::string> argv;  // of caisson-init
  bool takes_data = false;        // on its stdin; then its stdout is its word. Else its stdout is both
  base::Fd in = {};               // its stdin where it takes no data; none: /dev/null
};

struct Helper {
  std::string what;
  Spawned process;
  std::shared_ptr<Descriptor> data;  // our end of its stdin or stdout
  std::shared_ptr<Descriptor> word;  // where it says that it can do what was asked
  base::Fd error;

  // By pidfd: the pid of one that has been reaped may be another's.
  void kill() const;
};

// After a failure, or a lost session. Nothing where it was not started.
void end_helper(Guest& guest, const Helper& helper);

asio::awaitable<Helper> start_helper(Guest& guest, HelperPlan plan);

// The first bytes of the helper's word; none where it has ended without one. Throws when it says nothing for too long.
asio::awaitable<size_t> first_word(Guest& guest, const Helper& helper, std::span<uint8_t> into);

// What it said on stderr, once it has ended.
std::string error_of(const Helper& helper);

// {"ok":true}, or what was wrong.
asio::awaitable<void> answer_stream(link::Stream& stream, std::string error);

// The helper's data to the host, of which `buffer` has the first `got` bytes: a FIN says that all of it has come, a
// reset that it has not. Whoever calls kills the helper when the stream breaks.
asio::awaitable<void> relay_out(Guest& guest, link::StreamPtr stream, Helper& helper, std::vector<uint8_t> buffer,
                                size_t got);

}  // namespace caisson::guest
