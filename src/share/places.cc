// SPDX-License-Identifier: Apache-2.0

#include "share/places.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <ctime>
#include <utility>

#include "base/text.h"

namespace caisson::share {
namespace {

constexpr std::string_view kDeleted = " (deleted)";

// Not a system call (vdso(7)).
uint64_t seconds_now() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return static_cast<uint64_t>(now.tv_sec);
}

// Empty where it is longer than any that the kernel tells.
std::string path_of(int descriptor) {
  const std::string self = "/proc/self/fd/" + std::to_string(descriptor);
  char path[PATH_MAX];
  const ssize_t got = ::readlink(self.c_str(), path, sizeof path);
  return got > 0 && got < static_cast<ssize_t>(sizeof path) ? std::string(path, static_cast<size_t>(got)) : "";
}

std::string as_top(std::string path) {
  if (!path.ends_with('/')) path += '/';
  return path;
}

}  // namespace

Places::Places(NodeTable& nodes, const Masks& masks, int root)
    : nodes_(nodes), masks_(masks), root_(root), top_(as_top(path_of(root))) {}

uint32_t Places::era() const {
  return moves_ + (overlooking_ ? static_cast<uint32_t>(seconds_now()) : 0);
}

uint64_t Places::doubts() const {
  return doubts_ + seconds_now();
}

void Places::moved() {
  ++moves_;
  ++doubts_;
}

int Places::check(const NodeRef& node, int descriptor) {
  const uint32_t now = era();
  // What is shared itself has no name.
  if (node.id() == kRootId) {
    nodes_.with(node, [now](Node& top) { top.placed_era = now; });
    return 0;
  }
  struct stat status {};
  if (::fstat(descriptor, &status) != 0) return errno;
  const int64_t settled_ns = settled_change_ns(status);
  const auto place = place_of(node, descriptor, status);
  if (!place || place->masked) return ESTALE;
  nodes_.with(node, [&](Node& known) {
    known.mask_state = place->state;
    known.token_holder = place->token_holder;
    known.placed_era = now;
    known.placed_ns = settled_ns;
  });
  return 0;
}

std::optional<Masks::Step> Places::place_of(const NodeRef& node, int descriptor, const struct stat& status) {
  const auto found = by_path(descriptor, status);
  return found ? found : by_name(node);
}

std::optional<Masks::Step> Places::by_path(int descriptor, const struct stat& status) {
  std::string path = path_of(descriptor);
  if (path.ends_with(kDeleted)) {
    // It has another name now; or it is called so.
    if (status.st_nlink > 0) return std::nullopt;
    path.resize(path.size() - kDeleted.size());
  }
  const auto inside = path_in_folder(path);
  if (!inside) return std::nullopt;
  Masks::Step step{.state = masks_.top()};
  bool in_top = true;
  for (const std::string& part : base::split(*inside, '/')) {
    const bool masked = step.masked;
    step = masks_.step(step.state, part, std::exchange(in_top, false));
    step.masked |= masked;
  }
  return step;
}

std::optional<std::string> Places::path_in_folder(const std::string& path) {
  const std::lock_guard lock(mutex_);
  if (!path.starts_with(top_)) top_ = as_top(path_of(root_));
  if (!path.starts_with(top_)) return std::nullopt;
  return path.substr(top_.size());
}

std::optional<Masks::Step> Places::by_name(const NodeRef& node) {
  const Place place = nodes_.place(node);
  const NodeRef parent = nodes_.find(place.parent);
  if (!parent) return std::nullopt;
  const Opened opened = nodes_.descriptor(parent);
  if (opened.descriptor < 0) return std::nullopt;
  if (opened.placed_era != era() && check(parent, opened.descriptor) != 0) return std::nullopt;
  struct stat status {};
  if (::fstatat(opened.descriptor, place.name.c_str(), &status, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) != 0 ||
      id_of(status) != node.file())
    return std::nullopt;
  const auto state = nodes_.with(parent, [](const Node& known) { return known.mask_state; });
  return masks_.step(state, place.name, parent.id() == kRootId);
}

}  // namespace caisson::share
