// SPDX-License-Identifier: Apache-2.0

// All that init knows: one object, made in main, given to each service. One thread, but for what Workers has.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>
#include <optional>

#include "guest/anchors.h"
#include "guest/cgroups.h"
#include "guest/docker.h"
#include "guest/egress.h"
#include "guest/executions.h"
#include "guest/reaper.h"
#include "guest/rehearsal.h"
#include "guest/trust.h"
#include "guest/workers.h"
#include "guest/workspaces.h"
#include "link/event.h"
#include "link/services.h"
#include "link/session.h"

namespace caisson::guest {

struct Guest {
  explicit Guest(asio::any_io_executor runs_on)
      : executor(runs_on),
        ended(runs_on),
        reaper(runs_on, ended),
        workers(runs_on),
        docker(*this),
        egress(*this),
        workspaces(*this),
        executions(ended),
        rehearsal(*this) {}
  Guest(const Guest&) = delete;

  asio::any_io_executor executor;
  // A process, a command or the Docker Engine has, each told by the one that keeps it.
  link::Event ended;
  Anchors anchors;
  Cgroups cgroups;
  Reaper reaper;
  Workers workers;
  Docker docker;
  Egress egress;
  Workspaces workspaces;
  Executions executions;
  Rehearsal rehearsal;
  Trust trust;
  // What the host said after the last start or thaw; no command runs before.
  std::optional<link::Configure> configuration;
  // The one that is served now.
  std::weak_ptr<link::Session> session;
  // A clone of a template, or the template itself: its identity is not its own until it is configured.
  bool was_frozen = false;
  // PID 1 of a machine of its own: may set its clock, name and entropy, and switch it off.
  bool owns_machine = false;
};

}  // namespace caisson::guest
