// SPDX-License-Identifier: Apache-2.0

// A client of QEMU's machine protocol (QMP: docs/interop/qmp-spec of QEMU) over one socket. QEMU runs hostile code's
// devices, so its answers are not trusted either: a line is at most kMaxQmpLineBytes, must be one JSON object, and
// anything unexpected is a base::Error. What is kept beyond a call are the QmpEvents that nobody has waited for yet, of
// each one short word.
//
// Used from the executor's one thread; one execute() at a time. Destroying it ends pending calls with an Error.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <memory>
#include <string>

#include "base/fd.h"
#include "base/json_reader.h"

namespace caisson::vmm {

namespace asio = boost::asio;

// The longest answer to what is asked here has a few hundred bytes.
inline constexpr size_t kMaxQmpLineBytes = 64U << 10;

// The events that are of use; all others are dropped as they come.
enum class QmpEvent {
  kBlockIoError,  // its word is the "action": "ignore", "report", "stop"
  kMigration,     // its word is the "status"
};

class Qmp {
 public:
  // `socket` comes from Vmm::take_qmp(): the negotiation, and what a thaw or freeze needs, was sent ahead on it with
  // the id "ahead"; the answers to that are read by the first call.
  Qmp(asio::any_io_executor executor, base::Fd socket);
  ~Qmp();
  Qmp(const Qmp&) = delete;
  Qmp& operator=(const Qmp&) = delete;

  // Runs a command and returns its "return". An "error" answer (also to what was sent ahead) is thrown as base::Error
  // with QEMU's text; so is the end of QEMU.
  asio::awaitable<base::Json> execute(std::string command, base::Json arguments = base::Json::object());

  // The next event of that kind, also one that came in while a command ran (at most 256 are kept, the oldest are
  // dropped). Returns its word: "" where that is missing or longer than any that QEMU has.
  asio::awaitable<std::string> wait_event(QmpEvent kind);
  // Drops those of that kind that are kept: what they tell of is known to be over.
  void forget_events(QmpEvent kind);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

// Freezes a machine of MemoryKind::kTemplateNew: its RAM file and MachineConfig::device_state are complete and
// consistent when this returns, and QEMU has been told to quit (wait for it before using the files). The machine is
// recorded as running, so that a clone runs on by itself. Throws base::Error when QEMU cannot; the files are then
// worthless.
asio::awaitable<void> freeze(Qmp& qmp);

}  // namespace caisson::vmm
