// SPDX-License-Identifier: Apache-2.0

// Starting a process without waiting for it on init's own thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "guest/guest.h"
#include "guest/spawn.h"
#include "guest/workers.h"

namespace caisson::guest {

template <typename Made>
struct Started {
  Spawned process;
  Made made;
};

struct Start {
  std::string doing;     // "cannot start 'x'"
  bool patient = false;  // see Work
};

// `make` does on a thread what has to be done before, and ends with spawn(); what it returns is kept for the caller.
// Its status is the reaper's to give. Throws what `make` throws, and base::Error when the child did not get to run in
// time: it is killed then.
template <typename Made>
asio::awaitable<Started<Made>> start_process(Guest& guest, Start start, std::function<Made(Birth&)> make) {
  const auto birth = std::make_shared<Birth>();
  const auto made = std::make_shared<std::optional<Made>>();
  Work work;
  work.doing = std::move(start.doing);
  work.patient = start.patient;
  work.run = [birth, made, make = std::move(make)] { made->emplace(make(*birth)); };
  work.give_up = [birth] { birth->kill(); };
  work.finished = [&guest, birth](bool wanted) {
    if (!wanted) birth->kill();
    guest.reaper.settle(*birth, wanted);
  };
  guest.reaper.expect(birth);
  co_await guest.workers.run(std::move(work));
  Started<Made> started{.process = birth->take(), .made = std::move(**made)};
  co_return started;
}

}  // namespace caisson::guest
