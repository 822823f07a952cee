// SPDX-License-Identifier: Apache-2.0

// Answers the few calls of a jailed program that its seccomp filter hands to us: the one execve that starts it, and
// opening files for writing.
//
// Why: QEMU 7.2 opens a RAM file for reading and writing even when it maps it privately, so with a path it would get a
// writable descriptor of the template that every sandbox shares. Here its open() never reaches the file system: the
// broker looks at the path and gives a descriptor of ours, opened as we want it (read-only for a clone; a private
// mapping of it can be written to), or refuses. Each grant is good for one use. When all are used the broker closes its
// end, and from then on every such call of the program fails with ENOSYS (seccomp_unotify(2)): nothing can be opened
// for writing, nothing can be executed any more.
#pragma once

#include <string>
#include <vector>

#include "base/fd.h"
#include "sys/seccomp.h"

namespace caisson::vmm {

struct Grant {
  std::string path;  // what the program asks for, byte for byte
  base::Fd file;     // what it gets
  int number = -1;   // as which descriptor
};

class Broker {
 public:
  // `listener`: of a filter made by jail_filter(). One execve is granted besides `grants`.
  Broker(base::Fd listener, std::vector<Grant> grants);

  // To be polled for reading. -1 once finished.
  int listener() const { return listener_.get(); }
  // Answers one waiting call; returns at once when it was withdrawn.
  void serve_one();
  bool finished() const { return !listener_; }
  // What was refused so far: "open '/etc/shadow' for writing"; for the error when the program then gives up. At
  // most 16.
  const std::vector<std::string>& refused() const { return refused_; }

 private:
  void serve_open(const sys::Notification& call);
  void refuse(const sys::Notification& call, std::string what);

  base::Fd listener_;
  std::vector<Grant> grants_;
  bool may_execute_ = true;
  std::vector<std::string> refused_;
};

}  // namespace caisson::vmm
