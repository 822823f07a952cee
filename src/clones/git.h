// SPDX-License-Identifier: Apache-2.0

// Running git for clones. Repositories that a stranger has written, and objects that a guest has made, are read by it,
// so that it is given no say in anything:
//
//   which repository   one that Caisson has made, named to it (GIT_DIR) and never looked for. What it works on of
//                      others' are objects, by their folder, and files of a working tree. So no configuration, hook,
//                      filter or reference of anybody's counts but what we have written
//   what it reaches    Landlock: it reads the folders that the call names and its own program and libraries, changes
//                      those that the call names to be changed, and nothing else, wherever links, alternates or a hole
//                      in git lead
//   what it takes      memory, time, the size of files and of its answer, all bounded
//
// Blocking; from any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/process.h"

namespace caisson::clones {

struct GitBounds {
  std::chrono::milliseconds time{};  // in which it does not wait for us
  uint64_t memory_bytes = 0;         // address space
  uint64_t file_bytes = 0;           // of each file that it writes
  uint64_t answer_bytes = 0;         // that run_git() takes
};
// Of a user's repository, which may be large.
inline constexpr GitBounds kForSources{
    .time = std::chrono::minutes(30), .memory_bytes = 8ULL << 30, .file_bytes = 1ULL << 40, .answer_bytes = 128U << 20};
// Of what a guest has made.
inline constexpr GitBounds kForGuests{
    .time = std::chrono::minutes(2), .memory_bytes = 2ULL << 30, .file_bytes = 2ULL << 30, .answer_bytes = 16U << 20};

// A folder of objects that are not the repository's.
struct ObjectFolder {
  std::string path;
  int fd = -1;  // open on it: what else the path may lead to by then is not read; -1: one of ours
};

struct GitCall {
  std::string repository;              // ours
  std::vector<std::string> arguments;  // behind "git"
  std::string work_tree = {};          // where it runs; "": in the repository
  std::vector<ObjectFolder> objects = {};
  std::vector<int> reads = {};            // open files and folders that it may read, with all that is beneath
  std::vector<std::string> changes = {};  // folders of ours that it may read and change; the repository is one
  std::string input = {};                 // its stdin
  int input_fd = -1;                      // or this is
  GitBounds bounds = kForSources;
};

struct GitResult {
  base::ExitStatus status;
  std::string out;
  std::string said;  // its last words, safe to print
};

// Throws base::Error where it can't be started or is beyond its bounds.
GitResult run_git(const GitCall& call);
// The same; an end that is not 0 is thrown as "DOING: what git said".
std::string git_output(const GitCall& call, const std::string& doing);

// What it writes, part by part, until `part` says no. Throws as git_output().
void stream_git(const GitCall& call, const std::string& doing, const std::function<bool(std::string_view)>& part);

// Its output's lines, without an empty last one.
std::vector<std::string> lines_of(std::string_view text);

// The 40 or 64 lower-case hexadecimal digits of an object's name.
bool is_object_name(std::string_view text);

}  // namespace caisson::clones
