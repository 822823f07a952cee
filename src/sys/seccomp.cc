// SPDX-License-Identifier: Apache-2.0

#include "sys/seccomp.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstring>

#include "base/error.h"
#include "base/text.h"
#include "sys/child_step.h"

namespace caisson::sys {
namespace {

scmp_filter_ctx filter_of(void* context) {
  return static_cast<scmp_filter_ctx>(context);
}

void check_filter(int returned, const char* call) {
  if (returned != 0) throw base::system_error("cannot make the system call filter, at", call, -returned);
}

// The kernel's structs may be longer than the headers' (SECCOMP_GET_NOTIF_SIZES): buffers of a size that fits any.
template <typename Struct>
union Padded {
  Struct value;
  char space[1024];
};

bool send_answer(int listener, seccomp_notif_resp answer) {
  Padded<seccomp_notif_resp> padded{};
  padded.value = answer;
  if (::ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &padded) == 0) return true;
  if (errno == ENOENT) return false;  // the notifier has ended, or was interrupted
  throw base::system_error("cannot answer a", "seccomp notification");
}

}  // namespace

FilterBuilder::FilterBuilder() : context_(::seccomp_init(SCMP_ACT_ERRNO(ENOSYS))) {
  if (context_ == nullptr) throw base::Error("cannot make a system call filter");
  // Calls by another architecture's numbers (32-bit, x32) end the process.
  check_filter(::seccomp_attr_set(filter_of(context_), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS),
               "bad architecture");
  // A binary tree: about 7 comparisons for a call instead of one for each rule before it.
  check_filter(::seccomp_attr_set(filter_of(context_), SCMP_FLTATR_CTL_OPTIMIZE, 2), "optimize");
}

FilterBuilder::~FilterBuilder() {
  ::seccomp_release(filter_of(context_));
}

void FilterBuilder::add(uint32_t action, const char* call, const std::vector<Compare>& when) {
  const int number = ::seccomp_syscall_resolve_name(call);
  if (number == __NR_SCMP_ERROR || number < 0) return;
  std::vector<scmp_arg_cmp> comparisons;
  for (const Compare& compare : when)
    comparisons.push_back(
        {.arg = compare.argument, .op = SCMP_CMP_MASKED_EQ, .datum_a = compare.mask, .datum_b = compare.value});
  check_filter(::seccomp_rule_add_array(filter_of(context_), action, number, static_cast<unsigned>(comparisons.size()),
                                        comparisons.data()),
               call);
}

void FilterBuilder::allow(const char* call, std::vector<Compare> when) {
  add(SCMP_ACT_ALLOW, call, when);
}

void FilterBuilder::notify(const char* call, std::vector<Compare> when) {
  add(SCMP_ACT_NOTIFY, call, when);
}

void FilterBuilder::allow_or_pretend(const char* call, unsigned argument, uint64_t value) {
  const int number = ::seccomp_syscall_resolve_name(call);
  const scmp_arg_cmp same{.arg = argument, .op = SCMP_CMP_EQ, .datum_a = value, .datum_b = 0};
  const scmp_arg_cmp other{.arg = argument, .op = SCMP_CMP_NE, .datum_a = value, .datum_b = 0};
  check_filter(::seccomp_rule_add_array(filter_of(context_), SCMP_ACT_ERRNO(0), number, 1, &same), call);
  check_filter(::seccomp_rule_add_array(filter_of(context_), SCMP_ACT_ALLOW, number, 1, &other), call);
}

FilterProgram FilterBuilder::build() const {
  const base::Fd file(::memfd_create("filter", MFD_CLOEXEC));
  if (!file) throw base::system_error("cannot make a", "memory file");
  check_filter(::seccomp_export_bpf(filter_of(context_), file.get()), "export");
  if (::lseek(file.get(), 0, SEEK_SET) != 0) throw base::system_error("cannot rewind a", "memory file");
  const std::string bytes = base::read_all(file.get(), BPF_MAXINSNS * sizeof(sock_filter), "the system call filter");
  FilterProgram program(bytes.size() / sizeof(sock_filter));
  std::memcpy(program.data(), bytes.data(), program.size() * sizeof(sock_filter));
  return program;
}

void set_own_pid(FilterProgram& program) {
  const auto pid = static_cast<uint32_t>(::syscall(SYS_getpid));
  for (sock_filter& instruction : program) {
    if (BPF_CLASS(instruction.code) == BPF_JMP && instruction.k == kOwnPidMark) instruction.k = pid;
  }
}

int load_filter(const FilterProgram& program, int* listener) {
  const sock_fprog loaded{.len = static_cast<unsigned short>(program.size()),
                          .filter = const_cast<sock_filter*>(program.data())};
  const unsigned long flags = listener != nullptr ? SECCOMP_FILTER_FLAG_NEW_LISTENER : 0;
  const long returned = ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &loaded);
  if (returned < 0) return errno;
  if (listener != nullptr) *listener = static_cast<int>(returned);
  return 0;
}

std::optional<Notification> receive_notification(int listener) {
  Padded<seccomp_notif> padded{};
  if (::ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &padded) != 0) {
    if (errno == ENOENT || errno == EINTR) return std::nullopt;
    throw base::system_error("cannot receive a", "seccomp notification");
  }
  Notification notification{.id = padded.value.id,
                            .pid = static_cast<pid_t>(padded.value.pid),
                            .call = padded.value.data.nr,
                            .arguments = {}};
  for (size_t i = 0; i < 6; ++i) notification.arguments[i] = padded.value.data.args[i];
  return notification;
}

bool answer_error(int listener, const Notification& notification, int errnum) {
  return send_answer(listener, {.id = notification.id, .val = 0, .error = -errnum, .flags = 0});
}

bool answer_continue(int listener, const Notification& notification) {
  return send_answer(listener,
                     {.id = notification.id, .val = 0, .error = 0, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE});
}

bool answer_descriptor(int listener, const Notification& notification, int file, int number) {
  const seccomp_notif_addfd add{.id = notification.id,
                                .flags = SECCOMP_ADDFD_FLAG_SETFD | SECCOMP_ADDFD_FLAG_SEND,
                                .srcfd = static_cast<uint32_t>(file),
                                .newfd = static_cast<uint32_t>(number),
                                .newfd_flags = O_CLOEXEC};
  if (::ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add) >= 0) return true;
  if (errno == ENOENT) return false;
  throw base::system_error("cannot hand over", "a descriptor by seccomp notification");
}

std::optional<std::string> read_path_argument(int listener, const Notification& notification, unsigned index) {
  char path[PATH_MAX];
  size_t length = 0;
  // A page at a time: the string may end just before memory that does not exist.
  while (length < sizeof path) {
    const uint64_t from = notification.arguments[index] + length;
    const size_t part = std::min<size_t>(sizeof path - length, 4096 - from % 4096);
    iovec local{.iov_base = path + length, .iov_len = part};
    iovec remote{.iov_base = reinterpret_cast<void*>(from), .iov_len = part};
    const ssize_t got = ::process_vm_readv(notification.pid, &local, 1, &remote, 1, 0);
    if (got <= 0) return std::nullopt;
    if (const void* end = std::memchr(path + length, '\0', static_cast<size_t>(got))) {
      // Only now is it certain that the pid was still that of the notifier while it was read (seccomp_unotify(2)).
      if (::ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &notification.id) != 0) return std::nullopt;
      return std::string(path, static_cast<size_t>(static_cast<const char*>(end) - path));
    }
    length += static_cast<size_t>(got);
  }
  return std::nullopt;
}

}  // namespace caisson::sys
