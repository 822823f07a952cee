// SPDX-License-Identifier: Apache-2.0

#include "guest/control.h"

#include <sys/statvfs.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

#include "base/error.h"
#include "base/text.h"
#include "guest/environment.h"
#include "guest/freeze.h"
#include "guest/identity.h"
#include "guest/poweroff.h"
#include "guest/pty.h"
#include "link/message.h"

namespace caisson::guest {
namespace {

using Operation = link::ControlRequest::Operation;

base::Json merged(base::Json answer, const base::Json& with) {
  answer.update(with);
  return answer;
}

base::Json hello(const Guest& guest) {
  utsname system{};
  ::uname(&system);
  link::Hello hello;
  hello.version = CAISSON_VERSION;
  hello.kernel = system.release;
  hello.docker = guest.docker.state();
  return link::to_json(hello);
}

void configure(Guest& guest, link::Configure configuration) {
  if (guest.owns_machine && !take_identity(configuration) && guest.was_frozen)
    throw base::Error("cannot write the sandbox's identity to /etc/hostname, /etc/machine-id and /etc/hosts");
  if (guest.owns_machine) {
    const std::vector<std::string>& trusting = guest.trust.take(configuration);
    configuration.environment = merge_environment({trusting, configuration.environment});
  }
  guest.cgroups.limit_processes(configuration.pids_max);
  guest.configuration = std::move(configuration);
}

// "MemAvailable:   12345 kB"
uint64_t available_memory(const Guest& guest) {
  const std::string text = read_small(guest.anchors.proc, "meminfo");
  const size_t at = text.find("MemAvailable:");
  if (at == std::string::npos) return 0;
  const std::string_view line = std::string_view(text).substr(at + 13);
  const std::string_view number = base::trimmed(line.substr(0, line.find("kB")));
  return base::parse_number<uint64_t>(number).value_or(0) << 10;
}

base::Json stats(const Guest& guest) {
  struct sysinfo machine {};
  ::sysinfo(&machine);
  struct statvfs disk {};
  ::fstatvfs(guest.anchors.root.get(), &disk);
  link::Stats stats;
  stats.memory_total_bytes = uint64_t{machine.totalram} * machine.mem_unit;
  stats.memory_used_bytes = stats.memory_total_bytes - std::min(stats.memory_total_bytes, available_memory(guest));
  stats.processes = guest.cgroups.processes();
  stats.disk_total_bytes = disk.f_blocks * disk.f_frsize;
  stats.disk_used_bytes = (disk.f_blocks - disk.f_bfree) * disk.f_frsize;
  stats.load = static_cast<double>(machine.loads[0]) / (1 << SI_LOAD_SHIFT);
  return link::to_json(stats);
}

void resize(const Guest& guest, const link::ControlRequest& request) {
  const Execution& execution = guest.executions.at(request.exec_id);
  if (!execution.terminal) throw base::Error("the command has no terminal");
  resize_pty(execution.terminal, request.size);
}

// What is answered at once. Throws base::Error for what can't be done.
base::Json perform(Guest& guest, link::ControlRequest request) {
  switch (request.operation) {
    case Operation::kHello:
      return merged(link::ok_answer(), hello(guest));
    case Operation::kConfigure:
      configure(guest, std::move(request.configure));
      return link::ok_answer();
    case Operation::kSignal:
      guest.executions.at(request.exec_id).signal(request.signal);
      return link::ok_answer();
    case Operation::kResize:
      resize(guest, request);
      return link::ok_answer();
    case Operation::kFreeze:
      freeze(guest);
      return link::ok_answer();
    case Operation::kStats:
      return merged(link::ok_answer(), stats(guest));
    case Operation::kWaitDocker:
      return merged(link::ok_answer(), {{"docker", guest.docker.state()}});
    case Operation::kMount:
    case Operation::kEnd:
    case Operation::kPoweroff:
      return link::ok_answer();
  }
  throw base::Error("an operation that is not known");
}

asio::awaitable<base::Json> answer_to(Guest& guest, base::Json message) {
  base::Json answer;
  try {
    link::ControlRequest request = link::from_json<link::ControlRequest>(message);
    if (request.operation == Operation::kWaitDocker) co_await guest.docker.settled();
    if (request.operation == Operation::kFreeze) {
      co_await guest.docker.rest();
      co_await guest.workspaces.make_ready();
    }
    if (request.operation == Operation::kMount) {
      link::Mount what = request.mount;
      co_await guest.workspaces.mount(std::move(what));
    }
    if (request.operation == Operation::kEnd) co_await end_commands(guest, request.until_kill);
    answer = perform(guest, std::move(request));
  } catch (const base::Error& error) {
    answer = link::error_answer(error.what());
  }
  co_return answer;
}

}  // namespace

asio::awaitable<void> serve_control(Guest& guest, link::StreamPtr stream) {
  while (true) {
    const base::Json message = co_await link::read_message(*stream);
    const std::string operation = message.value("op", std::string());
    const base::Json answer = co_await answer_to(guest, message);
    co_await link::write_message(*stream, answer);
    const bool done = answer.value("ok", false);
    // Answered before it begins: the host waits for the machine's end, not for a stream that goes with it.
    if (operation == "poweroff" && done) {
      const auto request = link::from_json<link::ControlRequest>(message);
      co_await power_off(guest, request.until_kill);
    }
    // The frozen machine wakes up with another host: whatever comes from here on belongs to the next session.
    if (operation == "freeze" && done) {
      if (const auto session = guest.session.lock()) session->close();
    }
  }
}

}  // namespace caisson::guest
