// SPDX-License-Identifier: Apache-2.0

#include "cli/shown_changes.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/error.h"
#include "base/file.h"
#include "base/read_parts.h"
#include "base/text.h"
#include "changes/report.h"
#include "image/digest.h"
#include "link/change_format.h"

namespace caisson::cli {
namespace {

using base::Error;
using changes::Change;
using changes::FileType;

constexpr std::string_view kShownTitle = "caisson-shown 1";
// The names of a list are bounded (link/change_format.h); those of the host's own that are moved are not.
constexpr size_t kMostNoteBytes = 512U << 20;
constexpr size_t kHostPartBytes = 256U << 10;
constexpr size_t kMostNamed = 10;

constexpr char kMovedLetter = 'm';
constexpr char kContentLetter = 'c';

std::string print_of(char letter, image::Sha256& digest) {
  return letter + digest.finish();
}

// Before the guest's bytes: a word and numbers, and one newline, so that no content reads as another kind of change.
std::string file_head(uint32_t mode, uint64_t size, uint64_t sent) {
  return fmt::format("file {:o} {} {}\n", mode, size, sent);
}
std::string folder_head(uint32_t mode) {
  return fmt::format("folder {:o}\n", mode);
}
constexpr std::string_view kLinkHead = "symlink\n";
constexpr std::string_view kNothingHead = "nothing\n";

std::string fingerprint_of(const Change& change, const changes::Received& received) {
  image::Sha256 digest;
  switch (change.after) {
    case FileType::kFolder:
      digest.update(folder_head(change.mode));
      break;
    case FileType::kSymlink:
      digest.update(kLinkHead);
      digest.update(change.target);
      break;
    case FileType::kFile: {
      if (change.record == changes::kNoRecord) {
        const changes::HostFile& from = change.source_file;
        digest.update(
            fmt::format("moved {:o} {} {} {} {}\n", change.mode, from.inode, from.size, from.mtime_ns, from.ctime_ns));
        digest.update(change.source);
        return print_of(kMovedLetter, digest);
      }
      const changes::ReceivedRecord& record = received.records()[static_cast<size_t>(change.record)];
      digest.update(file_head(change.mode, change.size, record.record.size));
      received.content(record, [&digest](std::span<const char> part) {
        digest.update({part.data(), part.size()});
        return true;
      });
      break;
    }
    case FileType::kNone:
    case FileType::kOther:
      digest.update(kNothingHead);
      break;
  }
  return print_of(kContentLetter, digest);
}

// What a change would have that makes what the host has there.
std::string fingerprint_on_host(const changes::HostRoot& root, const std::string& path) {
  image::Sha256 digest;
  const changes::HostFile file = root.look(path);
  switch (file.type) {
    case FileType::kFolder:
      digest.update(folder_head(file.mode & 0777U));
      break;
    case FileType::kSymlink:
      digest.update(kLinkHead);
      digest.update(root.link_target(path).value_or(""));
      break;
    case FileType::kFile: {
      digest.update(file_head(file.mode & 0777U, file.size, file.size));
      const base::Fd opened = root.open(path);
      if (!opened) break;
      base::read_parts(opened.get(), kHostPartBytes, root.path() + "/" + path, [&digest](std::string_view part) {
        digest.update(part);
        return true;
      });
      break;
    }
    case FileType::kNone:
    case FileType::kOther:
      digest.update(kNothingHead);
      break;
  }
  return print_of(kContentLetter, digest);
}

// What the sandbox has there is what the host has there by now: is that what was shown?
bool has_arrived(const changes::HostRoot& root, const std::string& path, const std::string& print) {
  if (print.front() == kMovedLetter) return root.look(path).type == FileType::kFile;
  return fingerprint_on_host(root, path) == print;
}

bool is_at_or_below(const std::string& path, const std::string& folder) {
  return folder.empty() || path == folder || changes::is_below(path, folder);
}

template <typename Paths>
bool is_within_any(const std::string& path, const Paths& paths) {
  return std::any_of(paths.begin(), paths.end(), [&path](const std::string& one) { return is_at_or_below(path, one); });
}

// No path stands for all of them.
bool is_chosen(const std::string& path, const std::vector<std::string>& paths) {
  return paths.empty() || is_within_any(path, paths);
}

std::string path_in(std::string_view digits) {
  std::optional<std::string> path = base::from_hex(digits);
  if (!path || !link::flaw_of_path(*path).empty()) throw Error("it has a broken name");
  return *std::move(path);
}

// So that none comes twice.
void require_order(const std::string& last, const std::string& path) {
  if (!last.empty() && !link::comes_before(last, path)) throw Error("its names are not in order");
}

ShownChanges parse_shown(const std::string& text) {
  const std::vector<std::string> lines = base::split(text, '\n');
  if (lines.size() < 3 || lines.front() != kShownTitle || lines[lines.size() - 2] != "end" || !lines.back().empty())
    throw Error("it is not whole, or of another version of Caisson");
  ShownChanges shown;
  size_t at = 1;
  const size_t end = lines.size() - 2;
  if (lines[at] == "all") {
    shown.paths.insert("");
    ++at;
  }
  for (; at < end && lines[at].starts_with("path "); ++at) {
    std::string path = path_in(std::string_view(lines[at]).substr(5));
    if (!shown.paths.empty()) require_order(*shown.paths.rbegin(), path);
    shown.paths.insert(std::move(path));
  }
  for (; at < end; ++at) {
    const std::vector<std::string> words = base::split(lines[at], ' ');
    const bool letter = words.front() == "m" || words.front() == "c";
    if (words.size() != 3 || !letter || !image::is_digest(words[1])) throw Error("it has a broken line");
    std::string path = path_in(words[2]);
    if (!shown.changes.empty()) require_order(shown.changes.rbegin()->first, path);
    shown.changes.emplace_hint(shown.changes.end(), std::move(path), words[0] + words[1]);
  }
  return shown;
}

std::string text_of(const ShownChanges& shown) {
  std::string text = std::string(kShownTitle) + "\n";
  for (const std::string& path : shown.paths) text += path.empty() ? "all\n" : "path " + base::hex(path) + "\n";
  for (const auto& [path, print] : shown.changes)
    text += fmt::format("{} {} {}\n", print.front(), std::string_view(print).substr(1), base::hex(path));
  return text + "end\n";
}

void write_shown(const std::string& note, const ShownChanges& shown) {
  if (shown.is_nothing()) {
    if (::unlink(note.c_str()) != 0 && errno != ENOENT) throw base::system_error("cannot remove", note);
    return;
  }
  const std::string text = text_of(shown);
  if (text.size() > kMostNoteBytes)
    throw Error("cannot note what was shown: the names of the changes have too many bytes",
                "look at parts of the folder, and apply those");
  base::write_file_atomic(note, text);
}

base::FileLock lock_of_note(const std::string& note) {
  return base::FileLock::acquire(note + ".lock");
}

// Takes out what is gone, and what was looked at below `paths` where nothing of it is left.
template <typename IsGone>
void take_out(const std::string& note, const std::vector<std::string>& paths, const IsGone& is_gone) {
  if (::access(note.c_str(), F_OK) != 0) return;
  const base::FileLock lock = lock_of_note(note);
  ShownChanges shown = read_shown(note);
  std::erase_if(shown.changes, is_gone);
  std::erase_if(shown.paths, [&](const std::string& looked_at) {
    const auto left = shown.changes.lower_bound(looked_at);
    const bool some = left != shown.changes.end() && is_at_or_below(left->first, looked_at);
    return is_chosen(looked_at, paths) && !some;
  });
  write_shown(note, shown);
}

}  // namespace

Fingerprints fingerprints_of(const keeper::ComparedChanges& compared) {
  Fingerprints prints;
  for (const Change& change : compared.set.changes)
    prints.emplace_hint(prints.end(), change.path, fingerprint_of(change, compared.received));
  return prints;
}

bool ShownChanges::covers(const std::string& path) const {
  return is_within_any(path, paths) || changes.contains(path);
}

std::string shown_changes_path(const std::string& sandbox_folder, uint32_t id) {
  return sandbox_folder + "/workspaces/" + std::to_string(id) + ".shown";
}

ShownChanges read_shown(const std::string& note) {
  try {
    const auto text = base::read_file_if_exists(note, kMostNoteBytes);
    return text ? parse_shown(*text) : ShownChanges();
  } catch (const Error& error) {
    throw Error("cannot read what `caisson diff` has shown, in " + base::in_quotes(note) + ": " + error.problem(),
                "`caisson diff` without a PATH notes it anew");
  }
}

void note_shown(const std::string& note, const keeper::ComparedChanges& compared,
                const std::vector<std::string>& paths) {
  Fingerprints now = fingerprints_of(compared);
  const base::FileLock lock = lock_of_note(note);
  ShownChanges shown;
  if (paths.empty()) {
    shown.paths.insert("");
  } else {
    shown = read_shown(note);
    std::erase_if(shown.changes, [&](const auto& one) { return is_chosen(one.first, paths); });
    for (const std::string& path : paths) {
      if (!is_within_any(path, shown.paths)) shown.paths.insert(path);
    }
  }
  // Those of folders that are new and above a path, too.
  for (auto& [path, print] : now) shown.changes.insert_or_assign(path, std::move(print));
  write_shown(note, shown);
}

void note_applied(const std::string& note, const Fingerprints& applied, const std::vector<std::string>& paths) {
  take_out(note, paths, [&applied](const auto& one) {
    // What was looked at meanwhile may be the next change at that path.
    const auto done = applied.find(one.first);
    return done != applied.end() && done->second == one.second;
  });
}

void note_discarded(const std::string& note, const std::vector<std::string>& paths) {
  if (paths.empty() && ::access(note.c_str(), F_OK) == 0) {
    const base::FileLock lock = lock_of_note(note);
    return write_shown(note, {});
  }
  take_out(note, paths, [&paths](const auto& one) { return is_chosen(one.first, paths); });
}

std::vector<std::string> not_as_shown(const ShownChanges& shown, const Fingerprints& now, const changes::HostRoot& root,
                                      const std::vector<std::string>& paths) {
  std::vector<std::string> other;
  for (const auto& [path, print] : now) {
    const auto then = shown.changes.find(path);
    if (then == shown.changes.end() ? shown.covers(path) : then->second != print) other.push_back(path);
  }
  // A part of what was shown may mean something else without the rest.
  if (now.empty()) return other;
  for (const auto& [path, print] : shown.changes) {
    if (!now.contains(path) && is_chosen(path, paths) && !has_arrived(root, path, print)) other.push_back(path);
  }
  std::sort(other.begin(), other.end(), changes::InWalkOrder());
  return other;
}

std::string in_words_not_as_shown(const std::vector<std::string>& paths) {
  std::vector<std::string> files;
  for (size_t i = 0; i < paths.size(); ++i) {
    const bool full = i + 1 < paths.size() && changes::is_below(paths[i + 1], paths[i]);
    if (!full) files.push_back(base::in_quotes(paths[i]));
  }
  if (files.empty()) return "";
  const size_t count = files.size();
  const size_t named = std::min(count, kMostNamed);
  std::string words = fmt::format("{} not what `caisson diff` showed: {}",
                                  count == 1 ? "1 file is" : std::to_string(count) + " files are",
                                  base::join({files.begin(), files.begin() + static_cast<ptrdiff_t>(named)}, ", "));
  if (named < count) words += fmt::format(" and {} more", count - named);
  return words;
}

uint64_t count_not_shown(const ShownChanges& shown, const changes::ChangeSet& set) {
  changes::ChangeSet others;
  for (const Change& change : set.changes) {
    if (!shown.covers(change.path)) others.changes.push_back(change);
  }
  return changes::count(others).all();
}

}  // namespace caisson::cli
