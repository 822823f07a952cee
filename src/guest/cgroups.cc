// SPDX-License-Identifier: Apache-2.0

#include "guest/cgroups.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "base/error.h"
#include "base/text.h"
#include "guest/anchors.h"

namespace caisson::guest {
namespace {

// Kept from the user's processes, for init and the Docker Engine; at most an eighth of the machine.
constexpr uint64_t kReservedBytes = 96U << 20;

base::Fd make_group(const base::Fd& parent, const char* name) {
  if (::mkdirat(parent.get(), name, 0755) != 0 && errno != EEXIST)
    throw base::system_error("cannot make the cgroup", name);
  return base::open_file(name, O_RDONLY | O_DIRECTORY, 0, parent.get());
}

void set(const base::Fd& group, const char* file, const std::string& value) {
  if (!write_small(group, file, value))
    throw base::system_error("cannot write " + base::in_quotes(value) + " to", file);
}

// What `key` has in a file of "key number" lines.
uint64_t count_of(const base::Fd& file, std::string_view key) {
  char buffer[512];
  const ssize_t got = ::pread(file.get(), buffer, sizeof buffer, 0);
  std::string_view text(buffer, got > 0 ? static_cast<size_t>(got) : 0);
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (line.size() > key.size() && line.starts_with(key) && line[key.size()] == ' ')
      return base::parse_number<uint64_t>(line.substr(key.size() + 1)).value_or(0);
  }
  return 0;
}

uint64_t memory_for_agent() {
  struct sysinfo machine {};
  ::sysinfo(&machine);
  const uint64_t total = uint64_t{machine.totalram} * machine.mem_unit;
  return total - std::min(kReservedBytes, total / 8);
}

}  // namespace

Cgroups Cgroups::make(const char* root_path) {
  const base::Fd root = base::open_file(root_path, O_RDONLY | O_DIRECTORY);
  Cgroups groups;
  set(root, "cgroup.subtree_control", "+cpu +io +memory +pids");
  groups.engine_ = make_group(root, "engine");
  groups.agent_ = make_group(root, "agent");
  set(groups.agent_, "cgroup.subtree_control", "+cpu +io +memory +pids");
  set(groups.agent_, "memory.max", std::to_string(memory_for_agent()));
  groups.exec_ = make_group(groups.agent_, "exec");
  groups.memory_events_ = base::open_file("memory.events", O_RDONLY, 0, groups.agent_.get());
  groups.pids_events_ = base::open_file("pids.events", O_RDONLY, 0, groups.agent_.get());
  groups.exec_pids_events_ = base::open_file("pids.events", O_RDONLY, 0, groups.exec_.get());
  return groups;
}

bool Cgroups::freeze_engine(bool frozen) const {
  return engine_ && write_small(engine_, "cgroup.freeze", frozen ? "1" : "0");
}

bool Cgroups::engine_is_frozen() const {
  return engine_ && read_small(engine_, "cgroup.events").find("frozen 1") != std::string::npos;
}

void Cgroups::kill_engine() const {
  if (engine_) write_small(engine_, "cgroup.kill", "1");
}

void Cgroups::limit_processes(uint64_t most) {
  if (agent_) set(agent_, "pids.max", most == 0 ? "max" : std::to_string(most));
}

Counters Cgroups::counters() const {
  if (!agent_) return {};
  // A refused fork is counted in the group of the process that forked until Linux 6.10, and in the group whose limit it
  // was from 6.11 on.
  return {.oom_kills = count_of(memory_events_, "oom_kill"),
          .pids_refused = count_of(pids_events_, "max") + count_of(exec_pids_events_, "max")};
}

uint64_t Cgroups::processes() const {
  if (!agent_) return 0;
  return base::parse_number<uint64_t>(base::trimmed(read_small(agent_, "pids.current"))).value_or(0);
}

std::vector<pid_t> Cgroups::commands() const {
  std::vector<pid_t> pids;
  if (!exec_) return pids;
  const base::Fd file = open_below(exec_, "cgroup.procs", O_RDONLY);
  if (!file) return pids;
  for (const std::string& line : base::split(base::read_all(file.get(), 16U << 20, "cgroup.procs"), '\n')) {
    if (const auto pid = base::parse_number<pid_t>(line)) pids.push_back(*pid);
  }
  return pids;
}

}  // namespace caisson::guest
