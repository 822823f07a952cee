// SPDX-License-Identifier: Apache-2.0

#include "changes/known_names.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "changes/digest.h"
#include "changes/git_index.h"

namespace caisson::changes {
namespace {

constexpr size_t kNoteBytes = sizeof(uint64_t);
// Of one walk. What has as many is not whole.
constexpr size_t kMostFirstBytes = kMostKnownBytes / 2;

uint64_t key_of(std::string_view text) {
  return Digest().add(text).value() << 2;
}

std::string index_key(std::string_view path, uint64_t entries) {
  // No path has a NUL.
  return std::string(path) + '\0' + std::to_string(entries);
}

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};

// Each file and folder below `path`, each folder before what is in it; those nearer to `path` first. What cannot be
// listed has nothing in it. Files are not looked at: a folder says what its entries are.
template <typename Visit>
void walk_names(const HostRoot& root, const std::string& path, const Visit& visit) {
  const uint64_t device = root.look(path).device;
  std::vector<std::string> folders = {path};
  std::vector<std::string> next;
  for (; !folders.empty(); folders = std::exchange(next, {})) {
    for (const std::string& folder : folders) {
      base::Fd opened = root.folder_to_list(folder);
      struct stat info {};
      if (!opened || ::fstat(opened.get(), &info) != 0 || info.st_dev != device) continue;
      const std::unique_ptr<DIR, CloseFolder> listing(::fdopendir(opened.get()));
      if (listing == nullptr) continue;
      (void)opened.release();  // the listing's
      while (const dirent* item = ::readdir(listing.get())) {
        const std::string_view name = item->d_name;
        if (name == "." || name == "..") continue;
        std::string whole = folder.empty() ? std::string(name) : folder + "/" + std::string(name);
        const bool is_folder =
            item->d_type == DT_DIR || (item->d_type == DT_UNKNOWN && root.look(whole).type == FileType::kFolder);
        if (!visit(whole, is_folder ? Known::kFolder : Known::kFile)) return;
        if (is_folder) next.push_back(std::move(whole));
      }
    }
  }
}

}  // namespace

Known KnownNames::at(std::string_view path) const {
  const std::vector<uint64_t>& notes = read();
  const uint64_t key = key_of(path);
  const auto found = std::lower_bound(notes.begin(), notes.end(), key);
  if (found != notes.end() && (*found & ~3ULL) == key) return static_cast<Known>(*found & 3U);
  return is_whole_ ? Known::kNothing : Known::kUnknown;
}

bool KnownNames::had_index(std::string_view path, uint64_t entries) const {
  return at(index_key(path, entries)) == Known::kFile;
}

const std::vector<uint64_t>& KnownNames::read() const {
  if (notes_) return *notes_;
  const std::string bytes = base::read_file_if_exists(file_, kMostKnownBytes).value_or("");
  is_whole_ = !bytes.empty() && bytes.size() < kMostFirstBytes;
  notes_.emplace(bytes.size() / kNoteBytes);
  if (!notes_->empty()) std::memcpy(notes_->data(), bytes.data(), notes_->size() * kNoteBytes);
  // The last of each counts.
  std::reverse(notes_->begin(), notes_->end());
  std::stable_sort(notes_->begin(), notes_->end(), [](uint64_t one, uint64_t other) { return one >> 2 < other >> 2; });
  const auto same_name = [](uint64_t one, uint64_t other) { return one >> 2 == other >> 2; };
  notes_->erase(std::unique(notes_->begin(), notes_->end(), same_name), notes_->end());
  return *notes_;
}

bool is_git_index(std::string_view path) {
  return path == ".git/index" || path.ends_with("/.git/index");
}

std::optional<uint64_t> host_index(const HostRoot& root, const std::string& path) {
  const base::Fd file = root.open(path);
  if (!file) return std::nullopt;
  try {
    return entries_of_index(base::read_all(file.get(), kMostIndexBytes, "index"));
  } catch (const base::Error&) {  // it is too large
    return std::nullopt;
  }
}

void NameNotes::add(std::string_view text, Known what) {
  const uint64_t note = key_of(text) | static_cast<uint64_t>(what);
  bytes_.append(reinterpret_cast<const char*>(&note), sizeof note);
}

void NameNotes::add_tree(const HostRoot& root, const std::string& path) {
  auto one = [&](const std::string& whole, Known what) {
    add(whole, what);
    if (is_git_index(whole)) {
      if (const auto entries = host_index(root, whole)) add(index_key(whole, *entries), Known::kFile);
    }
    return bytes_.size() < kMostFirstBytes;
  };
  if (path.empty()) {
    add(path, Known::kFolder);
  } else {
    const HostFile now = root.look(path);
    if (!now.exists() || !one(path, now.type == FileType::kFolder ? Known::kFolder : Known::kFile)) return;
    if (now.type != FileType::kFolder) return;
  }
  walk_names(root, path, one);
}

void NameNotes::remove_tree(const HostRoot& root, const std::string& old, const std::string& path) {
  add(path, Known::kNothing);
  walk_names(root, old, [&](const std::string& whole, Known /*what*/) {
    add(path + whole.substr(old.size()), Known::kNothing);
    return bytes_.size() < kMostFirstBytes;
  });
}

void note_all_names(const HostRoot& root, const std::string& file) {
  if (::access(file.c_str(), F_OK) == 0) return;
  NameNotes notes;
  notes.add_tree(root, "");
  const std::string beside = file + ".new";
  {
    const base::Fd out = base::open_file(beside, O_WRONLY | O_CREAT | O_TRUNC);
    base::write_all(out.get(), notes.bytes(), beside);
  }
  if (::rename(beside.c_str(), file.c_str()) != 0) throw base::system_error("cannot write", file);
}

void append_notes(const std::string& file, const NameNotes& notes) {
  const base::Fd out = base::open_if_exists(file, O_WRONLY | O_APPEND);
  struct stat info {};
  if (!out || ::fstat(out.get(), &info) != 0) return;
  if (static_cast<uint64_t>(info.st_size) + notes.bytes().size() > kMostKnownBytes) return;
  base::write_all(out.get(), notes.bytes(), file);
}

}  // namespace caisson::changes
