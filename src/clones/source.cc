// SPDX-License-Identifier: Apache-2.0

#include "clones/source.h"

#include <filesystem>
#include <set>

#include "base/error.h"
#include "base/text.h"
#include "clones/git.h"

namespace caisson::clones {
namespace {

using base::Error;

// More of them are not for people, and each is looked at.
constexpr size_t kMostReferences = 10'000;

std::string doing_clone(const std::string& folder) {
  return "cannot clone " + base::in_quotes(folder);
}

GitResult ask(const std::string& folder, std::vector<std::string> arguments) {
  return run_git({.whose = Whose::kUsers, .folder = folder, .arguments = std::move(arguments)});
}

std::string first_line(const GitResult& result) {
  return result.status.ok() ? std::string(base::trimmed(result.out)) : std::string();
}

Error no_repository(const std::string& folder, const std::string& said) {
  if (said.find("not a git repository") == std::string::npos) return Error(doing_clone(folder) + ": " + said);
  return Error(doing_clone(folder) + ": it is no git repository",
               "make one (`git init`, and a first commit), or share the folder as it is: leave out :clone");
}

// Where things are: five lines.
void find_places(Source& source) {
  const GitResult found =
      ask(source.folder, {"rev-parse", "--path-format=absolute", "--is-bare-repository", "--show-object-format",
                          "--git-common-dir", "--git-path", "objects", "--git-path", "shallow"});
  if (!found.status.ok()) throw no_repository(source.folder, found.said);
  const std::vector<std::string> lines = lines_of(found.out);
  if (lines.size() != 5) throw Error(doing_clone(source.folder) + ": a name in its path has a newline");
  if (lines[0] == "true")
    throw Error(doing_clone(source.folder) + ": it is a bare repository, without files to work on",
                "share a working tree of it: `git worktree add`, or `git clone`");
  source.format = lines[1];
  source.common = lines[2];
  source.objects = lines[3];
  source.shallow = lines[4];
}

void check_is_top(const Source& source) {
  const GitResult found = ask(source.folder, {"rev-parse", "--show-toplevel"});
  const std::string top = first_line(found);
  if (top.empty()) throw Error(doing_clone(source.folder) + ": it is no working tree: " + found.said);
  std::error_code failed;
  const std::string real = std::filesystem::canonical(top, failed).string();
  if (!failed && real != source.folder)
    throw Error(doing_clone(source.folder) + ": it is a folder in the repository " + base::in_quotes(top),
                "share the repository: -w " + base::escaped(top) + ":clone");
}

void find_references(Source& source) {
  const std::string out =
      git_output({.whose = Whose::kUsers,
                  .folder = source.folder,
                  .arguments = {"for-each-ref", "--format=%(objectname) %(refname)", "refs/heads", "refs/tags"}},
                 doing_clone(source.folder));
  for (const std::string& line : lines_of(out)) {
    const size_t space = line.find(' ');
    if (space == std::string::npos || !is_object_name(line.substr(0, space))) continue;
    source.references.push_back({.name = line.substr(space + 1), .object = line.substr(0, space)});
    if (source.references.size() > kMostReferences)
      throw Error(
          doing_clone(source.folder) + ": it has more than " + std::to_string(kMostReferences) + " branches and tags",
          "share it as it is: leave out :clone");
  }
}

}  // namespace

Source look_at_source(const std::string& folder) {
  Source source;
  source.folder = folder;
  find_places(source);
  check_is_top(source);
  source.head = first_line(ask(folder, {"rev-parse", "--verify", "--quiet", "HEAD^{commit}"}));
  source.branch = first_line(ask(folder, {"symbolic-ref", "--quiet", "--short", "HEAD"}));
  if (!source.head.empty() && !is_object_name(source.head))
    throw Error(doing_clone(folder) + ": its HEAD is no commit");
  source.partial =
      ask(folder, {"config", "--get-regexp", "^(remote\\..*\\.promisor|extensions\\.partialclone)$"}).status.ok();
  find_references(source);
  return source;
}

// Neither of the two runs a filter of the repository's, but for a file that was written in the same moment as the
// index.
uint64_t uncommitted_files(const Source& source) {
  std::set<std::string> names;
  auto add = [&](const std::string& out) {
    for (const std::string& name : base::split(out, '\0')) {
      if (!name.empty()) names.insert(name);
    }
  };
  const std::string doing = "cannot look at the files of " + base::in_quotes(source.folder);
  GitCall call{.whose = Whose::kUsers, .folder = source.folder, .arguments = {}};
  if (!source.head.empty()) {
    call.arguments = {"diff-index", "--name-only", "-z", "--no-ext-diff", "--ignore-submodules=dirty", "HEAD", "--"};
    add(git_output(call, doing));
  } else {
    call.arguments = {"ls-files", "-z"};
    add(git_output(call, doing));
  }
  call.arguments = {"ls-files", "-z", "--others", "--exclude-standard"};
  add(git_output(call, doing));
  return names.size();
}

std::string branch_of_sandbox(const std::string& name) {
  return "caisson/" + name;
}

void check_branch_is_free(const Source& source, const std::string& name) {
  const std::string branch = branch_of_sandbox(name);
  const std::string full = "refs/heads/" + branch;
  if (!ask(source.folder, {"check-ref-format", full}).status.ok())
    throw Error("the sandbox's commits would come back on the branch " + base::in_quotes(branch) +
                    ", which is no name of a branch",
                "give it another name: --name");
  if (ask(source.folder, {"show-ref", "--verify", "--quiet", "refs/heads/caisson"}).status.ok())
    throw Error(base::in_quotes(source.folder) + " has a branch 'caisson', so that none can be called " +
                    base::in_quotes(branch),
                "give that one another name: git branch -m caisson NEW-NAME");
  const std::string there = first_line(ask(source.folder, {"rev-parse", "--verify", "--quiet", full + "^{commit}"}));
  if (there.empty()) return;
  const bool is_behind =
      !source.head.empty() && ask(source.folder, {"merge-base", "--is-ancestor", there, source.head}).status.ok();
  if (!is_behind)
    throw Error(base::in_quotes(source.folder) + " has a branch " + base::in_quotes(branch) +
                    " with commits that HEAD does not have",
                "merge or remove it (git branch -D " + base::escaped(branch) + "), or give the sandbox another --name");
}

}  // namespace caisson::clones
