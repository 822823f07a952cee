// SPDX-License-Identifier: Apache-2.0

// `git rev-list --objects` names each object once, by the first path that it meets it at, and `git pack-objects` packs
// what it is told. Between them stands this, and drops the blobs of hidden files. A blob that has a name which is not
// hidden, too, is there: as the one that it was met by, or in the commit that is checked out.

#include "clones/objects.h"

#include <unistd.h>

#include <map>

#include "base/error.h"
#include "base/text.h"
#include "clones/git.h"
#include "clones/scratch.h"

namespace caisson::clones {
namespace {

using base::Error;
using Sight = HiddenPaths::Sight;

// Of one file; a .npmrc is small.
constexpr size_t kMostTokenFiles = 1000;

struct Candidate {
  std::string object;
  std::string path;  // from the repository's top
  HiddenPaths::Look look;
};

class Sorter {
 public:
  explicit Sorter(const ObjectsPlan& plan) : plan_(plan) {}

  // The files of what is checked out, which must be there.
  void read_head() {
    for (const TreeEntry& entry : plan_.files) {
      if (entry.kind != TreeEntry::Kind::kFile) continue;
      const HiddenPaths::Look seen = look(entry.path);
      if (is_hidden(entry.object, seen)) {
        result_.hidden_paths.insert(hidden_part(seen));
        hidden_.insert(entry.object);
      } else {
        needed_.insert(entry.object);
      }
    }
    for (const std::string& object : needed_) hidden_.erase(object);
  }
  // A line of rev-list's; whether pack-objects is to get it now.
  bool takes(const std::string& line) {
    const size_t space = line.find(' ');
    // A path is told up to its first newline: what is checked out is known by its whole name.
    if (hidden_.count(line.substr(0, space)) > 0) {
      result_.left_out.insert(line.substr(0, space));
      return false;
    }
    if (space == std::string::npos || space + 1 == line.size()) return true;
    Candidate candidate{line.substr(0, space), line.substr(space + 1), {}};
    candidate.look = look(candidate.path);
    if (candidate.look.sight == Sight::kVisible) return true;
    candidates_.push_back(std::move(candidate));
    return false;
  }
  // Of those that were not taken: the lines of folders, which are needed, and of files that are not hidden after all.
  std::vector<std::string> taken_after_all() {
    std::string names;
    for (const Candidate& one : candidates_) names += one.object + "\n";
    if (names.empty()) return {};
    GitCall ask = call({"cat-file", "--batch-check=%(objectname) %(objecttype)"});
    ask.input = std::move(names);
    const std::string types = git_output(ask, doing());
    const std::vector<std::string> lines = lines_of(types);
    if (lines.size() != candidates_.size()) throw Error(doing() + ": git does not know its own objects");
    std::vector<std::string> taken;
    for (size_t i = 0; i < lines.size(); ++i) {
      const Candidate& one = candidates_[i];
      const bool file = lines[i] == one.object + " blob";
      if (file && is_hidden(one.object, one.look)) {
        result_.hidden_paths.insert(hidden_part(one.look));
        if (needed_.count(one.object) == 0) {
          result_.left_out.insert(one.object);
          continue;
        }
      }
      taken.push_back(one.object + " " + one.path);
    }
    return taken;
  }
  PackedObjects result() && { return std::move(result_); }

  // In the clone's repository, with the objects of the source.
  GitCall call(std::vector<std::string> arguments) const {
    return {.repository = plan_.repository,
            .arguments = std::move(arguments),
            .objects = {plan_.source.repository.objects()}};
  }

 private:
  std::string doing() const { return "cannot clone " + base::in_quotes(plan_.source.folder); }
  HiddenPaths::Look look(const std::string& path) const { return plan_.hidden.look(plan_.prefix + path); }
  std::string hidden_part(const HiddenPaths::Look& look) const { return look.hidden.substr(plan_.prefix.size()); }

  bool is_hidden(const std::string& object, const HiddenPaths::Look& look) {
    if (look.sight != Sight::kByContent) return look.sight == Sight::kHidden;
    const auto known = tokens_.find(object);
    if (known != tokens_.end()) return known->second;
    // A folder of that name is no blob, and is asked for again by its type.
    const GitResult content =
        tokens_.size() < kMostTokenFiles ? run_git(call({"cat-file", "blob", object})) : GitResult();
    const bool holds = tokens_.size() >= kMostTokenFiles || !content.status.ok() || share::holds_token(content.out);
    return tokens_[object] = holds;
  }

  const ObjectsPlan& plan_;
  std::vector<Candidate> candidates_;
  std::set<std::string> needed_;
  std::set<std::string> hidden_;  // and not needed
  std::map<std::string, bool> tokens_;
  PackedObjects result_;
};

// The list of what is packed, in a file without a name.
class PackList {
 public:
  explicit PackList(const std::string& folder) : file_(nameless_file(folder)) {}
  void add(const std::string& line) {
    buffer_ += line;
    buffer_ += '\n';
    if (buffer_.size() > kBufferBytes) flush();
  }
  // From its beginning.
  int finish() {
    flush();
    if (::lseek(file_.get(), 0, SEEK_SET) < 0) throw base::system_error("cannot read", "list of objects");
    return file_.get();
  }

 private:
  static constexpr size_t kBufferBytes = 64U << 10;
  void flush() {
    base::write_all(file_.get(), {buffer_.data(), buffer_.size()}, "list of objects");
    buffer_.clear();
  }
  base::Fd file_;
  std::string buffer_;
};

}  // namespace

PackedObjects pack_objects(const ObjectsPlan& plan) {
  if (plan.tips.empty()) return {};
  const std::string doing = "cannot clone " + base::in_quotes(plan.source.folder);
  Sorter sorter(plan);
  sorter.read_head();
  PackList wanted(plan.scratch);
  std::vector<std::string> arguments = {"rev-list", "--objects"};
  if (plan.source.repository.is_partial()) arguments.emplace_back("--missing=allow-any");
  arguments.emplace_back("--stdin");
  GitCall list = sorter.call(std::move(arguments));
  list.input = base::join(plan.tips, "\n") + "\n";
  std::string rest;
  stream_git(list, doing, [&](std::string_view part) {
    rest += part;
    size_t begin = 0;
    for (size_t end = rest.find('\n'); end != std::string::npos; end = rest.find('\n', begin)) {
      const std::string line = rest.substr(begin, end - begin);
      if (sorter.takes(line)) wanted.add(line);
      begin = end + 1;
    }
    rest.erase(0, begin);
    return true;
  });
  for (const std::string& line : sorter.taken_after_all()) wanted.add(line);
  GitCall pack = sorter.call({"pack-objects", "-q", plan.repository + "/objects/pack/pack"});
  pack.input_fd = wanted.finish();
  git_output(pack, doing);
  return std::move(sorter).result();
}

}  // namespace caisson::clones
