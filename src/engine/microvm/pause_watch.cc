// SPDX-License-Identifier: Apache-2.0

#include "engine/microvm/pause_watch.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>

#include "base/bytes.h"
#include "base/disk_space.h"
#include "base/error.h"
#include "base/text.h"
#include "vmm/qmp.h"

namespace caisson::engine::microvm {
namespace {

// So that it does not stop again at its next write.
constexpr base::Bytes kRoom = base::kSpareSpace;
constexpr auto kFailed = vmm::QmpEvent::kBlockIoError;
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

asio::awaitable<void> pass_time(StatePtr state) {
  boost::system::error_code ignored;
  auto token = asio::redirect_error(asio::use_awaitable, ignored);
  state->timer.expires_after(kLookAgain);
  co_await state->timer.async_wait(token);
}

asio::awaitable<bool> runs(StatePtr state) {
  const std::string command = "query-status";
  base::Json nothing = base::Json::object();
  const base::Json status = co_await state->monitor->execute(command, std::move(nothing));
  co_return status.is_object() && status.value("status", std::string()) == "running";
}

// From the stop until the machine runs. Each request that was in flight has failed with an event of its own, all of
// them before the answer to "cont": they are of this one stop. What fails again right after it is the same pause going
// on, and is left some time, since there can be room for us and none for QEMU (a quota).
asio::awaitable<void> let_it_run(StatePtr state) {
  while (true) {
    while (!state->over && base::free_space(state->folder) < kRoom) co_await pass_time(state);
    if (state->over) co_return;
    const std::string command = "cont";
    base::Json nothing = base::Json::object();
    co_await state->monitor->execute(command, std::move(nothing));
    if (state->over) co_return;
    state->monitor->forget_events(kFailed);
    const bool running = co_await runs(state);
    if (state->over || running) co_return;
    co_await pass_time(state);
  }
}

// Until QEMU has ended, which the instance sees by itself.
asio::awaitable<void> watch(StatePtr state) {
  try {
    while (!state->over) {
      const std::string action = co_await state->monitor->wait_event(kFailed);
      if (state->over || action != "stop") continue;
      state->changed("the host's disk with " + base::in_quotes(state->folder) + " is full");
      co_await let_it_run(state);
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
