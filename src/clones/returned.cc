// SPDX-License-Identifier: Apache-2.0

#include "clones/returned.h"

#include <unistd.h>

#include <filesystem>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "clones/git.h"
#include "clones/source.h"

namespace caisson::clones {
namespace {

namespace fs = std::filesystem;
using base::Error;

constexpr const char* kHead = "refs/returned/head";
constexpr size_t kMostTitles = 1000;
constexpr size_t kMostHiddenBytes = 256U << 20;

std::set<fs::path> stored(const std::string& repository) {
  std::set<fs::path> found;
  std::error_code failed;
  for (const char* folder : {"/objects/pack", "/objects"}) {
    for (const fs::directory_entry& entry : fs::directory_iterator(repository + folder, failed))
      found.insert(entry.path());
  }
  return found;
}

// What a pack that was refused leaves: git looks at some objects (.gitmodules) when the pack has its name already.
void remove_all_but(const std::set<fs::path>& before, const std::string& repository) {
  std::error_code failed;
  for (const fs::path& path : stored(repository)) {
    if (before.count(path) == 0) fs::remove_all(path, failed);
  }
}

// ":100644 100644 OLD NEW M", and the path behind it: of `git log --raw -z`.
struct RawChange {
  std::string object;
  bool valid = false;
};
RawChange parse_raw(const std::string& line) {
  const std::vector<std::string> words = base::split(line, ' ');
  if (words.size() != 5 || !is_object_name(words[3])) return {};
  return {.object = words[3], .valid = true};
}

}  // namespace

Returned::Returned(const std::string& sandbox_folder, uint32_t id, size_t number, ClonedRepository what)
    : folder_(repository_folder(sandbox_folder, id, number)), what_(std::move(what)) {}

std::string Returned::doing() const {
  return "cannot take over the commits for " + base::in_quotes(what_.host);
}

std::string Returned::ours(std::vector<std::string> arguments, std::chrono::seconds limit) const {
  return git_output({.folder = folder_, .arguments = std::move(arguments), .limit = limit}, doing());
}

bool Returned::ours_is_ok(std::vector<std::string> arguments) const {
  return run_git({.folder = folder_, .arguments = std::move(arguments), .limit = kOwnLimit}).status.ok();
}

bool Returned::has(const std::string& commit) const {
  return is_object_name(commit) && ours_is_ok({"cat-file", "-e", commit + "^{commit}"});
}

std::vector<std::string> Returned::given() const {
  std::set<std::string> names;
  for (const std::string& name : lines_of(ours({"for-each-ref", "--format=%(objectname)", "refs/given"}))) {
    if (is_object_name(name)) names.insert(name);
  }
  if (!what_.base.empty()) names.insert(what_.base);
  return {names.begin(), names.end()};
}

void Returned::take_pack(int file) {
  if (::lseek(file, 0, SEEK_SET) < 0) throw base::system_error(doing() + ": cannot read", "pack");
  GitCall call{.folder = folder_,
               .arguments = {"-c", "pack.threads=1", "index-pack", "--stdin", "--fix-thin", "--fsck-objects",
                             "--max-input-size=" + std::to_string(kMostPackBytes)},
               .input_fd = file,
               .limit = kOwnLimit};
  const std::set<fs::path> before = stored(folder_);
  try {
    git_output(call, doing());
  } catch (const Error& error) {
    remove_all_but(before, folder_);
    throw Error(error.problem(), "nothing of it was taken; what the sandbox has made is in the sandbox");
  }
}

std::vector<std::string> Returned::since_base(const std::string& commit) const {
  std::vector<std::string> range = {commit};
  if (!what_.base.empty()) range.push_back("^" + what_.base);
  range.emplace_back("--");
  return range;
}

// Of the commits that the sandbox has made; those that it was given have been judged.
void Returned::check_hidden(const std::string& commit, const HiddenPaths& hidden) const {
  const auto text = base::read_file_if_exists(folder_ + "/" + kHiddenList, kMostHiddenBytes);
  if (!text || text->empty()) return;
  std::set<std::string> left_out;
  for (std::string& name : lines_of(*text)) left_out.insert(std::move(name));
  std::vector<std::string> arguments = {"log",
                                        "--format=",
                                        "--raw",
                                        "-z",
                                        "-m",
                                        "--root",
                                        "--no-renames",
                                        "--no-abbrev",
                                        "--no-ext-diff",
                                        "--ignore-missing",
                                        commit,
                                        "--not",
                                        "--glob=refs/given"};
  if (!what_.base.empty()) arguments.push_back(what_.base);
  arguments.emplace_back("--");
  const std::vector<std::string> words = base::split(ours(std::move(arguments)), '\0');
  for (size_t i = 0; i + 1 < words.size(); ++i) {
    const size_t colon = words[i].find(':');
    if (colon == std::string::npos) continue;
    const RawChange change = parse_raw(words[i].substr(colon));
    if (!change.valid) continue;
    const std::string& path = words[++i];
    const std::string whole = what_.path.empty() ? path : what_.path + "/" + path;
    if (left_out.count(change.object) == 0 || hidden.look(whole).sight != HiddenPaths::Sight::kVisible) continue;
    throw Error(doing() + ": a commit gives the content of a hidden file the name " + base::in_quotes(path),
                "nothing was taken over; what the masks hide would be seen by the next sandbox");
  }
}

void Returned::set_head(const std::string& commit, const HiddenPaths& hidden) {
  if (!has(commit)) throw Error(doing() + ": what the sandbox names as its HEAD is no commit that it has sent");
  check_hidden(commit, hidden);
  ours({"update-ref", kHead, commit});
}

std::string Returned::head() const {
  const GitResult found =
      run_git({.folder = folder_, .arguments = {"rev-parse", "--verify", "--quiet", std::string(kHead) + "^{commit}"}});
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

bool Returned::is_delivered() const {
  const std::string at = head();
  if (at.empty() || at == what_.base) return true;
  const GitResult found = run_git({.whose = Whose::kUsers,
                                   .folder = what_.host,
                                   .arguments = {"for-each-ref", "--count=1", "--contains", at, "refs/heads"}});
  return found.status.ok() && !base::trimmed(found.out).empty();
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

void Returned::show(const View& view, const std::function<bool(std::string_view)>& part) const {
  const std::string at = head();
  if (at.empty() || at == what_.base) return;
  std::string from = what_.base;
  if (from.empty()) from = base::trimmed(ours({"hash-object", "-t", "tree", "--stdin"}));
  std::vector<std::string> arguments = {"--no-pager", "diff", "--no-color", "--no-ext-diff", "--no-textconv", "-M"};
  arguments.insert(arguments.end(), view.options.begin(), view.options.end());
  arguments.insert(arguments.end(), {from, at, "--"});
  for (const std::string& path : view.paths) arguments.push_back(":(top,literal)" + path);
  stream_git({.folder = folder_, .arguments = std::move(arguments)},
             "cannot show the commits for " + base::in_quotes(what_.host), part);
}

void Returned::deliver(const std::string& sandbox, Force force) const {
  const std::string at = head();
  if (at.empty() || at == what_.base) return;
  const std::string branch = branch_of_sandbox(sandbox);
  const std::string full = "refs/heads/" + branch;
  const GitResult there =
      run_git({.whose = Whose::kUsers, .folder = what_.host, .arguments = {"rev-parse", "--verify", "--quiet", full}});
  const std::string old(base::trimmed(there.out));
  // What the user has put on top of them stays.
  if (there.status.ok() && is_object_name(old) && ours_is_ok({"merge-base", "--is-ancestor", at, old})) return;
  if (force == Force::kNo && there.status.ok() && !ours_is_ok({"merge-base", "--is-ancestor", old, at}))
    throw Error(doing() + ": its branch " + base::in_quotes(branch) + " has commits that the sandbox's do not follow",
                "rename it (git branch -m " + base::escaped(branch) + " NEW-NAME), or `caisson apply " +
                    base::escaped(sandbox) + " --theirs` puts the sandbox's in their place");
  const std::string from = std::string(force == Force::kYes ? "+" : "") + kHead + ":" + full;
  // All as a pack: what comes as single objects would not be checked as one.
  git_output({.whose = Whose::kUsers,
              .folder = what_.host,
              .arguments = {"-c", "protocol.file.allow=always", "-c", "fetch.fsckObjects=true", "-c",
                            "transfer.fsckObjects=true", "-c", "fetch.unpackLimit=1", "-c",
                            "fetch.writeCommitGraph=false", "fetch", "--quiet", "--no-tags", "--no-write-fetch-head",
                            "--no-recurse-submodules", "--no-auto-maintenance", "--no-prune",

                            folder_, from}},
             doing());
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
