// SPDX-License-Identifier: Apache-2.0

// System call filters (seccomp(2)) and the other end of their user notifications (seccomp_unotify(2)).
//
// A program is worked out by the parent with libseccomp, which allocates; the child only loads the finished
// instructions.
#pragma once

#include <linux/filter.h>
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"

namespace caisson::sys {

using FilterProgram = std::vector<sock_filter>;

// In a rule, stands for the pid of the process that loads the filter, in its own pid namespace: known only to the
// child.
inline constexpr uint32_t kOwnPidMark = 0x5ca1ab1e;

// Builds a filter from an allow list; what is on no rule fails with ENOSYS, as if the kernel did not have it, which is
// what C libraries are prepared for. Rules for one call must not overlap (libseccomp does not order them).
class FilterBuilder {
 public:
  FilterBuilder();
  ~FilterBuilder();
  FilterBuilder(const FilterBuilder&) = delete;
  FilterBuilder& operator=(const FilterBuilder&) = delete;

  struct Compare {
    unsigned argument;
    uint64_t mask;   // all ones for an exact comparison
    uint64_t value;  // equal to it under the mask
  };
  // A call's name that this architecture does not have is left out. Throws base::Error.
  void allow(const char* call, std::vector<Compare> when = {});
  void notify(const char* call, std::vector<Compare> when = {});
  // Allowed when the argument is anything but `value`; with `value` the call does nothing and returns 0.
  void allow_or_pretend(const char* call, unsigned argument, uint64_t value);
  FilterProgram build() const;

 private:
  void add(uint32_t action, const char* call, const std::vector<Compare>& when);
  void* context_;
};

// Child side: puts this process's pid in place of kOwnPidMark, in memory.
void set_own_pid(FilterProgram& program);
// Child side, after no_new_privs: loads the filter. With `listener` it is set to the descriptor (close-on-exec) on
// which notifications are answered. Returns 0 or an errno.
int load_filter(const FilterProgram& program, int* listener);

// A notified call that waits for its answer.
struct Notification {
  uint64_t id = 0;
  pid_t pid = -1;  // in the listener's pid namespace
  int call = -1;
  uint64_t arguments[6] = {};
};

// Parent side. All throw base::Error for anything but the end of the notifier, which reads as nothing or false.
std::optional<Notification> receive_notification(int listener);
// The call fails with `errnum`.
bool answer_error(int listener, const Notification& notification, int errnum);
// The call is carried out by the kernel.
bool answer_continue(int listener, const Notification& notification);
// The call returns a close-on-exec copy of `file` (ours), as descriptor `number`.
bool answer_descriptor(int listener, const Notification& notification, int file, int number);
// The path that argument `index` of the call points to, or nothing when it can't be read or is longer than PATH_MAX.
std::optional<std::string> read_path_argument(int listener, const Notification& notification, unsigned index);

}  // namespace caisson::sys
