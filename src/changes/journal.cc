// SPDX-License-Identifier: Apache-2.0

#include "changes/journal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <optional>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

namespace caisson::changes {
namespace {

using base::Error;

constexpr size_t kMostBytes = 4ULL << 30;
constexpr size_t kHeadLines = 5;
constexpr std::string_view kTitle = "caisson-apply 2";
constexpr std::array<const char*, 4> kKinds = {"place", "swap", "take", "mode"};

std::string decoded(std::string_view digits) {
  std::optional<std::string> bytes = base::from_hex(digits);
  if (!bytes) throw Error("the journal of an apply has a broken name");
  return *std::move(bytes);
}

std::string text_of(const HostFile& file) {
  return fmt::format("{} {} {} {} {} {} {} {} {}", static_cast<int>(file.type), file.mode, file.size, file.mtime_ns,
                     file.ctime_ns, file.device, file.inode, file.uid, file.gid);
}

std::string line_of(const Step& step) {
  return fmt::format("{} {} {} {} {} {} {} {}\n", kKinds[static_cast<size_t>(step.kind)], step.number, step.mode,
                     step.tree, step.staged_tree, text_of(step.before), text_of(step.staged), base::hex(step.path));
}

template <typename Number>
Number number_in(const std::vector<std::string>& words, size_t at) {
  const auto value = at < words.size() ? base::parse_number<Number>(words[at]) : std::nullopt;
  if (!value) throw Error("the journal of an apply has a broken line");
  return *value;
}

constexpr size_t kFileWords = 9;
constexpr size_t kStepWords = 5 + 2 * kFileWords + 1;

HostFile file_in(const std::vector<std::string>& words, size_t at) {
  HostFile file;
  const auto type = number_in<unsigned>(words, at);
  if (type > static_cast<unsigned>(FileType::kOther)) throw Error("the journal of an apply has a broken line");
  file.type = static_cast<FileType>(type);
  file.mode = number_in<uint32_t>(words, at + 1);
  file.size = number_in<uint64_t>(words, at + 2);
  file.mtime_ns = number_in<int64_t>(words, at + 3);
  file.ctime_ns = number_in<int64_t>(words, at + 4);
  file.device = number_in<uint64_t>(words, at + 5);
  file.inode = number_in<uint64_t>(words, at + 6);
  file.uid = number_in<uint32_t>(words, at + 7);
  file.gid = number_in<uint32_t>(words, at + 8);
  return file;
}

Step step_of(const std::vector<std::string>& words, Step::Kind kind) {
  if (words.size() != kStepWords) throw Error("the journal of an apply has a broken line");
  Step step;
  step.kind = kind;
  step.number = number_in<uint64_t>(words, 1);
  step.mode = number_in<uint32_t>(words, 2);
  step.tree = number_in<uint64_t>(words, 3);
  step.staged_tree = number_in<uint64_t>(words, 4);
  step.before = file_in(words, 5);
  step.staged = file_in(words, 5 + kFileWords);
  step.path = decoded(words.back());
  return step;
}

void read_line(Journal& journal, const std::string& line) {
  const std::vector<std::string> words = base::split(line, ' ');
  const std::string& what = words.front();
  if (what == "root") {
    journal.device = number_in<uint64_t>(words, 1);
    journal.inode = number_in<uint64_t>(words, 2);
    journal.root = decoded(words.at(3));
  } else if (what == "stage") {
    journal.stage = decoded(words.at(1));
  } else if (what == "log") {
    journal.log = decoded(words.at(1));
  } else if (what == "names") {
    journal.names = decoded(words.at(1));
  } else if (what == "apply") {
    journal.phase = Journal::Phase::kApplying;
  } else if (what == "undo") {
    journal.phase = Journal::Phase::kUndoing;
  } else if (what == "done") {
    journal.phase = Journal::Phase::kDone;
  } else {
    for (size_t i = 0; i < kKinds.size(); ++i) {
      if (what == kKinds[i]) return journal.steps.push_back(step_of(words, static_cast<Step::Kind>(i)));
    }
    throw Error("the journal of an apply has the unknown line " + base::in_quotes(line));
  }
}

}  // namespace

Journal read_journal(const std::string& path) {
  const std::string text = base::read_file(path, kMostBytes);
  std::vector<std::string> lines = base::split(text, '\n');
  lines.pop_back();  // what is behind the last newline: nothing, or a line that was not finished
  if (lines.size() < kHeadLines || lines.front() != kTitle)
    throw Error(base::in_quotes(path) + " is not the journal of an apply");
  Journal journal;
  for (size_t i = 1; i < kHeadLines; ++i) read_line(journal, lines[i]);
  // Without its `apply` nothing was done, and what came behind these need not be whole.
  bool applied = false;
  for (size_t i = kHeadLines; i < lines.size() && !applied; ++i) applied = lines[i] == "apply";
  if (!applied) return journal;
  for (size_t i = kHeadLines; i < lines.size(); ++i) read_line(journal, lines[i]);
  return journal;
}

JournalFile JournalFile::begin(const std::string& path, const Journal& journal) {
  base::write_file_atomic(path, fmt::format("{}\nroot {} {} {}\nstage {}\nlog {}\nnames {}\n", kTitle, journal.device,
                                            journal.inode, base::hex(journal.root), base::hex(journal.stage),
                                            base::hex(journal.log), base::hex(journal.names)));
  return JournalFile(path);
}

JournalFile::JournalFile(const std::string& path) : path_(path), file_(base::open_file(path, O_WRONLY | O_APPEND)) {}

void JournalFile::append(const std::string& lines) {
  base::write_all(file_.get(), lines, path_);
  if (::fdatasync(file_.get()) != 0) throw base::system_error("cannot sync", path_);
}

void JournalFile::apply(const std::vector<Step>& steps) {
  std::string lines;
  for (const Step& step : steps) {
    lines += line_of(step);
    if (lines.size() < (1U << 20)) continue;
    base::write_all(file_.get(), lines, path_);
    lines.clear();
  }
  append(lines);  // on the disk before the word that makes them count
  append("apply\n");
}

void JournalFile::undo() {
  append("undo\n");
}

void JournalFile::done() {
  append("done\n");
}

void JournalFile::remove() {
  if (::unlink(path_.c_str()) != 0 && errno != ENOENT) throw base::system_error("cannot remove", path_);
}

}  // namespace caisson::changes
