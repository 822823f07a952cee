// SPDX-License-Identifier: Apache-2.0

// The child shares this process's memory until it executes or ends (vfork(2)), while the thread that made it stands
// still; the others go on. So it may only make system calls, write to its own stack, to the Report and to errno (its
// maker's), and must not allocate, throw or touch anything else: it can be killed at any instruction, a lock in its
// hand included.
//
// That memory is PID 1's, and the child has the user's ids before exec. It can't be used to get at init: changing ids
// makes the memory "not dumpable" (credentials(7), prctl(2) PR_SET_DUMPABLE), so only root may trace it.

#include "guest/spawn.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "base/text.h"

namespace caisson::guest {
namespace {

constexpr rlim_t kUsersOpenFiles = 1024;  // what systemd gives: more breaks programs that use select(2)
constexpr size_t kStackBytes = 64U << 10;

struct Report {
  SpawnError::Step step = SpawnError::Step::kSetUp;
  const char* what = nullptr;  // set: the child failed
  int errnum = 0;
};

// All that the child needs, made before it exists.
struct Prepared {
  const Anchors& anchors;
  const SpawnPlan& plan;
  std::vector<char*> argv;
  std::vector<char*> environment;
  std::vector<const char*> candidates;
  char oom_score[12];
  size_t oom_score_length = 0;
  char listen_pid[24] = "LISTEN_PID=";
  char listen_fds[16] = "LISTEN_FDS=1";
  Report* report = nullptr;
};

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> out;
  out.reserve(strings.size() + 1);
  for (const std::string& string : strings) out.push_back(const_cast<char*>(string.c_str()));
  out.push_back(nullptr);
  return out;
}

[[noreturn]] void fail(const Prepared& prepared, SpawnError::Step step, const char* what, int errnum) {
  prepared.report->step = step;
  prepared.report->errnum = errnum;
  prepared.report->what = what;
  ::_exit(127);
}

void check(const Prepared& prepared, bool good, const char* what) {
  if (!good) fail(prepared, SpawnError::Step::kSetUp, what, errno);
}

void set_oom_score(const Prepared& prepared) {
  const int file = ::openat(prepared.anchors.proc.get(), "self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  check(prepared, file >= 0, "set its out-of-memory score");
  // Lowering it needs CAP_SYS_RESOURCE, which an init that isn't root does not have; then nothing has to be lowered.
  if (::write(file, prepared.oom_score, prepared.oom_score_length) < 0 && errno != EACCES)
    fail(prepared, SpawnError::Step::kSetUp, "set its out-of-memory score", errno);
  ::close(file);
}

void place_descriptors(const Prepared& prepared) {
  // All three are above 2 (init's own 0 to 2 are never given), so no dup2 destroys a later source.
  const int sources[3] = {prepared.plan.in, prepared.plan.out, prepared.plan.err};
  for (int target = 0; target < 3; ++target)
    check(prepared, ::dup2(sources[target], target) == target, "set up its streams");
}

// The listener becomes 3, whatever was there: the child's copy of one of init's own.
void place_listener(Prepared& prepared) {
  const int listener = prepared.plan.listener;
  // dup2 of a descriptor onto itself would leave it close-on-exec.
  const bool placed = listener == 3 ? ::fcntl(3, F_SETFD, 0) == 0 : ::dup2(listener, 3) == 3;
  check(prepared, placed, "set up its socket");
  char digits[12];
  size_t count = 0;
  for (pid_t pid = ::getpid(); pid > 0; pid /= 10) digits[count++] = static_cast<char>('0' + pid % 10);
  char* end = prepared.listen_pid + std::strlen(prepared.listen_pid);
  while (count > 0) *end++ = digits[--count];
  *end = '\0';
}

// The raw system calls: glibc's wrappers make every thread of the process follow, with signals and locks.
void become_user(const Prepared& prepared) {
  const SpawnPlan& plan = prepared.plan;
  check(prepared, ::syscall(SYS_setgroups, plan.groups.size(), plan.groups.data()) == 0, "set its groups");
  check(prepared, ::syscall(SYS_setresgid, plan.gid, plan.gid, plan.gid) == 0, "set its group");
  check(prepared, ::syscall(SYS_setresuid, plan.uid, plan.uid, plan.uid) == 0, "set its user");
}

void default_signals() {
  // CLONE_CLEAR_SIGHAND resets handlers; what is ignored would stay so over execve(2): by init, or by who started it (a
  // shell's background job ignores SIGINT).
  for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

// execvp(3)'s rules: go on when there is no such file; of the failures, "not permitted" says more than "not found".
[[noreturn]] void execute(const Prepared& prepared) {
  if (prepared.plan.program >= 0) {
    ::execveat(prepared.plan.program, "", prepared.argv.data(), prepared.environment.data(), AT_EMPTY_PATH);
    fail(prepared, SpawnError::Step::kExecute, "execute", errno);
  }
  int seen = ENOENT;
  for (const char* candidate : prepared.candidates) {
    ::execve(candidate, prepared.argv.data(), prepared.environment.data());
    if (errno == EACCES) {
      seen = EACCES;
    } else if (errno != ENOENT && errno != ENOTDIR) {
      seen = errno;
      break;
    }
  }
  fail(prepared, SpawnError::Step::kExecute, "execute", seen);
}

[[noreturn]] void run_child(Prepared& prepared) {
  const SpawnPlan& plan = prepared.plan;
  check(prepared, ::setsid() >= 0, "start its session");
  place_descriptors(prepared);
  if (plan.terminal) check(prepared, ::ioctl(0, TIOCSCTTY, 0) == 0, "take its terminal");
  set_oom_score(prepared);
  if (!plan.all_files) {
    rlimit files{};
    ::getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = std::min(kUsersOpenFiles, files.rlim_max);
    ::setrlimit(RLIMIT_NOFILE, &files);
  }
  ::umask(022);
  if (plan.change_user) become_user(prepared);
  if (!plan.folder.empty() && ::chdir(plan.folder.c_str()) != 0) {
    if (!plan.folder_is_home || ::chdir("/") != 0) fail(prepared, SpawnError::Step::kFolder, "enter its folder", errno);
  }
  default_signals();
  // Last: 3 may be one of the descriptors that were needed until here.
  if (plan.listener >= 0) place_listener(prepared);
  execute(prepared);
}

[[noreturn]] void enter_child(Prepared* prepared) {
  run_child(*prepared);
}

// clone3 with a stack of its own for the child: it returns twice, the second time on a stack where only the child's
// function may run.
long clone_with_stack(clone_args* arguments, Prepared* prepared) {
#if defined(__x86_64__)
  long result;
  register void* child_argument asm("r12") = prepared;
  register void (*child_function)(Prepared*) asm("r13") = &enter_child;
  asm volatile(
      "syscall\n\t"
      "test %%rax, %%rax\n\t"
      "jnz 1f\n\t"
      "xor %%ebp, %%ebp\n\t"
      "mov %%r12, %%rdi\n\t"
      "call *%%r13\n\t"
      "hlt\n\t"
      "1:"
      : "=a"(result)
      : "0"(static_cast<long>(SYS_clone3)), "D"(arguments), "S"(sizeof(clone_args)), "r"(child_argument),
        "r"(child_function)
      : "rcx", "r11", "memory");
  return result;
#else
#error "write clone_with_stack for this architecture"
#endif
}

std::string describe(const SpawnPlan& plan, const Report& report) {
  const std::string name = base::in_quotes(plan.argv[0]);
  if (report.step == SpawnError::Step::kFolder)
    return "cannot enter the folder " + base::in_quotes(plan.folder) + ": " + std::strerror(report.errnum);
  if (report.step != SpawnError::Step::kExecute)
    return "cannot start " + name + ": cannot " + report.what + ": " + std::strerror(report.errnum);
  if (report.errnum == ENOENT && plan.argv[0].find('/') == std::string::npos)
    return "cannot start " + name + ": executable file not found in $PATH";
  return "cannot start " + name + ": " + std::strerror(report.errnum);
}

}  // namespace

Birth::~Birth() {
  if (pid() > 0 && pidfd_ >= 0) ::close(pidfd_);
}

void Birth::kill() {
  unwanted_ = true;
  if (pid() > 0) ::syscall(SYS_pidfd_send_signal, pidfd_.load(), SIGKILL, nullptr, 0);
}

Spawned Birth::take() {
  return {.pid = pid(), .pidfd = base::Fd(pidfd_.exchange(-1))};
}

void spawn(const Anchors& anchors, const SpawnPlan& plan, Birth& birth) {
  // Kept: pages that were touched before cost nothing.
  thread_local const auto kStack = std::make_unique_for_overwrite<char[]>(kStackBytes);
  Report report;
  Prepared prepared{.anchors = anchors,
                    .plan = plan,
                    .argv = pointers(plan.argv),
                    .environment = pointers(plan.environment),
                    .candidates = {},
                    .oom_score = {},
                    .report = &report};
  if (plan.listener >= 0)
    prepared.environment.insert(prepared.environment.begin(), {prepared.listen_pid, prepared.listen_fds});
  for (const std::string& candidate : plan.candidates) prepared.candidates.push_back(candidate.c_str());
  const std::string score = std::to_string(plan.oom_score_adj);
  prepared.oom_score_length = score.copy(prepared.oom_score, sizeof prepared.oom_score);

  static_assert(sizeof birth.pid_ == sizeof(pid_t) && sizeof birth.pidfd_ == sizeof(int), "the kernel writes them");
  clone_args arguments{};
  arguments.flags = CLONE_VM | CLONE_VFORK | CLONE_PIDFD | CLONE_PARENT_SETTID | CLONE_CLEAR_SIGHAND;
  arguments.pidfd = reinterpret_cast<uint64_t>(&birth.pidfd_);
  arguments.parent_tid = reinterpret_cast<uint64_t>(&birth.pid_);
  arguments.exit_signal = SIGCHLD;
  arguments.stack = reinterpret_cast<uint64_t>(kStack.get());
  arguments.stack_size = kStackBytes;
  if (plan.cgroup >= 0) {
    arguments.flags |= CLONE_INTO_CGROUP;
    arguments.cgroup = static_cast<uint64_t>(plan.cgroup);
  }
  if (birth.unwanted_) throw base::Error("cannot start " + base::in_quotes(plan.argv[0]) + ": nobody waits for it");
  const long pid = clone_with_stack(&arguments, &prepared);
  if (pid < 0) {
    const int errnum = static_cast<int>(-pid);
    const std::string why = errnum == EAGAIN ? "the sandbox's limit of processes is reached" : std::strerror(errnum);
    throw SpawnError(SpawnError::Step::kProcess, "cannot start " + base::in_quotes(plan.argv[0]) + ": " + why, errnum);
  }
  if (report.what != nullptr) throw SpawnError(report.step, describe(plan, report), report.errnum);
}

}  // namespace caisson::guest
