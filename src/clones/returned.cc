// SPDX-License-Identifier: Apache-2.0

#include "clones/returned.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "clones/git.h"

namespace caisson::clones {
namespace {

namespace fs = std::filesystem;
using base::Error;

constexpr const char* kHead = "refs/returned/head";
constexpr const char* kGiven = "--glob=refs/given";
constexpr size_t kMostTitles = 1000;
constexpr size_t kMostHiddenBytes = 256U << 20;
constexpr size_t kMostReferenceBytes = 64U << 20;

std::set<std::string> hidden_objects(const std::string& repository) {
  std::set<std::string> names;
  const auto text = base::read_file_if_exists(repository + "/" + kHiddenList, kMostHiddenBytes);
  for (std::string& name : lines_of(text.value_or(""))) names.insert(std::move(name));
  return names;
}

// Calls `take` with what stands between ends.
template <typename Take>
void stream_parts(const GitCall& call, const std::string& doing, char end, const Take& take) {
  std::string rest;
  stream_git(call, doing, [&](std::string_view part) {
    rest += part;
    size_t begin = 0;
    for (size_t at = rest.find(end); at != std::string::npos; at = rest.find(end, begin)) {
      take(rest.substr(begin, at - begin));
      begin = at + 1;
    }
    rest.erase(0, begin);
    return true;
  });
}

// Of ":100644 100644 OLD NEW M", the new object; "" where it is not that.
std::string object_of_raw(const std::string& text) {
  const size_t colon = text.find(':');
  if (colon == std::string::npos) return {};
  const std::vector<std::string> words = base::split(text.substr(colon), ' ');
  return words.size() == 5 && is_object_name(words[3]) ? words[3] : std::string();
}

}  // namespace

Returned::Returned(const std::string& sandbox_folder, uint32_t id, size_t number, ClonedRepository what)
    : clone_(folder_of_clone(sandbox_folder, id)),
      folder_(repository_folder(sandbox_folder, id, number)),
      given_{.path = tree_of_clone(sandbox_folder, id) + (what.path.empty() ? "" : "/" + what.path) + "/.git/objects"},
      what_(std::move(what)) {}

std::string Returned::doing() const {
  return "cannot take over the commits for " + base::in_quotes(what_.host);
}

GitCall Returned::in(const std::string& repository, std::vector<std::string> arguments) const {
  return {.repository = repository, .arguments = std::move(arguments), .objects = {given_}, .bounds = kForGuests};
}

std::string Returned::ours(std::vector<std::string> arguments) const {
  return git_output(in(folder_, std::move(arguments)), doing());
}

bool Returned::ours_is_ok(std::vector<std::string> arguments) const {
  return run_git(in(folder_, std::move(arguments))).status.ok();
}

bool Returned::has(const std::string& commit) const {
  return is_object_name(commit) && ours_is_ok({"cat-file", "-e", commit + "^{commit}"});
}

std::vector<std::string> Returned::given() const {
  std::set<std::string> names;
  for (const std::string& name : lines_of(ours({"for-each-ref", "--format=%(objectname)", "refs/given"})))
    names.insert(name);
  return {names.begin(), names.end()};
}

// In a repository of its own until it was judged: what is refused leaves nothing, and what is superseded neither.
void Returned::take(const std::string& commit, int pack, const HiddenPaths& hidden) {
  if (::lseek(pack, 0, SEEK_SET) < 0) throw base::system_error(doing() + ": cannot read", "pack");
  const ScratchFolder incoming(clone_);
  const std::string& fresh = incoming.path();
  make_bare(fresh, what_.format);
  for (const char* name : {"packed-refs", "shallow", kHiddenList}) {
    if (const auto text = base::read_file_if_exists(folder_ + "/" + name, kMostHiddenBytes))
      write_text(fresh + "/" + name, *text);
  }
  GitCall call =
      in(fresh, {"index-pack", "--stdin", "--fsck-objects", "--max-input-size=" + std::to_string(kMostPackBytes)});
  call.input_fd = pack;
  try {
    git_output(call, doing());
    set_head(fresh, commit, hidden);
  } catch (const Error& error) {
    throw Error(error.problem(), error.hint().empty()
                                     ? "nothing of it was taken; what the sandbox has made is in the sandbox"
                                     : error.hint());
  }
  if (::renameat2(AT_FDCWD, fresh.c_str(), AT_FDCWD, folder_.c_str(), RENAME_EXCHANGE) != 0)
    throw base::system_error("cannot replace", folder_);
}

void Returned::stand_at(const std::string& commit, const HiddenPaths& hidden) {
  set_head(folder_, commit, hidden);
}

void Returned::set_head(const std::string& repository, const std::string& commit, const HiddenPaths& hidden) const {
  if (!is_object_name(commit) || !run_git(in(repository, {"cat-file", "-e", commit + "^{commit}"})).status.ok())
    throw Error(doing() + ": what the sandbox names as its HEAD is no commit that it has sent");
  check_whole(repository, commit);
  check_hidden(repository, commit, hidden);
  git_output(in(repository, {"update-ref", kHead, commit}), doing());
}

// By the objects that were given and sent alone. Were those of the user's repository looked at, too, a commit could
// name what the clone was not given, and get it.
void Returned::check_whole(const std::string& repository, const std::string& commit) const {
  const std::set<std::string> left_out = hidden_objects(repository);
  const GitCall list =
      in(repository, {"rev-list", "--objects", "--no-object-names", "--missing=print", commit, "--not", kGiven, "--"});
  stream_parts(list, doing(), '\n', [&](const std::string& line) {
    if (line.starts_with('?') && left_out.count(line.substr(1)) == 0)
      throw Error(doing() + ": they lead to the object " + base::in_quotes(line.substr(1)) +
                  ", which the sandbox was neither given nor has sent");
  });
}

// Of the commits that the sandbox has made; those that it was given have been judged.
void Returned::check_hidden(const std::string& repository, const std::string& commit, const HiddenPaths& hidden) const {
  const std::set<std::string> left_out = hidden_objects(repository);
  if (left_out.empty()) return;
  const GitCall log = in(repository, {"log", "--format=", "--raw", "-z", "-m", "--root", "--no-renames", "--no-abbrev",
                                      "--no-ext-diff", commit, "--not", kGiven, "--"});
  std::string object;  // of the change whose path comes next
  stream_parts(log, doing(), '\0', [&](const std::string& text) {
    if (object.empty()) {
      object = object_of_raw(text);
      return;
    }
    const std::string path = what_.path.empty() ? text : what_.path + "/" + text;
    if (left_out.count(object) > 0 && hidden.look(path).sight == HiddenPaths::Sight::kVisible)
      throw Error(doing() + ": a commit gives the content of a hidden file the name " + base::in_quotes(text),
                  "nothing was taken over; what the masks hide would be seen by the next sandbox");
    object.clear();
  });
}

std::vector<std::string> Returned::since_base(const std::string& commit) const {
  std::vector<std::string> range = {commit};
  if (!what_.base.empty()) range.push_back("^" + what_.base);
  range.emplace_back("--");
  return range;
}

std::string Returned::head() const {
  const GitResult found = run_git(in(folder_, {"rev-parse", "--verify", "--quiet", std::string(kHead) + "^{commit}"}));
  return found.status.ok() ? std::string(base::trimmed(found.out)) : std::string();
}

uint64_t Returned::commits() const {
  const std::string at = head();
  if (at.empty()) return 0;
  std::vector<std::string> arguments = {"rev-list", "--count"};
  for (std::string& word : since_base(at)) arguments.push_back(std::move(word));
  const std::string out = ours(std::move(arguments));
  return base::parse_number<uint64_t>(base::trimmed(out)).value_or(0);
}

std::vector<std::string> Returned::titles() const {
  const std::string at = head();
  if (at.empty()) return {};
  std::vector<std::string> arguments = {"log", "--format=%h %s", "--max-count=" + std::to_string(kMostTitles)};
  for (std::string& word : since_base(at)) arguments.push_back(std::move(word));
  std::vector<std::string> titles;
  for (const std::string& line : lines_of(ours(std::move(arguments)))) titles.push_back(base::escaped(line));
  return titles;
}

std::vector<Returned> returned_of(const std::string& sandbox_folder, uint32_t id) {
  std::vector<Returned> all;
  for (ClonedRepository& one : read_clone(sandbox_folder, id)) {
    const size_t number = all.size();
    all.emplace_back(sandbox_folder, id, number, std::move(one));
  }
  return all;
}

}  // namespace caisson::clones
