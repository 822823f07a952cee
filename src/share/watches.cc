// SPDX-License-Identifier: Apache-2.0

#include "share/watches.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>

#include "base/error.h"

namespace caisson::share {
namespace {

constexpr uint32_t kContent = IN_MODIFY | IN_ATTRIB | IN_CLOSE_WRITE;
constexpr uint32_t kNames = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO;
constexpr size_t kMaxExpected = 65536;
constexpr size_t kAskedAtOnce = 1024;
constexpr size_t kMaxMovedMasked = 4096;

std::string key_of(uint64_t folder, const std::string& name, uint32_t event) {
  std::string key(reinterpret_cast<const char*>(&folder), sizeof folder);
  key.append(reinterpret_cast<const char*>(&event), sizeof event);
  return key + name;
}

template <typename Fields>
std::span<const char> span_of(const Fields& fields) {
  return {reinterpret_cast<const char*>(&fields), sizeof fields};
}

}  // namespace

Watches::Watches(WatchedParts parts, size_t limit)
    : parts_(parts),
      limit_(limit),
      // None where the user has no more of them: everything is then kept for a second only.
      inotify_(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!wake_) throw base::system_error("cannot make an", "event descriptor");
  parts_.nodes.on_unwatched([this](int watch, int descriptor) {
    struct stat status {};
    const bool gone = ::fstat(descriptor, &status) == 0 && status.st_nlink == 0;
    if (!gone) parts_.places.overlook();
    ::inotify_rm_watch(inotify_.get(), watch);
    const std::lock_guard lock(mutex_);
    folders_.erase(watch);
  });
}

void Watches::watch(const NodeRef& node, int descriptor) {
  const bool new_one = parts_.nodes.with(node, [](Node& known) {
    if (known.watch != kNoWatch) return false;
    known.watch = kCannotWatch;
    return true;
  });
  if (!new_one) return;
  {
    const std::lock_guard lock(mutex_);
    if (!inotify_ || folders_.size() >= limit_) return parts_.places.overlook();
  }
  const std::string self = "/proc/self/fd/" + std::to_string(descriptor);
  const uint32_t wanted = kContent | (node.is_folder() ? kNames | IN_ONLYDIR : 0);
  const int watch = ::inotify_add_watch(inotify_.get(), self.c_str(), wanted);
  if (watch < 0) return parts_.places.overlook();
  {
    const std::lock_guard lock(mutex_);
    folders_[watch] = node.id();
  }
  parts_.nodes.with(node, [&](Node& known) { known.watch = watch; });
}

bool Watches::expect(const NodeRef& folder, const std::string& name, uint32_t event) {
  if (!parts_.nodes.with(folder, [](const Node& known) { return known.watch >= 0; })) return false;
  const std::lock_guard lock(mutex_);
  // What is dropped is announced, though the guest knows it.
  if (expected_.size() >= kMaxExpected) expected_.clear();
  ++expected_[key_of(folder.id(), name, event)];
  return true;
}

void Watches::unexpect(const NodeRef& folder, const std::string& name, uint32_t event) {
  take_expected(folder.id(), name, event);
}

bool Watches::take_expected(uint64_t folder, const std::string& name, uint32_t event) {
  const std::lock_guard lock(mutex_);
  const auto at = expected_.find(key_of(folder, name, event));
  if (at == expected_.end()) return false;
  if (--at->second == 0) expected_.erase(at);
  return true;
}

void Watches::answer_lock(uint64_t node, uint64_t unique) {
  {
    const std::lock_guard lock(mutex_);
    answers_.push_back({.node = node, .unique = unique});
  }
  wake();
}

void Watches::ask_to_forget() {
  if (!crowded_.exchange(true)) wake();
}

void Watches::stop() {
  stopping_ = true;
  wake();
}

void Watches::wake() {
  const uint64_t one = 1;
  (void)!::write(wake_.get(), &one, sizeof one);
}

void Watches::run() {
  pollfd waits[] = {{.fd = wake_.get(), .events = POLLIN, .revents = 0},
                    {.fd = inotify_.get(), .events = POLLIN, .revents = 0}};
  while (!stopping_) {
    if (::poll(waits, 2, -1) < 0) continue;
    uint64_t count = 0;
    if (waits[0].revents != 0) (void)!::read(wake_.get(), &count, sizeof count);
    do_asked();
    if (waits[1].revents != 0) read_events();
  }
}

void Watches::do_asked() {
  told_.clear();
  std::vector<Answer> answers;
  {
    const std::lock_guard lock(mutex_);
    answers.swap(answers_);
  }
  Output nothing;
  for (const Answer& answer : answers) {
    told_.clear();
    forget_content(answer.node, false);
    nothing.clear();
    parts_.channel.answer(nothing, answer.unique, 0);
  }
  if (!crowded_.exchange(false)) return;
  for (const Place& place : parts_.nodes.crowded(kAskedAtOnce)) forget_entry(place.parent, place.name);
}

void Watches::read_events() {
  alignas(inotify_event) char buffer[64 << 10];
  const ssize_t got = ::read(inotify_.get(), buffer, sizeof buffer);
  told_.clear();
  for (ssize_t at = 0; at < got;) {
    inotify_event event{};
    std::memcpy(&event, buffer + at, sizeof event);
    const char* name = buffer + at + sizeof event;
    handle(event, event.len > 0 ? std::string(name) : std::string());
    at += static_cast<ssize_t>(sizeof event + event.len);
  }
  settle_moved_folder();
}

void Watches::handle(const inotify_event& event, const std::string& name) {
  ++parts_.changes;
  if ((event.mask & IN_Q_OVERFLOW) != 0) return everything_changed();
  uint64_t id = 0;
  {
    const std::lock_guard lock(mutex_);
    const auto at = folders_.find(event.wd);
    if (at == folders_.end()) return;
    id = at->second;
    if ((event.mask & IN_IGNORED) != 0) folders_.erase(at);
  }
  const NodeRef folder = parts_.nodes.find(id);
  if (!folder) return;
  if ((event.mask & IN_IGNORED) != 0) {
    parts_.nodes.with(folder, [](Node& known) { known.watch = kNoWatch; });
    forget_content(id, !folder.is_regular());
  } else if (name.empty()) {
    forget_content(id, folder.is_folder() || (event.mask & kContent) == IN_ATTRIB);
  } else {
    handle_name(folder, event, name);
  }
}

void Watches::handle_name(const NodeRef& folder, const inotify_event& event, const std::string& name) {
  const Opened opened = parts_.nodes.descriptor(folder);
  const auto state = parts_.nodes.with(folder, [](const Node& known) { return known.mask_state; });
  Masks::Step step = parts_.masks.step(state, name, folder.id() == kRootId);
  step.masked |= is_hidden(folder, opened);
  const uint32_t kind = event.mask & kNames;
  const bool own = kind != 0 && !step.masked && take_expected(folder.id(), name, kind);
  if (!own && (event.mask & IN_ISDIR) != 0) follow_folder(event, step);
  if (opened.descriptor >= 0) follow_masked(folder.id(), opened.descriptor, event, name, step.masked);
  if (step.masked || step.token_holder || (kind != 0 && !own)) parts_.places.doubt();
  if (step.masked) return;  // its name is not told
  if (kind != 0) {
    if (!own) forget_entry(folder.id(), name);
    return;
  }
  // Whether a .npmrc is shown depends on what it holds.
  if (step.token_holder) forget_entry(folder.id(), name);
  if (opened.descriptor >= 0) content_changed(folder, opened.descriptor, name, (event.mask & kContent) == IN_ATTRIB);
}

// The folder itself may be masked by now, and with it all that is in it.
bool Watches::is_hidden(const NodeRef& folder, const Opened& opened) {
  if (opened.descriptor < 0) return opened.errnum == ESTALE;
  return opened.placed_era != parts_.places.era() && parts_.places.check(folder, opened.descriptor) != 0;
}

// A move is two events, one behind the other, or one where the other side is not watched.
void Watches::follow_folder(const inotify_event& event, const Masks::Step& step) {
  if ((event.mask & (IN_MOVED_FROM | IN_MOVED_TO)) == 0) return;
  const auto from = moved_folder_;
  const bool second = from && (event.mask & IN_MOVED_TO) != 0 && from->cookie == event.cookie;
  if (!second) settle_moved_folder();
  moved_folder_.reset();
  if ((event.mask & IN_MOVED_FROM) != 0) {
    moved_folder_ = MovedFolder{.cookie = event.cookie, .step = step};
    return;
  }
  const bool same = second && !step.masked && !from->step.masked && step.state == from->step.state;
  folder_moved(!same);
}

void Watches::settle_moved_folder() {
  if (std::exchange(moved_folder_, std::nullopt)) folder_moved(true);
}

void Watches::folder_moved(bool masks_differ) {
  parts_.hidden.folder_moved(masks_differ);
  if (masks_differ) parts_.places.moved();
}

// What a masked name leads to is remembered, also when it is moved to another name, and from there to a third one.
void Watches::follow_masked(uint64_t folder, int descriptor, const inotify_event& event, const std::string& name,
                            bool masked) {
  if (masked) (void)parts_.hidden.met(descriptor, name);
  const uint32_t kind = event.mask & kNames;
  // What is made under the name of a deleted file comes with an event of its own.
  if (kind == 0 || kind == IN_DELETE) return;
  const auto moved = moved_masked_.find({folder, name});
  const bool known = moved != moved_masked_.end();
  if (kind == IN_MOVED_FROM && (masked || known)) masked_cookie_ = event.cookie;
  if (kind == IN_MOVED_TO && event.cookie == masked_cookie_) {
    const auto found = parts_.hidden.met(descriptor, name);
    if (!masked && (known || moved_masked_.size() < kMaxMovedMasked)) moved_masked_[{folder, name}] = found;
    return;
  }
  if (!known) return;
  if (kind != IN_MOVED_FROM && moved->second) parts_.hidden.take_back(descriptor, name, *moved->second);
  moved_masked_.erase(moved);
}

void Watches::content_changed(const NodeRef& folder, int descriptor, const std::string& name, bool attributes_only) {
  struct stat status {};
  if (::fstatat(descriptor, name.c_str(), &status, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) != 0) return;
  if (status.st_dev != folder.file().device) return;
  const NodeRef node = parts_.nodes.find_file(id_of(status));
  if (!node) return;
  const bool own =
      parts_.nodes.with(node, [&](const Node& known) { return known.own_change && known.seen == content_of(status); });
  if (!own) forget_content(node.id(), attributes_only || !node.is_regular());
}

// More happened than the queue holds. What is still where it was keeps its name, since a folder that somebody is in
// would lose it.
void Watches::everything_changed() {
  {
    const std::lock_guard lock(mutex_);
    expected_.clear();
  }
  folder_moved(true);
  parts_.nodes.for_each([this](uint64_t id, uint16_t type, const Place& place) {
    forget_content(id, type != S_IFREG);
    if (id == kRootId) return;
    const NodeRef folder = parts_.nodes.find(place.parent);
    const NodeRef node = parts_.nodes.find(id);
    if (!folder || !node) return;
    const Opened opened = parts_.nodes.descriptor(folder);
    struct stat status {};
    const bool same = opened.descriptor >= 0 &&
                      ::fstatat(opened.descriptor, place.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 &&
                      id_of(status) == node.file();
    if (!same) forget_entry(place.parent, place.name);
  });
}

void Watches::forget_entry(uint64_t folder, const std::string& name) {
  if (!told_.insert(key_of(folder, name, 0)).second) return;
  const fuse_notify_inval_entry_out fields{.parent = folder, .namelen = static_cast<uint32_t>(name.size()), .flags = 0};
  parts_.channel.notify(FUSE_NOTIFY_INVAL_ENTRY, span_of(fields), name);
}

void Watches::forget_content(uint64_t node, bool attributes_only) {
  if (!told_.insert(key_of(node, {}, attributes_only ? 1 : 2)).second) return;
  const fuse_notify_inval_inode_out fields{.ino = node, .off = attributes_only ? -1 : 0, .len = 0};
  parts_.channel.notify(FUSE_NOTIFY_INVAL_INODE, span_of(fields), {});
}

}  // namespace caisson::share
