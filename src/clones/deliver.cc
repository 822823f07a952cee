// SPDX-License-Identifier: Apache-2.0

// From a sandbox's commits to the user's repository. By then they were judged by what the sandbox was given and has
// sent; here the user's own objects are looked at as well, to send no more than is lacking, and to show what a hidden
// file was before.

#include <set>

#include "base/error.h"
#include "base/text.h"
#include "clones/host_repository.h"
#include "clones/references.h"
#include "clones/returned.h"
#include "clones/source.h"

namespace caisson::clones {
namespace {

using base::Error;

std::string full_name(const std::string& branch) {
  return "refs/heads/" + branch;
}

}  // namespace

GitCall Returned::beside(const HostRepository& host, std::vector<std::string> arguments) const {
  GitCall call = host.call(std::move(arguments));
  call.objects.push_back(given_);
  call.objects.push_back({.path = folder_ + "/objects"});
  call.bounds = kForGuests;
  return call;
}

bool Returned::is_ancestor(const HostRepository& host, const std::string& commit, const std::string& of) const {
  return run_git(beside(host, {"merge-base", "--is-ancestor", commit, of})).status.ok();
}

bool Returned::is_delivered() const {
  const std::string at = head();
  if (at.empty() || at == what_.base) return true;
  try {
    const HostRepository host(what_.repository, clone_);
    // Sandboxes' branches first: of large repositories the others take their time.
    for (const char* branches : {"refs/heads/caisson", "refs/heads"}) {
      const GitResult found = run_git(beside(host, {"for-each-ref", "--count=1", "--contains", at, branches}));
      if (found.status.ok() && !base::trimmed(found.out).empty()) return true;
    }
  } catch (const Error&) {
    // The repository is not there any more, or is another one.
  }
  return false;
}

void Returned::show(const View& view, const std::function<bool(std::string_view)>& part) const {
  const std::string at = head();
  if (at.empty() || at == what_.base) return;
  const std::string doing = "cannot show the commits for " + base::in_quotes(what_.host);
  const HostRepository host(what_.repository, clone_);
  std::string from = what_.base;
  if (from.empty()) from = base::trimmed(git_output(beside(host, {"hash-object", "-t", "tree", "--stdin"}), doing));
  std::vector<std::string> arguments = {"--no-pager", "diff", "--no-color", "--no-ext-diff", "--no-textconv", "-M"};
  arguments.insert(arguments.end(), view.options.begin(), view.options.end());
  arguments.insert(arguments.end(), {from, at, "--"});
  for (const std::string& path : view.paths) arguments.push_back(":(top,literal)" + path);
  stream_git(beside(host, std::move(arguments)), doing, part);
}

// All as a pack, made in the place of ours, of what no branch or tag of the repository's leads to; then, with the
// repository's own objects and that pack alone, whether anything is missing.
void Returned::send_objects(const HostRepository& host, const std::string& commit) const {
  std::set<std::string> known;
  for (const Reference& one : host.references()) known.insert(one.object);
  GitCall pack = beside(host, {"pack-objects", "-q", "--revs", "--non-empty", host.place() + "/objects/pack/pack"});
  pack.input = commit + "\n";
  for (const std::string& one : known) pack.input += "^" + one + "\n";
  const std::string name(base::trimmed(git_output(pack, doing())));
  GitCall whole = host.call({"rev-list", "--objects", "--quiet", commit, "--not", "--all", "--"});
  whole.bounds = kForGuests;
  if (host.is_partial()) whole.arguments.insert(whole.arguments.begin() + 1, "--missing=allow-any");
  git_output(whole, doing());
  if (!name.empty()) host.add_pack(host.place() + "/objects/pack/pack-" + name);
}

std::optional<std::string> Returned::deliver(const std::string& sandbox, Force force) const {
  const std::string at = head();
  if (at.empty() || at == what_.base) return std::nullopt;
  const HostRepository host(what_.repository, clone_);
  const std::string branch = branch_of_sandbox(sandbox);
  const std::string old = look_at_branch(host, sandbox);
  // What the user has put on top of them stays.
  if (!old.empty() && is_ancestor(host, at, old)) return std::nullopt;
  const bool loses = !old.empty() && !is_ancestor(host, old, at);
  if (loses && force == Force::kNo)
    throw Error(doing() + ": its branch " + base::in_quotes(branch) + " has commits that the sandbox's do not follow",
                "rename it (git branch -m " + base::escaped(branch) + " NEW-NAME), or `caisson apply " +
                    base::escaped(sandbox) + " --theirs` puts the sandbox's in their place");
  if (branches_in_use(host.fd()).count(full_name(branch)) > 0)
    throw Error(doing() + ": its branch " + base::in_quotes(branch) + " is checked out",
                "check another one out (git switch), and take the commits over by `caisson apply " +
                    base::escaped(sandbox) + "`");
  send_objects(host, at);
  move_branch(host.fd(), {.name = full_name(branch), .old = old, .object = at});
  if (loses) return old;
  return std::nullopt;
}

}  // namespace caisson::clones
