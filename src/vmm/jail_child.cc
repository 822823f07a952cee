// SPDX-License-Identifier: Apache-2.0

#include "vmm/jail_child.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "sys/capabilities.h"
#include "sys/child_step.h"
#include "sys/landlock.h"
#include "sys/namespaces.h"

namespace caisson::vmm {
namespace {

constexpr size_t kMaxDescriptors = 64;
constexpr rlim_t kMaxOpenFiles = 1024;

[[noreturn]] void fail(const JailChild& child, JailStep step, int errnum) {
  const JailReport report{.step = step, .errnum = errnum, .taken = child.taken};
  [[maybe_unused]] const ssize_t sent = ::send(child.socket, &report, sizeof report, MSG_NOSIGNAL);
  ::_exit(127);
}

void check(JailChild& child, JailStep step, int errnum) {
  if (errnum != 0) fail(child, step, errnum);
  child.taken |= set_of(step);
}

// The parent writes a byte when the id maps and the cgroup are there; its end is a close.
void wait_for_parent(const JailChild& child) {
  char go = 0;
  ssize_t got = 0;
  do {
    got = ::recv(child.socket, &go, 1, 0);
  } while (got < 0 && errno == EINTR);
  if (got != 1) ::_exit(127);
}

int place_descriptors(JailChild& child) {
  const int above = child.highest_number + 1;
  int moved[kMaxDescriptors];
  const size_t count = child.descriptors.size();
  if (count > kMaxDescriptors) return E2BIG;
  // First all sources above every target, so that no dup2 destroys what is still needed.
  for (int* kept : {&child.socket, &child.null_fd, &child.landlock_ruleset}) {
    *kept = ::fcntl(*kept, F_DUPFD_CLOEXEC, above);
    if (*kept < 0) return errno;
  }
  for (size_t i = 0; i < count; ++i) {
    moved[i] = ::fcntl(child.descriptors[i].first, F_DUPFD_CLOEXEC, above);
    if (moved[i] < 0) return errno;
  }
  for (int number = 0; number < above; ++number) {
    if (number > 2) {
      ::close(number);
    } else if (::dup2(child.null_fd, number) < 0) {
      return errno;
    }
  }
  for (size_t i = 0; i < count; ++i) {
    if (::dup2(moved[i], child.descriptors[i].second) < 0) return errno;
  }
  return sys::result_of(::syscall(SYS_close_range, above, ~0U, CLOSE_RANGE_CLOEXEC));
}

int lower_limit(int resource, rlim_t wanted) {
  rlimit limit{};
  if (::getrlimit(static_cast<__rlimit_resource_t>(resource), &limit) != 0) return errno;
  limit.rlim_max = std::min(limit.rlim_max, wanted);
  limit.rlim_cur = std::min(limit.rlim_cur, limit.rlim_max);
  return sys::result_of(::setrlimit(static_cast<__rlimit_resource_t>(resource), &limit));
}

int lower_limits(const JailChild& child) {
  if (int errnum = lower_limit(RLIMIT_CORE, 0)) return errnum;
  if (int errnum = lower_limit(RLIMIT_NOFILE, kMaxOpenFiles)) return errnum;
  if (int errnum = lower_limit(RLIMIT_MSGQUEUE, 0)) return errnum;
  if (child.largest_file_bytes != 0) {
    if (int errnum = lower_limit(RLIMIT_FSIZE, child.largest_file_bytes)) return errnum;
  }
  return lower_limit(RLIMIT_MEMLOCK, 0);
}

int set_parent_death_signal(const JailChild& child) {
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return errno;
  // A parent that died before that line left its end of the socket closed.
  pollfd socket{.fd = child.socket, .events = 0, .revents = 0};
  if (::poll(&socket, 1, 0) < 0) return errno;
  if (socket.revents != 0) ::_exit(127);
  return 0;
}

int send_listener(const JailChild& child, int listener) {
  JailReport report{.step = JailStep::kNone, .errnum = 0, .taken = child.taken};
  iovec part{.iov_base = &report, .iov_len = sizeof report};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(header), &listener, sizeof listener);
  return sys::result_of(::sendmsg(child.socket, &message, MSG_NOSIGNAL));
}

void reset_signals() {
  for (int number = 1; number < 32; ++number) ::signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

void enter_namespaces(JailChild& child) {
  static sys::RootSources sources;
  check(child, JailStep::kRootSources, sys::open_root_sources(*child.root, sources));
  // The new root can only belong to the one mapped id, and changing to it takes no privilege away.
  check(child, JailStep::kIds, sys::become(sys::kInnerId, sys::kInnerId));
  check(child, JailStep::kRoot, sys::enter_root(*child.root, sources));
  constexpr char kName[] = "caisson";
  check(child, JailStep::kHostName, sys::result_of(::sethostname(kName, sizeof kName - 1)));
}

}  // namespace

const char* text_of(JailStep step) {
  switch (step) {
    case JailStep::kNone:
      return "start";
    case JailStep::kParent:
      return "wait for its parent";
    case JailStep::kNamespaces:
      return "make the namespaces";
    case JailStep::kIdMaps:
      return "map its user into them";
    case JailStep::kRootSources:
      return "gather the files of its root";
    case JailStep::kIds:
      return "change its user";
    case JailStep::kRoot:
      return "enter its root";
    case JailStep::kHostName:
      return "set its host name";
    case JailStep::kDescriptors:
      return "arrange its descriptors";
    case JailStep::kLimits:
      return "lower its resource limits";
    case JailStep::kCapabilities:
      return "drop its capabilities";
    case JailStep::kNoNewPrivileges:
      return "set no_new_privs";
    case JailStep::kParentDeath:
      return "bind its life to its parent's";
    case JailStep::kLandlock:
      return "restrict itself with Landlock";
    case JailStep::kFilter:
      return "load its seccomp filter";
    case JailStep::kExecute:
      return "execute the program";
  }
  return "start";
}

bool host_forbids(JailStep step, int errnum) {
  if (!is_namespace_step(step)) return false;
  // clone(2): the limits of user.max_*_namespaces are ENOSPC, before Linux 4.9 EUSERS. A full disk is ENOSPC, too.
  if (step == JailStep::kNamespaces && (errnum == ENOSPC || errnum == EUSERS)) return true;
  return errnum == EPERM || errnum == EACCES;
}

void run_jail_child(JailChild& child) {
  ::close(child.parent_socket);
  wait_for_parent(child);
  reset_signals();
  ::syscall(SYS_setsid);
  // Before the descriptors are placed: the root is made from those of the parent.
  if (child.namespaces) enter_namespaces(child);
  check(child, JailStep::kDescriptors, place_descriptors(child));
  check(child, JailStep::kLimits, lower_limits(child));
  check(child, JailStep::kCapabilities, sys::drop_all_capabilities());
  check(child, JailStep::kNoNewPrivileges, sys::set_no_new_privileges());
  // The signal is forgotten when credentials change, so only now.
  check(child, JailStep::kParentDeath, set_parent_death_signal(child));
  for (const char* path : child.reopened)
    if (const int errnum = sys::allow_reading_file(child.landlock_ruleset, path))
      fail(child, JailStep::kLandlock, errnum);
  check(child, JailStep::kLandlock, sys::restrict_by_landlock(child.landlock_ruleset));
  sys::set_own_pid(child.filter);
  int listener = -1;
  check(child, JailStep::kFilter, sys::load_filter(child.filter, &listener));
  check(child, JailStep::kFilter, send_listener(child, listener));
  ::close(listener);
  ::execve(child.program, child.arguments.data(), child.environment.data());
  fail(child, JailStep::kExecute, errno);
}

}  // namespace caisson::vmm
