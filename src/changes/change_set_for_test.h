// SPDX-License-Identifier: Apache-2.0

// Trees as maps, the records that a sandbox would send about the way from one to another, and folders made of them.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <map>
#include <string>

#include "base/error.h"
#include "base/file.h"
#include "base/temp_folder_for_test.h"
#include "changes/apply.h"
#include "changes/change_set.h"
#include "changes/hidden.h"

namespace caisson::changes {

struct Node {
  FileType type = FileType::kFile;
  uint32_t mode = 0644;
  std::string text = {};  // a file's content, a link's target

  bool operator==(const Node&) const = default;
};

inline Node file_node(std::string text, uint32_t mode = 0644) {
  return {FileType::kFile, mode, std::move(text)};
}
inline Node folder_node(uint32_t mode = 0755) {
  return {FileType::kFolder, mode, ""};
}
inline Node link_node(std::string target) {
  return {FileType::kSymlink, 0, std::move(target)};
}

using Tree = std::map<std::string, Node, InWalkOrder>;

inline void make_tree(const std::string& root, const Tree& tree) {
  for (const auto& [path, node] : tree) {
    const std::string whole = root + "/" + path;
    if (node.type == FileType::kFolder) {
      ASSERT_EQ(::mkdir(whole.c_str(), 0700), 0) << path;
    } else if (node.type == FileType::kSymlink) {
      ASSERT_EQ(::symlink(node.text.c_str(), whole.c_str()), 0) << path;
    } else {
      const base::Fd file = base::open_file(whole, O_WRONLY | O_CREAT | O_EXCL);
      base::write_all(file.get(), node.text, whole);
      ::fchmod(file.get(), node.mode);
    }
  }
  for (auto item = tree.rbegin(); item != tree.rend(); ++item) {
    if (item->second.type == FileType::kFolder) ::chmod((root + "/" + item->first).c_str(), item->second.mode);
  }
}

inline Tree tree_at(const std::string& root) {
  Tree tree;
  for (auto entry = std::filesystem::recursive_directory_iterator(root);
       entry != std::filesystem::recursive_directory_iterator(); ++entry) {
    const std::string whole = entry->path().string();
    struct stat info {};
    ::lstat(whole.c_str(), &info);
    const HostFile file = host_file(info);
    Node node{file.type, file.mode, ""};
    if (file.type == FileType::kFile) node.text = base::read_file(whole);
    if (file.type == FileType::kSymlink) {
      node.mode = 0;
      node.text = std::filesystem::read_symlink(whole).string();
    }
    tree[whole.substr(root.size() + 1)] = node;
  }
  return tree;
}

inline link::ChangeRecord record_of(const std::string& path, const Node& node) {
  link::ChangeRecord record;
  record.path = path;
  if (node.type == FileType::kFolder) record.kind = link::ChangeKind::kFolder;
  if (node.type == FileType::kFile) record.kind = link::ChangeKind::kFile;
  if (node.type == FileType::kSymlink) record.kind = link::ChangeKind::kSymlink;
  record.mode = node.mode;
  if (node.type == FileType::kFile) record.size = record.real_size = node.text.size();
  if (node.type == FileType::kSymlink) record.target = node.text;
  return record;
}

inline link::ChangeRecord removed_record(const std::string& path) {
  link::ChangeRecord record;
  record.kind = link::ChangeKind::kRemoved;
  record.path = path;
  return record;
}

// The bytes of a list of changes.
class Stream {
 public:
  Stream& add(const link::ChangeRecord& record, const std::string& content = {}) {
    link::encode_change(record, bytes_);
    bytes_ += content;
    return *this;
  }
  Stream& add(const std::string& path, const Node& node) {
    return add(record_of(path, node), node.type == FileType::kFile ? node.text : "");
  }
  Stream& opaque(const std::string& path, uint32_t mode = 0755) {
    link::ChangeRecord record = record_of(path, folder_node(mode));
    record.opaque = true;
    return add(record);
  }
  Stream& renamed(const std::string& path, const std::string& from, uint32_t mode = 0755) {
    link::ChangeRecord record = record_of(path, folder_node(mode));
    record.target = from;
    return add(record);
  }
  Stream& removed(const std::string& path) { return add(removed_record(path)); }

  const std::string& bytes() const { return bytes_; }

  Received received(const std::string& folder) const {
    base::FdPair pipe = base::make_pipe();
    pipe.second.reset();
    std::string whole = bytes_;
    link::encode_change({}, whole);
    return Received::read(pipe.first.get(), whole, folder);
  }

 private:
  std::string bytes_;
};

// What an overlay's upper folder would hold after the guest has made `after` of `before`.
inline Stream stream_between(const Tree& before, const Tree& after) {
  Stream stream;
  Tree all = before;
  all.insert(after.begin(), after.end());
  for (const auto& [path, unused] : all) {
    const std::string parent(parent_of(path));
    const auto old = before.find(path);
    const auto now = after.find(path);
    if (now == after.end()) {
      const auto folder = after.find(parent);
      const auto old_folder = before.find(parent);
      const bool parent_stays = parent.empty() || (folder != after.end() && folder->second.type == FileType::kFolder &&
                                                   old_folder->second.type == FileType::kFolder);
      if (parent_stays) stream.removed(path);
      continue;
    }
    const bool was_folder = old != before.end() && old->second.type == FileType::kFolder;
    if (now->second.type == FileType::kFolder && !was_folder) {
      stream.opaque(path, now->second.mode);
    } else {
      stream.add(path, now->second);
    }
  }
  return stream;
}

// A host's folder, and a place for the rest.
class ChangesTest : public testing::Test {
 protected:
  ChangesTest() { ::mkdir(host_.c_str(), 0755); }
  ~ChangesTest() override { ::umask(umask_); }

  void host(const Tree& tree) { make_tree(host_, tree); }
  Tree host() const { return tree_at(host_); }
  ChangeSet compared(const Stream& stream, IsMasked is_masked = {}, IsHidden is_hidden = {}) {
    received_.emplace(stream.received(temp_.path()));
    const Baseline baseline(started_ns_, log_);
    const KnownNames names(names_);
    return compare({.root = root(),
                    .received = *received_,
                    .baseline = baseline,
                    .names = names,
                    .is_masked = std::move(is_masked),
                    .is_hidden = std::move(is_hidden)});
  }
  ChangeSet compared(const Stream& stream, Hidden& hidden) {
    return compared(
        stream, [&](std::string_view path) { return hidden.by_path(path); },
        [&](const std::string& path) { return hidden.by_other_name(path); });
  }
  // A second name of a file of the host's.
  void link_host(const std::string& from, const std::string& to) const {
    ASSERT_EQ(::link((host_ + "/" + from).c_str(), (host_ + "/" + to).c_str()), 0) << to;
  }
  void apply_all(const std::vector<Change>& changes) {
    apply(changes, {.root = root(), .received = *received_, .journal = journal_, .log = log_, .names = names_});
  }
  // Why it was refused; "" where it was done.
  std::string error_of_apply(const std::vector<Change>& changes, std::function<void()> before_step = {}) {
    try {
      apply(changes, {.root = root(),
                      .received = *received_,
                      .journal = journal_,
                      .log = log_,
                      .names = names_,
                      .before_step = std::move(before_step)});
    } catch (const base::Error& error) {
      return error.what();
    }
    return "";
  }
  const HostRoot& root() {
    if (!root_) root_.emplace(host_);
    return *root_;
  }

  // In memory, where there is such a place: what these tests have synced is not on a disk, and so they are quick.
  base::ScopedEnvironment in_memory_{"TMPDIR", ::access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"};
  base::TempFolder temp_;
  const mode_t umask_ = ::umask(022);
  std::string host_ = temp_ / "host";
  std::string journal_ = temp_ / "apply.journal";
  std::string log_ = temp_ / "seen.log";
  std::string names_ = temp_ / "known.names";  // none, unless it is made
  int64_t started_ns_ = INT64_MAX;             // all that the host has is older
  std::optional<HostRoot> root_;
  std::optional<Received> received_;
};

}  // namespace caisson::changes
