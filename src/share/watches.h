// SPDX-License-Identifier: Apache-2.0

// Changes that others make to the shared files, as the host's kernel tells them (inotify(7)), and their announcement to
// the guest, whose kernel may keep what it knows for long because of it.
//
// A folder is watched once the guest looks into it. Then names in it are good for an hour, and so are the attributes of
// what they lead to; without a watch (their number is bounded), or with more than one hard link, for a second. What is
// written through a shared mapping on the host is told when the file is closed.
//
// One thread reads the events. It alone sends notifications, as the guest's kernel may let one wait until a request is
// answered.
#pragma once

#include <sys/inotify.h>

#include <atomic>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "share/channel.h"
#include "share/hidden_files.h"
#include "share/masks.h"
#include "share/node_table.h"
#include "share/places.h"

namespace caisson::share {

// Of all the share's parts those that are worked with here.
struct WatchedParts {
  NodeTable& nodes;
  Places& places;
  Channel& channel;
  const Masks& masks;
  HiddenFiles& hidden;
  std::atomic<uint64_t>& changes;  // counted before the guest is told
};

class Watches {
 public:
  Watches(WatchedParts parts, size_t limit);

  // Has the folder (or the file, for a share of one) watched, if it is not yet and can be.
  void watch(const NodeRef& node, int descriptor);

  // The guest itself is about to change a name in the folder: the event (IN_CREATE, IN_DELETE, IN_MOVED_FROM,
  // IN_MOVED_TO) is not to be announced. False where none will come. Taken back where the change did not happen.
  bool expect(const NodeRef& folder, const std::string& name, uint32_t event);
  void unexpect(const NodeRef& folder, const std::string& name, uint32_t event);

  // The guest got a lock on the file: what it keeps of the file is taken from it, and then it is answered.
  void answer_lock(uint64_t node, uint64_t unique);
  // Asks the guest to forget files, since the table of nodes fills up.
  void ask_to_forget();

  // Works until stop().
  void run();
  void stop();

 private:
  struct Answer {
    uint64_t node;
    uint64_t unique;
  };
  void read_events();
  void handle(const inotify_event& event, const std::string& name);
  void handle_name(const NodeRef& folder, const inotify_event& event, const std::string& name);
  bool is_hidden(const NodeRef& folder, const Opened& opened);
  void follow_folder(const inotify_event& event, const Masks::Step& step);
  void settle_moved_folder();
  void folder_moved(bool masks_differ);
  void follow_masked(uint64_t folder, int descriptor, const inotify_event& event, const std::string& name, bool masked);
  void content_changed(const NodeRef& folder, int descriptor, const std::string& name, bool attributes_only);
  void everything_changed();
  bool take_expected(uint64_t folder, const std::string& name, uint32_t event);
  void forget_entry(uint64_t folder, const std::string& name);
  void forget_content(uint64_t node, bool attributes_only);
  void do_asked();
  void wake();

  WatchedParts parts_;
  size_t limit_;
  base::Fd inotify_;
  base::Fd wake_;
  std::mutex mutex_;
  std::unordered_map<int, uint64_t> folders_;  // by watch
  std::unordered_map<std::string, uint32_t> expected_;
  std::vector<Answer> answers_;
  std::unordered_set<std::string> told_;  // of the events that were read together: once is enough
  // The last folder that was moved from where it was, until it is known where to.
  struct MovedFolder {
    uint32_t cookie;
    Masks::Step step;
  };
  std::optional<MovedFolder> moved_folder_;
  uint32_t masked_cookie_ = 0;  // of the last rename of a masked file
  // Where renames took masked files, by folder and name; with what was found there, if only the name says that it is
  // masked: by the time an event is read, another file may have the name.
  std::map<std::pair<uint64_t, std::string>, std::optional<FileId>> moved_masked_;
  std::atomic<bool> crowded_ = false;
  std::atomic<bool> stopping_ = false;
};

}  // namespace caisson::share
