// SPDX-License-Identifier: Apache-2.0

// The nodes that the guest knows.
//
// A node is a file's identity, (device, inode), and while it is in use an O_PATH descriptor, which holds the inode.
// What a path says is never stored and never walked again: a folder may be renamed, moved away or replaced by a link at
// any moment, by the host and in mode rw by the guest.
//
// Descriptors are few (RLIMIT_NOFILE) and a guest may know a million files. So the ones that were used least recently
// are closed, and their nodes keep a hint: their parent, and the name under which they were found. With it a node is
// opened again one component after the other, each by openat2(2) beneath its parent, never through a link, and the
// result has to be the same (device, inode) as before; else it is stale. The hint can at worst find what a LOOKUP of
// the same names finds.
//
// Nodes are bounded as well. What a guest has to do for that is to forget; see `crowded` and `kFull`.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <vector>

#include "share/file_index.h"
#include "share/node.h"

namespace caisson::share {

inline constexpr uint64_t kRootId = 1;

class NodeTable;

// A node that a request works with: it stays, and its descriptor stays open, until this goes.
class NodeRef {
 public:
  NodeRef() = default;
  NodeRef(NodeTable* table, uint32_t slot, Node* node, uint64_t id)
      : table_(table), node_(node), id_(id), slot_(slot) {}
  NodeRef(NodeRef&& other) noexcept { swap(other); }
  NodeRef& operator=(NodeRef&& other) noexcept {
    swap(other);
    return *this;
  }
  NodeRef(const NodeRef&) = delete;
  NodeRef& operator=(const NodeRef&) = delete;
  ~NodeRef();

  explicit operator bool() const { return node_ != nullptr; }
  uint64_t id() const { return id_; }
  // These never change.
  const FileId& file() const { return node_->file; }
  bool is_folder() const { return node_->type == S_IFDIR; }
  bool is_regular() const { return node_->type == S_IFREG; }
  bool is_link() const { return node_->type == S_IFLNK; }

 private:
  friend class NodeTable;
  void swap(NodeRef& other) noexcept {
    std::swap(table_, other.table_);
    std::swap(node_, other.node_);
    std::swap(id_, other.id_);
    std::swap(slot_, other.slot_);
  }
  NodeTable* table_ = nullptr;
  Node* node_ = nullptr;
  uint64_t id_ = 0;
  uint32_t slot_ = kNoSlot;
};

struct NodeLimits {
  size_t nodes = size_t{2} << 20;
  size_t descriptors = 4096;  // open at a time for nodes
};

// Where a node was seen.
struct Place {
  uint64_t parent = 0;
  std::string name;
};

// What is found by a name, on its way into the table.
struct Found {
  uint64_t parent;
  std::string_view name;
  const struct stat& status;
  base::Fd descriptor;  // may be none
  uint64_t mask_state = 0;
  bool token_holder = false;
  uint32_t placed_era = 0;
};

// A descriptor, or an errno.
struct Opened {
  int descriptor = -1;
  uint32_t placed_era = 0;
  int errnum = 0;
};

class NodeTable {
 public:
  NodeTable(base::Fd root, const struct stat& status, NodeLimits limits);
  NodeTable(const NodeTable&) = delete;
  NodeTable& operator=(const NodeTable&) = delete;

  // Nothing where the guest was not told of that id, or has forgotten it.
  NodeRef find(uint64_t id);
  // The node of a file, where there is one already; counts nothing.
  NodeRef find_file(const FileId& file);
  // The node of what was found, counted as told once more. Nothing where the table is full.
  NodeRef enter(Found found);
  void forget(uint64_t id, uint64_t count);

  // The node's descriptor (O_PATH), borrowed as long as `node` is. Where it was closed it is opened again: ESTALE where
  // its name leads to something else now.
  Opened descriptor(const NodeRef& node);

  // Reads or changes a node's other fields, under the table's lock: `use` is to be short and to call nothing of here.
  template <typename Use>
  auto with(const NodeRef& node, const Use& use) {
    const std::lock_guard lock(mutex_);
    return use(*node.node_);
  }
  Place place(const NodeRef& node);
  // A node's new place, after a rename that was seen.
  void moved(const NodeRef& node, uint64_t parent, std::string_view name);

  // Called with the watch and the descriptor, if it is open, of a folder that was forgotten, under the table's lock.
  void on_unwatched(std::function<void(int watch, int descriptor)> unwatch) { unwatch_ = std::move(unwatch); }

  // How long what is said of a node stays true without a word of the host's: whether its place is watched, and for a
  // folder (or the top) whether it is itself.
  struct Watched {
    bool place = false;
    bool itself = false;
    bool shared_by_lock = false;
  };
  Watched watched(const NodeRef& node);
  // More than three quarters full.
  bool is_crowded() const { return crowded_.load(); }

  size_t size();
  size_t open_descriptors();
  // Places of `count` files that the guest might forget, while the table is crowded; each call goes on behind the last
  // one. No folders: somebody may be in one, and would lose its name.
  std::vector<Place> crowded(size_t count);
  // For each node that is known now: called with its id, type and place, without the lock.
  void for_each(const std::function<void(uint64_t, uint16_t, const Place&)>& visit);

 private:
  friend class NodeRef;
  uint64_t id_at(uint32_t slot) const { return uint64_t{nodes_[slot].serial} << 32 | slot; }
  Node* known(uint64_t id);
  NodeRef pin(uint32_t slot);
  uint32_t new_slot();
  void unpin(uint32_t slot);
  void free_if_unused(uint32_t slot);
  void keep_descriptor(uint32_t slot, base::Fd descriptor, std::vector<base::Fd>& closed);
  void list(uint32_t slot);
  void unlist(uint32_t slot);
  bool collect_hints(uint64_t id, std::vector<Place>& hints, std::vector<FileId>& files, base::Fd& top);

  std::mutex mutex_;
  NodeLimits limits_;
  std::deque<Node> nodes_;  // by slot; addresses stay
  std::vector<uint32_t> free_;
  FileIndex index_;
  uint32_t newest_ = kNoSlot;
  uint32_t oldest_ = kNoSlot;
  size_t open_ = 0;
  uint32_t crowded_at_ = 0;
  std::atomic<bool> crowded_ = false;
  std::function<const FileId&(uint32_t)> file_of_;
  std::function<void(int, int)> unwatch_;
};

// One component beneath an open folder: openat2(2), through no link (a link itself with O_PATH | O_NOFOLLOW) and no
// magic link. An errno in `errnum`.
base::Fd open_beneath(int folder, const std::string& name, int flags, int& errnum);

// Whether what is in the file system of that descriptor is content, and no door to the kernel as /proc.
bool has_content(int descriptor);

}  // namespace caisson::share
