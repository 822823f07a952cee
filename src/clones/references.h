// SPDX-License-Identifier: Apache-2.0

// The references of a repository, in files (gitrepository-layout(5): refs/, packed-refs): read, and one branch written,
// without a git that would obey that repository's configuration. What is a link is not there.
#pragma once

#include <map>
#include <set>
#include <string>

namespace caisson::clones {

// More of them are not for people, and each is looked at.
inline constexpr size_t kMostReferences = 10'000;

// Names of objects by the names of branches and tags, "refs/heads/main"; a symbolic one has "ref: refs/heads/main". As
// the files say it: git has not judged a name. `repository` is open on the repository's folder. Throws base::Error,
// also where there are too many.
std::map<std::string, std::string> read_references(int repository);
// Its symbolic ones have what they lead to, and those that lead nowhere are not there.
std::map<std::string, std::string> resolved(std::map<std::string, std::string> references);

// The branches that are checked out in one of the repository's working trees, or being rebased there: full names.
std::set<std::string> branches_in_use(int repository);

// Makes the branch `name` ("refs/heads/caisson/x") stand at `object`, by git's own protocol (the lock, then the
// rename). Throws base::Error where it is not at `old` ("": it is not there) any more, or another holds the lock.
struct BranchMove {
  std::string name;
  std::string old;
  std::string object;
};
void move_branch(int repository, const BranchMove& move);

}  // namespace caisson::clones
