// SPDX-License-Identifier: Apache-2.0

// Running git for clones, so that what it runs and obeys is known: no hooks, no monitor of files, no prompt, no
// variable of the caller's that speaks of a repository. Blocking; from any thread.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/process.h"

namespace caisson::clones {

// Whose repository it is: of the user's the user's own configuration counts (safe.directory is in it); in one that we
// have made nothing but what we have written there.
enum class Whose : uint8_t { kUsers, kOurs };

struct GitCall {
  Whose whose = Whose::kOurs;
  std::string folder;                                         // where it runs; of kOurs the repository itself
  std::vector<std::string> arguments;                         // behind "git"
  std::string input = {};                                     // its stdin
  int input_fd = -1;                                          // or this is
  std::chrono::seconds limit = std::chrono::seconds::zero();  // 0: as long as it takes
};

struct GitResult {
  base::ExitStatus status;
  std::string out;
  std::string said;  // its last words, safe to print
};

// Throws base::Error where it can't be started, is beyond its limit, or says more than 64 MiB.
GitResult run_git(const GitCall& call);
// The same; an end that is not 0 is thrown as "DOING: what git said".
std::string git_output(const GitCall& call, const std::string& doing);

// What it writes, part by part, until `part` says no. Throws as git_output().
void stream_git(const GitCall& call, const std::string& doing, const std::function<bool(std::string_view)>& part);

// How base::spawn() starts it.
base::SpawnOptions git_options(const GitCall& call);

// Its output's lines, without an empty last one.
std::vector<std::string> lines_of(std::string_view text);

// The 40 or 64 lower-case hexadecimal digits of an object's name.
bool is_object_name(std::string_view text);

}  // namespace caisson::clones
