// SPDX-License-Identifier: Apache-2.0

#include "vmm/jail.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <variant>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "sys/landlock.h"
#include "sys/namespaces.h"
#include "vmm/jail_child.h"
#include "vmm/jail_filter.h"

namespace caisson::vmm {
namespace {

using Clock = std::chrono::steady_clock;

constexpr unsigned long kAllNamespaces =
    CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;
constexpr const char* kOomScore = "500";

// How much of the wall is tried; the minimum is for an ordinary user whom the host forbids namespaces.
enum class Strength { kAll, kMinimum };

constexpr const char* kNamespacesHint =
    "`caisson doctor` says how to allow user namespaces: sysctl user.max_user_namespaces, and a container needs the "
    "privilege to make them";

// Made once for all attempts.
struct Prepared {
  sys::RootPlan root;
  std::vector<std::string> reopened;
  sys::LandlockRules landlock;
  sys::FilterProgram filter;
  base::Fd null_fd;
  sys::OuterIds outer;
};

// An attempt that the host forbade.
struct Forbidden {
  std::string reason;
};

struct Running {
  base::Child child;
  base::Fd socket;
  base::Fd listener;
  JailSteps taken = 0;
};

std::string step_failed(JailStep step, int errnum) {
  return "cannot " + std::string(text_of(step)) + ": " + std::strerror(errnum);
}

// A namespace that the host forbade, or the end of the start.
Forbidden weaken(const JailPlan& plan, JailStep step, int errnum) {
  if (host_forbids(step, errnum) && ::geteuid() != 0) return Forbidden{step_failed(step, errnum)};
  throw base::Error("cannot jail " + base::in_quotes(plan.program) + ": " + step_failed(step, errnum),
                    host_forbids(step, errnum) ? kNamespacesHint : "", errnum);
}

std::vector<char*> pointers_of(const std::vector<std::string>& strings) {
  std::vector<char*> result;
  for (const std::string& text : strings) result.push_back(const_cast<char*>(text.c_str()));
  result.push_back(nullptr);
  return result;
}

JailChild child_for(const JailPlan& plan, const Prepared& prepared, Strength strength, const base::FdPair& sockets) {
  JailChild child;
  child.namespaces = strength == Strength::kAll;
  child.root = &prepared.root;
  child.landlock_ruleset = prepared.landlock.ruleset.get();
  for (const std::string& path : prepared.reopened) child.reopened.push_back(path.c_str());
  child.filter = prepared.filter;
  child.descriptors = plan.descriptors;
  child.largest_file_bytes = plan.largest_file.count;
  for (const auto& [ours, number] : plan.descriptors) child.highest_number = std::max(child.highest_number, number);
  child.null_fd = prepared.null_fd.get();
  child.socket = sockets.second.get();
  child.parent_socket = sockets.first.get();
  child.program = plan.program.c_str();
  child.arguments = pointers_of(plan.arguments);
  child.environment = pointers_of(plan.environment);
  return child;
}

// What the child said: its report and, with a good one, the filter's listener. Nothing when it ended without a word.
std::optional<std::pair<JailReport, base::Fd>> receive_report(int socket) {
  JailReport report{};
  iovec part{.iov_base = &report, .iov_len = sizeof report};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t got = 0;
  do {
    got = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  if (got != static_cast<ssize_t>(sizeof report)) return std::nullopt;
  base::Fd listener;
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header != nullptr && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) {
    int number = -1;
    std::memcpy(&number, CMSG_DATA(header), sizeof number);
    listener.reset(number);
  }
  return std::pair(report, std::move(listener));
}

void raise_oom_score(pid_t child) {
  const std::string path = "/proc/" + std::to_string(child) + "/oom_score_adj";
  const base::Fd file = base::open_file(path, O_WRONLY);
  base::write_all(file.get(), std::string_view(kOomScore), path);
}

// One try: the child is up to the point where it executes the program, or the host forbade it.
std::variant<Running, Forbidden> attempt(const JailPlan& plan, const Prepared& prepared, Strength strength) {
  base::FdPair sockets = base::make_socketpair(SOCK_SEQPACKET);
  JailChild child = child_for(plan, prepared, strength, sockets);
  const sys::CloneResult cloned = sys::clone_process(child.namespaces ? kAllNamespaces : 0UL);
  if (cloned.pid == 0) run_jail_child(child);
  if (cloned.pid < 0 && child.namespaces) return weaken(plan, JailStep::kNamespaces, cloned.errnum);
  if (cloned.pid < 0) throw base::system_error("cannot start", plan.program, cloned.errnum);
  Running running{.child = base::Child(cloned.pid, base::Fd(cloned.pidfd)),
                  .socket = std::move(sockets.first),
                  .listener = {},
                  .taken = 0};
  sockets.second.reset();
  if (child.namespaces) {
    try {
      sys::write_id_maps(cloned.pid, prepared.outer);
    } catch (const base::Error& error) {
      return weaken(plan, JailStep::kIdMaps, error.errnum());
    }
  }
  raise_oom_score(cloned.pid);
  if (::send(running.socket.get(), "g", 1, MSG_NOSIGNAL) != 1) throw base::system_error("cannot start", plan.program);

  auto said = receive_report(running.socket.get());
  if (!said) throw base::Error("cannot start " + base::in_quotes(plan.program) + ": it ended while its jail was made");
  const JailReport report = said->first;
  if (is_namespace_step(report.step)) return weaken(plan, report.step, report.errnum);
  if (report.step != JailStep::kNone || !said->second)
    throw base::Error("cannot jail " + base::in_quotes(plan.program) + ": " + step_failed(report.step, report.errnum),
                      {}, report.errnum);
  running.listener = std::move(said->second);
  running.taken = report.taken;
  return running;
}

[[noreturn]] void throw_ended(const JailPlan& plan, Running& running, const Broker& broker,
                              const std::function<std::string()>& explain) {
  std::string text = "cannot start " + base::in_quotes(plan.program) + ": it " + running.child.wait().text();
  if (const std::string said = explain(); !said.empty()) text += ": " + said;
  if (!broker.refused().empty()) text += "; its jail refused to " + base::join(broker.refused(), ", to ");
  throw base::Error(text);
}

// Answers until the program is executed and has used its grants. As soon as it is executed it goes into its cgroup:
// each hierarchy's move waits for an RCU grace period (5 ms), in which the program loads its libraries; before it gets
// the guest's memory.
void serve(const JailPlan& plan, Running& running, Broker& broker, sys::Cgroup& cgroup,
           const std::function<std::string()>& explain) {
  const auto deadline = Clock::now() + plan.timeout;
  bool executed = false;
  while (!broker.finished() || !executed) {
    pollfd waits[3] = {{.fd = executed ? -1 : running.socket.get(), .events = POLLIN, .revents = 0},
                       {.fd = broker.listener(), .events = POLLIN, .revents = 0},
                       {.fd = running.child.pidfd(), .events = POLLIN, .revents = 0}};
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    const int ready = ::poll(waits, 3, static_cast<int>(std::max<int64_t>(left.count(), 0)));
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0) throw base::system_error("cannot wait for", plan.program);
    if (ready == 0)
      throw base::Error("cannot start " + base::in_quotes(plan.program) + ": it did not come up in " +
                        std::to_string(plan.timeout.count() / 1000) + " s");
    if (waits[0].revents != 0) {
      // The socket is close-on-exec: a message is a failed execve, its end a good one (or the child's death, seen
      // below).
      if (auto said = receive_report(running.socket.get()))
        throw base::system_error("cannot execute", plan.program, said->first.errnum);
      executed = true;
      cgroup.add(running.child.pid());
    }
    if ((waits[1].revents & POLLIN) != 0) broker.serve_one();
    if (waits[2].revents != 0) throw_ended(plan, running, broker, explain);
  }
}

// What the child says that it has entered; it was ours until it executed the program.
sys::Wall describe(const Prepared& prepared, Strength strength, JailSteps taken, const std::string& forbidden) {
  const auto entered = [taken](JailStep step) { return (taken & set_of(step)) != 0; };
  const std::string outside = "user " + std::to_string(prepared.outer.uid) + " outside";
  const std::string why = "the host does not allow it: " + forbidden;
  sys::Wall wall;
  const bool all = strength == Strength::kAll;
  wall.push_back({"user namespace", all, all ? outside : why});
  const std::pair<const char*, const char*> others[] = {
      {"mount namespace", "a read-only root with the program, its libraries and firmware"},
      {"pid namespace", "sees no other process"},
      {"network namespace", "no network device"},
      {"ipc namespace", "own"},
      {"uts namespace", "own host name"},
      {"cgroup namespace", "own"}};
  for (const auto& [name, detail] : others) wall.push_back({name, all, all ? detail : why});
  wall.push_back({"user id", prepared.outer.uid != 0, outside});
  const std::string landlock = "ABI " + std::to_string(prepared.landlock.abi) + ", reads its own files only";
  wall.push_back({"capabilities", entered(JailStep::kCapabilities), "none"});
  wall.push_back({"no_new_privs", entered(JailStep::kNoNewPrivileges), "cannot gain privilege by executing"});
  wall.push_back({"landlock", entered(JailStep::kLandlock), landlock});
  wall.push_back(
      {"seccomp", entered(JailStep::kFilter), "allow list, writable opens and execution closed after the start"});
  wall.push_back({"resource limits", entered(JailStep::kLimits),
                  "no core dump, few descriptors, no locked memory, no file larger than the disk"});
  wall.push_back({"oom score", true, kOomScore});
  return wall;
}

std::pair<sys::RootPlan, std::vector<std::string>> plan_root(const JailPlan& plan) {
  std::pair<sys::RootPlan, std::vector<std::string>> result(sys::RootPlan(plan.visible), {});
  for (const auto& [ours, number] : plan.descriptors) {
    if (std::find(plan.reopened.begin(), plan.reopened.end(), number) == plan.reopened.end()) continue;
    result.second.push_back("/proc/self/fd/" + std::to_string(number));
    result.first.add_copy(result.second.back(), ours);
  }
  return result;
}

}  // namespace

Jailed start_jailed(JailPlan plan, const std::function<std::string()>& explain) {
  auto [root, reopened] = plan_root(plan);
  const Prepared prepared{
      .root = std::move(root),
      .reopened = std::move(reopened),
      .landlock = sys::make_landlock_rules(plan.visible),
      .filter = jail_filter(plan.pretend_fallocate_fd),
      .null_fd = base::open_file("/dev/null", O_RDWR),
      .outer = sys::choose_outer_ids().value_or(sys::OuterIds{.uid = ::geteuid(), .gid = ::getegid()})};
  sys::Cgroup cgroup;
  if (!plan.cgroup_name.empty()) cgroup = sys::Cgroup::create(plan.cgroup_name, plan.limits);

  Strength strength = Strength::kAll;
  std::string forbidden;
  auto tried = attempt(plan, prepared, strength);
  if (const Forbidden* no = std::get_if<Forbidden>(&tried)) {
    forbidden = no->reason;
    strength = Strength::kMinimum;
    tried = attempt(plan, prepared, strength);
  }
  Running& running = std::get<Running>(tried);
  Broker broker(std::move(running.listener), std::move(plan.grants));
  serve(plan, running, broker, cgroup, explain);
  sys::Wall wall = describe(prepared, strength, running.taken, forbidden);
  wall.insert(wall.end(), cgroup.wall().begin(), cgroup.wall().end());
  return Jailed{.cgroup = std::move(cgroup), .child = std::move(running.child), .wall = std::move(wall)};
}

}  // namespace caisson::vmm
