// SPDX-License-Identifier: Apache-2.0

// A running microVM as the keeper sees it.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "engine/engine.h"
#include "vmm/process.h"

namespace caisson::engine::microvm {

// The template that a VMM was thawed from.
struct ThawedFrom {
  std::string key;
  std::string identity;  // template_identity
};

// Takes over a started VMM; its console goes to a bounded file at `console_path`. `thawed_from`: nothing for one that
// boots. A template whose device state QEMU does not take is removed, so that the next run makes it again; but not one
// that was made again meanwhile, or is being made.
std::unique_ptr<Instance> make_instance(asio::any_io_executor executor, std::unique_ptr<vmm::Vmm> vmm,
                                        vmm::Accelerator accelerator, std::optional<ThawedFrom> thawed_from,
                                        const std::string& console_path);

}  // namespace caisson::engine::microvm
