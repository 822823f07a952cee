// SPDX-License-Identifier: Apache-2.0

// QEMU stops the machine when the host's disk has no room for what the guest writes, rather than tell the guest of a
// broken disk (werror=enospc). This notices it, says so, and lets the machine go on when there is room again.
// Source: QEMU's QMP reference, event BLOCK_IO_ERROR and command cont.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <memory>
#include <string>

#include "base/fd.h"

namespace caisson::engine::microvm {

namespace asio = boost::asio;

class PauseWatch {
 public:
  // `qmp` from Vmm::take_qmp(). `folder` is on the disk that the machine's writes go to. `changed` gets the reason in
  // words, and "" when the machine goes on; never called after the destructor.
  PauseWatch(asio::any_io_executor executor, base::Fd qmp, std::string folder,
             std::function<void(const std::string& why)> changed);
  ~PauseWatch();
  PauseWatch(const PauseWatch&) = delete;
  PauseWatch& operator=(const PauseWatch&) = delete;

  struct State;

 private:
  std::shared_ptr<State> state_;
};

}  // namespace caisson::engine::microvm
