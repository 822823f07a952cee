// SPDX-License-Identifier: Apache-2.0

#include "engine/microvm/pause_watch.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>

#include "base/bytes.h"
#include "base/error.h"
#include "base/text.h"
#include "engine/microvm/template_failure.h"
#include "vmm/qmp.h"

namespace caisson::engine::microvm {
namespace {

// So that it does not stop again at its next write.
constexpr base::Bytes kRoom = base::mebibytes(64);
// There is no event for room on a disk.
constexpr std::chrono::milliseconds kLookAgain{500};

}  // namespace

struct PauseWatch::State {
  State(asio::any_io_executor executor, base::Fd qmp, std::string on, std::function<void(const std::string&)> tell)
      : monitor(std::make_unique<vmm::Qmp>(executor, std::move(qmp))),
        timer(executor),
        folder(std::move(on)),
        changed(std::move(tell)) {}

  std::unique_ptr<vmm::Qmp> monitor;
  asio::steady_timer timer;
  std::string folder;
  std::function<void(const std::string&)> changed;
  bool over = false;
};

namespace {

using StatePtr = std::shared_ptr<PauseWatch::State>;

asio::awaitable<void> wait_for_room(StatePtr state) {
  boost::system::error_code ignored;
  auto token = asio::redirect_error(asio::use_awaitable, ignored);
  while (!state->over && free_space(state->folder) < kRoom) {
    state->timer.expires_after(kLookAgain);
    co_await state->timer.async_wait(token);
  }
}

// Until QEMU has ended, which the instance sees by itself.
asio::awaitable<void> watch(StatePtr state) {
  try {
    while (!state->over) {
      const base::Json failed = co_await state->monitor->wait_event("BLOCK_IO_ERROR");
      if (state->over || failed.value("action", std::string()) != "stop") continue;
      state->changed("the host's disk with " + base::in_quotes(state->folder) + " is full");
      co_await wait_for_room(state);
      if (state->over) co_return;
      co_await state->monitor->execute("cont");
      if (!state->over) state->changed("");
    }
  } catch (const std::exception&) {
  }
}

}  // namespace

PauseWatch::PauseWatch(asio::any_io_executor executor, base::Fd qmp, std::string folder,
                       std::function<void(const std::string& why)> changed)
    : state_(std::make_shared<State>(executor, std::move(qmp), std::move(folder), std::move(changed))) {
  asio::co_spawn(executor, watch(state_), asio::detached);
}

PauseWatch::~PauseWatch() {
  state_->over = true;
  state_->changed = nullptr;
  state_->timer.cancel();
  state_->monitor.reset();  // ends what waits for it
}

}  // namespace caisson::engine::microvm
