// SPDX-License-Identifier: Apache-2.0

#include "share/node_table.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/error.h"

namespace caisson::share {
namespace {

// Nothing that a path can name is deeper (PATH_MAX / 2).
constexpr size_t kMaxDepth = 2048;
// How many of the oldest are looked at for one that may be closed.
constexpr int kEvictionTries = 64;
constexpr uint32_t kRootSlot = 1;

// File systems in which files are doors to the kernel, not content.
constexpr std::array<long, 10> kNoContent = {PROC_SUPER_MAGIC,    SYSFS_MAGIC,   DEVPTS_SUPER_MAGIC, CGROUP_SUPER_MAGIC,
                                             CGROUP2_SUPER_MAGIC, DEBUGFS_MAGIC, TRACEFS_MAGIC,      SECURITYFS_MAGIC,
                                             BPF_FS_MAGIC,        SELINUX_MAGIC};

}  // namespace

base::Fd open_beneath(int folder, const std::string& name, int flags, int& errnum) {
  open_how how{};
  how.flags = static_cast<uint64_t>(flags | O_CLOEXEC);
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  base::Fd opened(static_cast<int>(::syscall(SYS_openat2, folder, name.c_str(), &how, sizeof how)));
  errnum = opened ? 0 : errno;
  return opened;
}

bool has_content(int descriptor) {
  struct statfs facts {};
  if (::fstatfs(descriptor, &facts) != 0) return false;
  return std::none_of(kNoContent.begin(), kNoContent.end(),
                      [&](long magic) { return static_cast<long>(facts.f_type) == magic; });
}

NodeRef::~NodeRef() {
  if (node_ != nullptr) table_->unpin(slot_);
}

NodeTable::NodeTable(base::Fd root, const struct stat& status, NodeLimits limits) : limits_(limits), nodes_(2) {
  file_of_ = [this](uint32_t slot) -> const FileId& { return nodes_[slot].file; };
  Node& node = nodes_[kRootSlot];
  node.file = id_of(status);
  node.type = static_cast<uint16_t>(status.st_mode & S_IFMT);
  node.lookups = 1;
  node.used = true;
  node.file_fd = std::move(root);
  index_.insert(kRootSlot, file_of_);
}

Node* NodeTable::known(uint64_t id) {
  const auto slot = static_cast<uint32_t>(id);
  if (slot == 0 || slot >= nodes_.size()) return nullptr;
  Node& node = nodes_[slot];
  return node.used && node.lookups > 0 && node.serial == id >> 32 ? &node : nullptr;
}

NodeRef NodeTable::pin(uint32_t slot) {
  Node& node = nodes_[slot];
  ++node.pins;
  return {this, slot, &node, id_at(slot)};
}

NodeRef NodeTable::find(uint64_t id) {
  const std::lock_guard lock(mutex_);
  return known(id) != nullptr ? pin(static_cast<uint32_t>(id)) : NodeRef();
}

NodeRef NodeTable::find_file(const FileId& file) {
  const std::lock_guard lock(mutex_);
  const uint32_t slot = index_.find(file, file_of_);
  return slot != kNoSlot && nodes_[slot].lookups > 0 ? pin(slot) : NodeRef();
}

uint32_t NodeTable::new_slot() {
  if (free_.empty()) {
    nodes_.emplace_back();
    return static_cast<uint32_t>(nodes_.size() - 1);
  }
  const uint32_t slot = free_.back();
  free_.pop_back();
  return slot;
}

NodeRef NodeTable::enter(Found found) {
  std::vector<base::Fd> closed;  // behind the lock
  const std::lock_guard lock(mutex_);
  const FileId file = id_of(found.status);
  uint32_t slot = index_.find(file, file_of_);
  if (slot == kNoSlot) {
    if (index_.size() >= limits_.nodes) return {};
    slot = new_slot();
    Node& fresh = nodes_[slot];
    fresh.file = file;
    fresh.used = true;
    index_.insert(slot, file_of_);
    crowded_ = index_.size() > limits_.nodes / 4 * 3;
  }
  Node& node = nodes_[slot];
  ++node.lookups;
  node.type = static_cast<uint16_t>(found.status.st_mode & S_IFMT);
  if (slot != kRootSlot) {
    node.parent = found.parent;
    node.name = found.name;
    node.mask_state = found.mask_state;
    node.token_holder = found.token_holder;
    node.placed_era = found.placed_era;
    node.placed_ns = settled_change_ns(found.status);
  }
  if (found.descriptor && !node.file_fd) keep_descriptor(slot, std::move(found.descriptor), closed);
  return pin(slot);
}

void NodeTable::forget(uint64_t id, uint64_t count) {
  const std::lock_guard lock(mutex_);
  Node* node = known(id);
  if (node == nullptr || id == kRootId) return;
  node->lookups -= std::min(node->lookups, count);
  free_if_unused(static_cast<uint32_t>(id));
}

void NodeTable::unpin(uint32_t slot) {
  const std::lock_guard lock(mutex_);
  --nodes_[slot].pins;
  free_if_unused(slot);
}

void NodeTable::free_if_unused(uint32_t slot) {
  Node& node = nodes_[slot];
  if (node.lookups > 0 || node.pins > 0) return;
  if (node.listed) unlist(slot);
  if (node.watch >= 0 && unwatch_) unwatch_(node.watch, node.file_fd.get());
  index_.erase(slot, file_of_);
  crowded_ = index_.size() > limits_.nodes / 4 * 3;
  // A slot that has had all its serial numbers is left alone, so that no id comes back.
  const uint32_t serial = node.serial + 1;
  node = Node();
  node.serial = serial;
  if (serial != UINT32_MAX) free_.push_back(slot);
}

void NodeTable::list(uint32_t slot) {
  Node& node = nodes_[slot];
  node.listed = true;
  node.older = newest_;
  node.newer = kNoSlot;
  if (newest_ != kNoSlot) nodes_[newest_].newer = slot;
  newest_ = slot;
  if (oldest_ == kNoSlot) oldest_ = slot;
  ++open_;
}

void NodeTable::unlist(uint32_t slot) {
  Node& node = nodes_[slot];
  (node.newer != kNoSlot ? nodes_[node.newer].older : newest_) = node.older;
  (node.older != kNoSlot ? nodes_[node.older].newer : oldest_) = node.newer;
  node.listed = false;
  --open_;
}

void NodeTable::keep_descriptor(uint32_t slot, base::Fd descriptor, std::vector<base::Fd>& closed) {
  nodes_[slot].file_fd = std::move(descriptor);
  list(slot);
  uint32_t at = oldest_;
  for (int tries = 0; open_ > limits_.descriptors && at != kNoSlot && tries < kEvictionTries; ++tries) {
    const uint32_t newer = nodes_[at].newer;
    if (nodes_[at].pins == 0 && at != slot) {
      unlist(at);
      closed.push_back(std::move(nodes_[at].file_fd));
    }
    at = newer;
  }
}

// From the node up to the first one that is open: names and files, the node's own first.
bool NodeTable::collect_hints(uint64_t id, std::vector<Place>& hints, std::vector<FileId>& files, base::Fd& top) {
  for (size_t depth = 0; depth < kMaxDepth; ++depth) {
    Node* node = known(id);
    if (node == nullptr) return false;
    if (node->file_fd) {
      top = node->file_fd.duplicate();
      return true;
    }
    hints.push_back({.parent = node->parent, .name = node->name});
    files.push_back(node->file);
    id = node->parent;
  }
  return false;
}

Opened NodeTable::descriptor(const NodeRef& node) {
  std::vector<Place> hints;
  std::vector<FileId> files;
  base::Fd at;
  {
    const std::lock_guard lock(mutex_);
    if (node.node_->file_fd) {
      if (node.node_->listed && newest_ != node.slot_) {
        unlist(node.slot_);
        list(node.slot_);
      }
      return {.descriptor = node.node_->file_fd.get(), .placed_era = node.node_->placed_era};
    }
    hints.push_back({.parent = node.node_->parent, .name = node.node_->name});
    files.push_back(node.node_->file);
    if (!collect_hints(hints[0].parent, hints, files, at)) return {.errnum = ESTALE};
  }
  for (size_t i = hints.size(); i-- > 0;) {
    int errnum = 0;
    at = open_beneath(at.get(), hints[i].name, O_PATH | O_NOFOLLOW, errnum);
    if (!at) return {.errnum = errnum == EMFILE || errnum == ENFILE ? ENFILE : ESTALE};
    struct stat status {};
    if (::fstat(at.get(), &status) != 0 || id_of(status) != files[i]) return {.errnum = ESTALE};
  }
  std::vector<base::Fd> closed;
  const std::lock_guard lock(mutex_);
  // Another request may have been quicker.
  if (!node.node_->file_fd) keep_descriptor(node.slot_, std::move(at), closed);
  return {.descriptor = node.node_->file_fd.get(), .placed_era = node.node_->placed_era};
}

Place NodeTable::place(const NodeRef& node) {
  const std::lock_guard lock(mutex_);
  return {.parent = node.node_->parent, .name = node.node_->name};
}

void NodeTable::moved(const NodeRef& node, uint64_t parent, std::string_view name) {
  const std::lock_guard lock(mutex_);
  node.node_->parent = parent;
  node.node_->name = name;
}

NodeTable::Watched NodeTable::watched(const NodeRef& node) {
  const std::lock_guard lock(mutex_);
  const Node* parent = node.id() == kRootId ? nullptr : known(node.node_->parent);
  return {.place = node.id() == kRootId ? node.node_->watch >= 0 : parent != nullptr && parent->watch >= 0,
          .itself = node.node_->watch >= 0,
          .shared_by_lock = node.node_->shared_by_lock};
}

size_t NodeTable::size() {
  const std::lock_guard lock(mutex_);
  return index_.size();
}

size_t NodeTable::open_descriptors() {
  const std::lock_guard lock(mutex_);
  return open_;
}

std::vector<Place> NodeTable::crowded(size_t count) {
  const std::lock_guard lock(mutex_);
  std::vector<Place> places;
  if (!crowded_) return places;
  for (size_t tries = 0; places.size() < count && tries < nodes_.size(); ++tries) {
    crowded_at_ = (crowded_at_ + 1) % static_cast<uint32_t>(nodes_.size());
    const Node& node = nodes_[crowded_at_];
    if (node.used && node.type != S_IFDIR && crowded_at_ != kRootSlot && node.pins == 0)
      places.push_back({.parent = node.parent, .name = node.name});
  }
  return places;
}

void NodeTable::for_each(const std::function<void(uint64_t, uint16_t, const Place&)>& visit) {
  for (uint32_t slot = kRootSlot;; ++slot) {
    uint64_t id = 0;
    uint16_t type = 0;
    Place place;
    {
      const std::lock_guard lock(mutex_);
      if (slot >= nodes_.size()) return;
      const Node& node = nodes_[slot];
      if (!node.used || node.lookups == 0) continue;
      id = id_at(slot);
      type = node.type;
      place = {.parent = node.parent, .name = node.name};
    }
    visit(id, type, place);
  }
}

}  // namespace caisson::share
