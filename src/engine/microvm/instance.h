// SPDX-License-Identifier: Apache-2.0

// A running microVM as the keeper sees it.
#pragma once

#include <memory>
#include <string>

#include "engine/engine.h"
#include "vmm/process.h"

namespace caisson::engine::microvm {

// Takes over a started VMM; its console goes to a bounded file at `console_path`. `template_key`: what it was thawed
// from,
// "" for one that boots. A template whose device state QEMU does not take is removed, so that the next run makes it
// again.
std::unique_ptr<Instance> make_instance(asio::any_io_executor executor, std::unique_ptr<vmm::Vmm> vmm,
                                        vmm::Accelerator accelerator, const std::string& template_key,
                                        const std::string& console_path);

}  // namespace caisson::engine::microvm
