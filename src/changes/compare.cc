// SPDX-License-Identifier: Apache-2.0

// From the records of an overlay's upper folder to what they mean for the host's folder.
//
// What the guest sees at a folder is its records over a *lower* folder of the host's: that of the same path; another
// one, where it was renamed; or none, where it was made anew (opaque). Where the lower folder is not the one of the
// same path, what the host has there is not a part of what the guest sees: it goes, and what the lower one has comes,
// from the host's own files. Where that has happened already, the folder's own files are what it lies over.

#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <set>

#include "base/error.h"
#include "base/text.h"
#include "changes/change_set.h"
#include "changes/classes.h"
#include "changes/git_index.h"
#include "changes/modes.h"

namespace caisson::changes {
namespace {

using link::ChangeKind;

// A folder's lower one; none where nothing of the host's shows through.
using Lower = std::optional<std::string>;

std::string joined(const std::string& folder, std::string_view name) {
  return folder.empty() ? std::string(name) : folder + "/" + std::string(name);
}

class Comparison {
 public:
  explicit Comparison(const CompareOptions& options)
      : root_(options.root),
        received_(options.received),
        baseline_(options.baseline),
        names_(options.names),
        is_masked_(options.is_masked),
        is_hidden_(options.is_hidden) {}

  ChangeSet run() {
    size_t at = 0;
    folder("", "", at);
    return std::move(set_);
  }

 private:
  const std::vector<ReceivedRecord>& records() const { return received_.records(); }
  // The guest never saw it there: by that name, or by another one of the same file.
  bool masked(const std::string& path, const HostFile& file) const {
    if (is_masked_ && is_masked_(path)) return true;
    return file.type == FileType::kFile && file.links > 1 && is_hidden_ && is_hidden_(path);
  }

  // The record at `at` is one of a name in `path`.
  bool is_in(size_t at, const std::string& path) const {
    return at < records().size() && parent_of(records()[at].record.path) == path;
  }

  // What is in a folder, from the record `at` on, which is left behind its last one.
  void folder(const std::string& path, const Lower& lower, size_t& at) {
    std::vector<std::string> others;
    if (!lower || *lower != path) others = names_besides(path, lower);
    auto other = others.begin();
    while (is_in(at, path)) {
      const std::string name(name_of(records()[at].record.path));
      for (; other != others.end() && *other < name; ++other) unrecorded(joined(path, *other), lower, *other);
      if (other != others.end() && *other == name) ++other;
      record(lower, at);
    }
    for (; other != others.end(); ++other) unrecorded(joined(path, *other), lower, *other);
  }

  // Names that matter although no record may speak of them.
  std::vector<std::string> names_besides(const std::string& path, const Lower& lower) {
    std::vector<std::string> names = root_.names(path, kMostChanges);
    if (lower) {
      const std::vector<std::string> below = root_.names(*lower, kMostChanges);
      names.insert(names.end(), below.begin(), below.end());
      std::sort(names.begin(), names.end());
      names.erase(std::unique(names.begin(), names.end()), names.end());
    }
    return names;
  }

  void unrecorded(const std::string& path, const Lower& lower, const std::string& name) {
    const std::string source = lower ? joined(*lower, name) : std::string();
    const HostFile from = lower ? root_.look(source) : HostFile();
    // What the guest never saw does not come along: in its new place it would have a name that is not masked.
    if (from.exists() && !masked(source, from)) {
      moved(path, source, from);
    } else {
      removed(path);
    }
  }

  void record(const Lower& parent, size_t& at) {
    const size_t index = at++;
    const link::ChangeRecord& record = records()[index].record;
    if (record.path.starts_with(".caisson-apply-")) {
      leave_out(record.path);
      skip_below(record.path, at);
      return;
    }
    switch (record.kind) {
      case ChangeKind::kFolder:
        return folder_record(record, parent, at);
      case ChangeKind::kFile:
        return file_record(record, index);
      case ChangeKind::kSymlink:
        return symlink_record(record);
      case ChangeKind::kRemoved:
        return removed(record.path);
      case ChangeKind::kLeftOut:
      case ChangeKind::kEnd:
        return leave_out(record.path);
    }
  }

  void skip_below(const std::string& path, size_t& at) const {
    while (at < records().size() && is_below(records()[at].record.path, path)) ++at;
  }

  Lower lower_of(const link::ChangeRecord& record, const Lower& parent) {
    if (record.opaque) return std::nullopt;
    std::string lower;
    if (!record.target.empty()) {
      // An overlay has each folder of the host's in one place.
      if (!renamed_.insert(record.target).second)
        throw base::Error("the sandbox's list of changes is refused: " + base::in_quotes(record.target) +
                          " was renamed twice");
      lower = record.target;
    } else if (parent) {
      lower = joined(*parent, name_of(record.path));
    } else {
      return std::nullopt;
    }
    if (root_.folder(lower)) return lower;
    // It has come here on the host, too: by an apply, after which the guest may still have it as renamed.
    if (!record.target.empty() && root_.folder(record.path)) return record.path;
    return std::nullopt;
  }

  void folder_record(const link::ChangeRecord& record, const Lower& parent, size_t& at) {
    Change change = begin(record.path, FileType::kFolder);
    change.mtime_ns = record.mtime_ns;
    const Lower lower = lower_of(record, parent);
    const bool is_there = change.before.type == FileType::kFolder;
    change.same_content = is_there;
    // One that was renamed is no new one.
    change.mode = !is_there && lower ? modes_.of_old(record.mode, root_.look(*lower)) : mode_after(change, record.mode);
    if (!is_there || (change.before.mode & 0777U) != change.mode) {
      if (!is_there) judge(change);
      add(std::move(change));
    }
    folder(record.path, lower, at);
  }

  void file_record(const link::ChangeRecord& record, size_t index) {
    Change change = begin(record.path, FileType::kFile);
    change.mtime_ns = record.mtime_ns;
    change.size = record.real_size;
    change.record = static_cast<int64_t>(index);
    if (change.before.type == FileType::kFile && change.size == change.before.size)
      change.same_content = has_content(record.path, index);
    change.mode = mode_after(change, record.mode);
    if (change.same_content && (change.before.mode & 0777U) == change.mode) return;
    judge(change);
    if (is_git_index(change.path) && change.before.type == FileType::kFile && is_settled_index(change, index)) return;
    add_with_removals(std::move(change));
  }

  // git writes an index anew when it only looks, and that changes nothing that anybody has chosen. One that says of its
  // files what the host's says, or what was there at first, is no change; and the host's is none, if it says that.
  bool is_settled_index(Change& change, size_t index) const {
    const auto ours = host_index(root_, change.path);
    if (!ours) return false;
    if (names_.had_index(change.path, *ours)) change.conflict = false;
    const auto theirs = received_index(index);
    return theirs && (*theirs == *ours || names_.had_index(change.path, *theirs));
  }
  std::optional<uint64_t> received_index(size_t index) const {
    const ReceivedRecord& received = records()[index];
    if (received.record.size != received.record.real_size || received.record.size > kMostIndexBytes)
      return std::nullopt;
    std::string bytes;
    received_.content(received, [&bytes](std::span<const char> part) {
      bytes.append(part.data(), part.size());
      return true;
    });
    return entries_of_index(bytes);
  }

  void symlink_record(const link::ChangeRecord& record) {
    Change change = begin(record.path, FileType::kSymlink);
    change.mtime_ns = record.mtime_ns;
    change.target = record.target;
    if (change.before.type == FileType::kSymlink && root_.link_target(record.path) == record.target) return;
    judge(change);
    add_with_removals(std::move(change));
  }

  // What is at `source` on the host is at `path` in the guest.
  void moved(const std::string& path, const std::string& source, const HostFile& from) {
    Change change = begin(path, from.type);
    change.mode = from.mode & 0777U;
    change.mtime_ns = from.mtime_ns;
    if (from.type == FileType::kOther) return leave_out(path);
    if (from.type == FileType::kFolder) {
      if (change.before.type != FileType::kFolder) {
        judge(change);
        add(std::move(change));
      }
      size_t none = records().size();
      return folder(path, source, none);
    }
    if (from.type == FileType::kSymlink) {
      change.target = root_.link_target(source).value_or("");
      if (change.before.type == FileType::kSymlink && root_.link_target(path) == change.target) return;
    } else {
      change.size = from.size;
      change.source = source;
      change.source_file = from;
      change.same_content =
          change.before.type == FileType::kFile && from.size == change.before.size && same(path, source);
      if (change.before.type == FileType::kFile) change.mode = mode_after(change, change.mode);
      if (change.same_content && (change.before.mode & 0777U) == change.mode) return;
    }
    judge(change);
    add_with_removals(std::move(change));
  }

  void removed(const std::string& path) {
    Change change = begin(path, FileType::kNone);
    if (!change.before.exists()) return;
    judge(change);
    add_with_removals(std::move(change));
  }

  // With the removal of what is in a folder that goes.
  void add_with_removals(Change change) {
    const bool was_folder = change.before.type == FileType::kFolder;
    const std::string path = change.path;
    add(std::move(change));
    if (!was_folder) return;
    for (const std::string& name : root_.names(path, kMostChanges)) removed(joined(path, name));
  }

  Change begin(const std::string& path, FileType after) const {
    Change change;
    change.path = path;
    change.before = root_.look(path);
    change.after = after;
    return change;
  }

  // What an apply makes of the mode that the guest has given it.
  uint32_t mode_after(const Change& change, uint32_t wanted) const {
    if (change.before.type != change.after) return modes_.of_new(wanted);
    if (change.same_content && is_privileged(change.before)) return change.before.mode & 0777U;
    return modes_.of_old(wanted, change.before);
  }

  // Whether the host has there what the sandbox does not know of. Folders have no state to be seen, what is in them
  // has: of them it matters that they are there.
  void judge(Change& change) const {
    // What is masked was there for the host alone.
    const Known known = masked(change.path, change.before) ? Known::kUnknown : names_.at(change.path);
    if (!change.before.exists()) {
      change.conflict = !change.is_removal() && (known == Known::kFile || known == Known::kFolder);
    } else if (change.before.type == FileType::kFolder) {
      change.conflict = change.after != FileType::kFolder && (known == Known::kFile || known == Known::kNothing);
    } else {
      change.conflict = !baseline_.knows(change.before);
    }
  }

  void add(Change change) {
    if (set_.changes.size() == kMostChanges)
      throw base::Error("there are more than " + std::to_string(kMostChanges) + " changes",
                        "name a part of the folder, or use `caisson cp`");
    change.classes = classify(change);
    if (masked(change.path, change.before)) change.classes |= bit_of(Class::kMasked);
    set_.changes.push_back(std::move(change));
  }

  void leave_out(const std::string& path) { set_.left_out.push_back(path); }

  bool has_content(const std::string& path, size_t index) const {
    const ReceivedRecord& received = records()[index];
    // Content was not asked for: what has the same size and time is taken for the same.
    if (received.record.size != received.record.real_size) return root_.look(path).mtime_ns == received.record.mtime_ns;
    const base::Fd host = root_.open(path);
    if (!host) return false;
    bool equal = true;
    received_.content(received, [&](std::span<const char> part) {
      equal = next_is(host, part);
      return equal;
    });
    char more = 0;
    return equal && ::read(host.get(), &more, 1) == 0;
  }

  bool same(const std::string& path, const std::string& source) const {
    const base::Fd one = root_.open(path);
    const base::Fd other = root_.open(source);
    if (!one || !other) return false;
    std::vector<char> part(64U << 10);
    while (true) {
      const ssize_t got = ::read(other.get(), part.data(), part.size());
      if (got < 0) throw base::system_error("cannot read", root_.path() + "/" + source);
      if (got == 0) break;
      if (!next_is(one, {part.data(), static_cast<size_t>(got)})) return false;
    }
    char more = 0;
    return ::read(one.get(), &more, 1) == 0;
  }

  static bool next_is(const base::Fd& file, std::span<const char> expected) {
    char buffer[16U << 10];
    while (!expected.empty()) {
      const ssize_t got = ::read(file.get(), buffer, std::min(sizeof buffer, expected.size()));
      if (got <= 0 || std::memcmp(buffer, expected.data(), static_cast<size_t>(got)) != 0) return false;
      expected = expected.subspan(static_cast<size_t>(got));
    }
    return true;
  }

  const HostRoot& root_;
  const Received& received_;
  const Baseline& baseline_;
  const KnownNames& names_;
  const IsMasked is_masked_;
  const IsHidden is_hidden_;
  const Modes modes_ = Modes::of_this_process();
  ChangeSet set_;
  std::set<std::string> renamed_;
};

bool is_selected(std::string_view path, const std::vector<std::string>& paths) {
  return std::any_of(paths.begin(), paths.end(),
                     [&](const std::string& wanted) { return path == wanted || is_below(path, wanted); });
}

bool is_renamed(const link::ChangeRecord& record) {
  return record.kind == ChangeKind::kFolder && !record.target.empty();
}

}  // namespace

ChangeSet compare(const CompareOptions& options) {
  return Comparison(options).run();
}

ChangeSet below(ChangeSet set, const std::vector<std::string>& paths) {
  if (paths.empty()) return set;
  // New folders that a chosen path is in.
  std::set<std::string, std::less<>> parents;
  for (const Change& change : set.changes) {
    if (!is_selected(change.path, paths)) continue;
    for (std::string_view up = parent_of(change.path); !up.empty(); up = parent_of(up)) parents.emplace(up);
  }
  std::erase_if(set.changes, [&](const Change& change) {
    if (is_selected(change.path, paths)) return false;
    const bool makes_room = change.after == FileType::kFolder && change.before.type != FileType::kFolder;
    return !makes_room || !parents.contains(change.path);
  });
  std::erase_if(set.left_out, [&](const std::string& path) { return !is_selected(path, paths); });
  return set;
}

bool has_renamed(const Received& received) {
  return std::any_of(received.records().begin(), received.records().end(),
                     [](const ReceivedRecord& each) { return is_renamed(each.record); });
}

std::vector<std::string> arrived(const HostRoot& root, const Received& received, const ChangeSet& set) {
  // The changes are in the order of a walk: what is below a folder is behind it, and before all else.
  auto is_touched = [&set](const std::string& path) {
    const auto change = std::lower_bound(
        set.changes.begin(), set.changes.end(), path,
        [](const Change& one, const std::string& sought) { return link::comes_before(one.path, sought); });
    return change != set.changes.end() && (change->path == path || is_below(change->path, path));
  };
  std::vector<std::string> paths;
  for (const ReceivedRecord& each : received.records()) {
    const link::ChangeRecord& record = each.record;
    if (!is_renamed(record)) continue;
    if (is_touched(record.path) || is_touched(record.target) || root.look(record.target).exists()) continue;
    paths.push_back(record.path);
  }
  return paths;
}

}  // namespace caisson::changes
