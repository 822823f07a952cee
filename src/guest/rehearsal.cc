// SPDX-License-Identifier: Apache-2.0

#include "guest/rehearsal.h"

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <chrono>
#include <exception>
#include <memory>

#include "guest/command.h"
#include "guest/guest.h"
#include "guest/start.h"
#include "link/wait_until.h"

namespace caisson::guest {
namespace {

// Of a killed process: a machine in which that does not end is not kept from its command by it.
constexpr std::chrono::seconds kEndLimit{2};

}  // namespace

void Rehearsal::begin() {
  if (begun_ || !guest_.was_frozen) return;
  begun_ = true;
  under_way_ = true;
  asio::co_spawn(guest_.executor, run(), asio::detached);
}

asio::awaitable<void> Rehearsal::end() {
  if (unwanted_ || !under_way_) co_return;
  unwanted_ = true;
  kill();
  auto gone = [this] { return !under_way_; };
  co_await link::wait_until(guest_.executor, guest_.ended, std::move(gone),
                            std::chrono::steady_clock::now() + kEndLimit);
}

void Rehearsal::kill() const {
  if (process_) ::syscall(SYS_pidfd_send_signal, process_.get(), SIGKILL, nullptr, 0);
}

asio::awaitable<void> Rehearsal::run() {
  try {
    co_await start_and_wait();
  } catch (const std::exception&) {
    // What is not rehearsed takes longer.
  }
  process_.reset();
  under_way_ = false;
  guest_.ended.notify_all();
}

asio::awaitable<void> Rehearsal::start_and_wait() {
  link::ExecRequest request;
  request.argv = {"caisson-init", kNothing};
  const auto order = std::make_shared<CommandOrder>(
      CommandOrder{guest_.anchors, guest_.cgroups.exec(), {}, std::move(request), guest_.anchors.executable.get()});
  std::function<Streams(Birth&)> make = [order](Birth& birth) { return start_command(*order, birth); };
  Start what{.doing = "cannot rehearse a start"};
  const Started<Streams> started = co_await start_process(guest_, std::move(what), std::move(make));
  process_ = started.process.pidfd.duplicate();
  if (unwanted_) kill();
  co_await guest_.reaper.wait(started.process.pid, started.process.pidfd);
}

}  // namespace caisson::guest
