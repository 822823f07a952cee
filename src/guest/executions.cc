// SPDX-License-Identifier: Apache-2.0

#include "guest/executions.h"

#include <signal.h>

#include "base/error.h"
#include "guest/pty.h"

namespace caisson::guest {
namespace {

bool is_key(int number) {
  return number == SIGINT || number == SIGQUIT || number == SIGTSTP;
}

}  // namespace

void Execution::signal(int number) const {
  if (ended) return;
  const pid_t foreground = terminal ? foreground_group(terminal) : 0;
  if (foreground > 0 && foreground != pid) {
    ::kill(-foreground, number);
    if (is_key(number)) return;
  }
  ::kill(-pid, number);
}

Execution& Executions::at(uint64_t id) const {
  const auto found = running_.find(id);
  if (found == running_.end()) throw base::Error("no command with the number " + std::to_string(id) + " runs");
  return *found->second;
}

void Executions::signal_all(int number) const {
  for (const auto& [id, execution] : running_) execution->signal(number);
}

std::vector<pid_t> Executions::on_terminals() const {
  std::vector<pid_t> leaders;
  for (const auto& [id, execution] : running_) {
    if (execution->terminal && !execution->ended) leaders.push_back(execution->pid);
  }
  return leaders;
}

}  // namespace caisson::guest
