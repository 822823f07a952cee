// SPDX-License-Identifier: Apache-2.0

#include "vmm/broker.h"

#include <fcntl.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cerrno>

#include "base/text.h"

namespace caisson::vmm {
namespace {

constexpr size_t kMaxRefused = 16;
constexpr unsigned kOpenatPath = 1;  // index of openat's path argument

}  // namespace

Broker::Broker(base::Fd listener, std::vector<Grant> grants)
    : listener_(std::move(listener)), grants_(std::move(grants)) {}

void Broker::serve_one() {
  const auto call = sys::receive_notification(listener_.get());
  if (!call) return;
  if (call->call == SYS_execve) {
    // The kernel carries out what is in the program's memory now. That is our own code until the first execve.
    if (std::exchange(may_execute_, false)) {
      sys::answer_continue(listener_.get(), *call);
    } else {
      refuse(*call, "execute a program");
    }
  } else if (call->call == SYS_openat) {
    serve_open(*call);
  } else {
    refuse(*call, "call " + std::to_string(call->call));
  }
  if (grants_.empty() && !may_execute_) listener_.reset();
}

void Broker::serve_open(const sys::Notification& call) {
  const auto path = sys::read_path_argument(listener_.get(), call, kOpenatPath);
  const auto grant =
      std::find_if(grants_.begin(), grants_.end(), [&](const Grant& g) { return path && g.path == *path; });
  if (may_execute_ || grant == grants_.end())
    return refuse(call, "open " + (path ? base::in_quotes(*path) : "an unreadable path") + " for writing");
  if (sys::answer_descriptor(listener_.get(), call, grant->file.get(), grant->number)) grants_.erase(grant);
}

void Broker::refuse(const sys::Notification& call, std::string what) {
  if (refused_.size() < kMaxRefused) refused_.push_back(std::move(what));
  sys::answer_error(listener_.get(), call, EACCES);
}

}  // namespace caisson::vmm
