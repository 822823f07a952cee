// SPDX-License-Identifier: Apache-2.0

// All that the operations of one share work with.
#pragma once

#include <atomic>

#include "share/baseline.h"
#include "share/channel.h"
#include "share/handles.h"
#include "share/hidden_files.h"
#include "share/locks.h"
#include "share/masks.h"
#include "share/node_table.h"
#include "share/places.h"
#include "share/server.h"
#include "share/watches.h"

namespace caisson::share {

struct Share {
  explicit Share(ShareOptions given);

  bool read_only() const { return options.mode == Mode::kReadOnly; }

  ShareOptions options;
  int root;  // its O_PATH descriptor, which is the root node's
  uint64_t root_device = 0;
  std::atomic<uint64_t> changes = 0;  // of the host's files, that were seen
  Masks masks;
  NodeTable nodes;
  Places places;
  HiddenFiles hidden;
  Handles handles;
  Baseline baseline;
  Channel channel;
  Watches watches;
  Locks locks;
  std::atomic<bool> introduced = false;              // INIT has come
  std::atomic<bool> folders_need_no_handle = false;  // the guest reads folders without opening them
};

}  // namespace caisson::share
