// SPDX-License-Identifier: Apache-2.0

#include "clones/git.h"

#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "base/error.h"
#include "base/read_parts.h"
#include "base/text.h"

namespace caisson::clones {
namespace {

using base::Error;

constexpr size_t kMostSaidBytes = 64U << 20;
constexpr size_t kMostWordsBytes = 400;
constexpr size_t kStreamPartBytes = 64U << 10;
// No object of a hostile pack takes more memory than this at once, whatever size it claims.
constexpr const char* kAllocationLimit = "GIT_ALLOC_LIMIT=512m";

base::Fd memory_file(const char* name) {
  base::Fd file(::memfd_create(name, MFD_CLOEXEC));
  if (!file) throw base::system_error("cannot make", "memory file");
  return file;
}

std::string all_of(const base::Fd& file) {
  if (::lseek(file.get(), 0, SEEK_SET) < 0) throw base::system_error("cannot read", "what git says");
  return base::read_all(file.get(), kMostSaidBytes, "what git says");
}

std::string last_words(const base::Fd& file) {
  const std::string all = all_of(file);
  std::string_view text = base::trimmed(all);
  if (text.size() > kMostWordsBytes) text.remove_prefix(text.size() - kMostWordsBytes);
  return base::escaped(text);
}

void add_variable(std::vector<std::string>& environment, const char* name) {
  if (const char* value = std::getenv(name)) environment.push_back(std::string(name) + "=" + value);
}

std::vector<std::string> git_environment(const GitCall& call) {
  std::vector<std::string> environment = {"LC_ALL=C", "GIT_TERMINAL_PROMPT=0", "GIT_OPTIONAL_LOCKS=0",
                                          "GIT_NO_LAZY_FETCH=1", "GIT_NO_REPLACE_OBJECTS=1"};
  const char* path = std::getenv("PATH");
  environment.push_back(std::string("PATH=") + (path == nullptr ? "/usr/bin:/bin" : path));
  if (call.limit.count() > 0) environment.emplace_back(kAllocationLimit);
  if (call.whose == Whose::kUsers) {
    for (const char* name : {"HOME", "XDG_CONFIG_HOME", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_NOSYSTEM"})
      add_variable(environment, name);
  } else {
    environment.insert(environment.end(),
                       {"HOME=/", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_ATTR_NOSYSTEM=1"});
  }
  return environment;
}

void wait_within(base::Child& child, std::chrono::seconds limit) {
  if (limit.count() == 0) return;
  const auto until = std::chrono::steady_clock::now() + limit;
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    if (left.count() <= 0) throw Error("git has not ended within " + std::to_string(limit.count()) + " s");
    pollfd ended{.fd = child.pidfd(), .events = POLLIN, .revents = 0};
    const int ready = ::poll(&ended, 1, static_cast<int>(std::min<int64_t>(left.count(), 60'000)));
    if (ready > 0) return;
    if (ready < 0 && errno != EINTR) throw base::system_error("cannot wait for", "git");
  }
}

void check_git(const base::ExitStatus& status, const std::string& doing, const std::string& said) {
  if (status.ok()) return;
  throw Error(doing + ": git " + status.text() + (said.empty() ? "" : ": " + said));
}

}  // namespace

base::SpawnOptions git_options(const GitCall& call) {
  if (base::find_program("git").empty())
    throw Error("the program 'git' is not installed", "install the package 'git'; a clone needs it on this machine");
  base::SpawnOptions options;
  options.argv = {"git",
                  "-c",
                  "core.hooksPath=/dev/null",
                  "-c",
                  "core.fsmonitor=false",
                  "-c",
                  "core.alternateRefsCommand=true",
                  "-c",
                  "core.quotePath=true",
                  "-c",
                  "maintenance.auto=false",
                  "-c",
                  "gc.auto=0"};
  options.argv.insert(options.argv.end(), call.arguments.begin(), call.arguments.end());
  options.environment = git_environment(call);
  options.folder = call.folder;
  return options;
}

GitResult run_git(const GitCall& call) {
  const base::Fd out = memory_file("git-out");
  const base::Fd said = memory_file("git-said");
  base::Fd input;
  base::SpawnOptions options = git_options(call);
  options.descriptors = {{out.get(), 1}, {said.get(), 2}};
  if (call.input_fd >= 0) {
    options.descriptors.emplace_back(call.input_fd, 0);
  } else if (!call.input.empty()) {
    input = memory_file("git-in");
    base::write_all(input.get(), {call.input.data(), call.input.size()}, "git");
    if (::lseek(input.get(), 0, SEEK_SET) < 0) throw base::system_error("cannot write to", "git");
    options.descriptors.emplace_back(input.get(), 0);
  }
  base::Child child = base::spawn(options);
  wait_within(child, call.limit);
  GitResult result;
  result.status = child.wait();
  result.out = all_of(out);
  result.said = last_words(said);
  return result;
}

std::string git_output(const GitCall& call, const std::string& doing) {
  GitResult result = run_git(call);
  check_git(result.status, doing, result.said);
  return std::move(result.out);
}

void stream_git(const GitCall& call, const std::string& doing, const std::function<bool(std::string_view)>& part) {
  const base::Fd said = memory_file("git-said");
  base::FdPair pipe = base::make_pipe();
  base::SpawnOptions options = git_options(call);
  options.descriptors = {{pipe.second.get(), 1}, {said.get(), 2}};
  base::Child child = base::spawn(options);
  pipe.second.reset();
  if (!base::read_parts(pipe.first.get(), kStreamPartBytes, "what git says", part)) return;
  const base::ExitStatus status = child.wait();
  check_git(status, doing, last_words(said));
}

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines = base::split(text, '\n');
  if (!lines.empty() && lines.back().empty()) lines.pop_back();
  return lines;
}

bool is_object_name(std::string_view text) {
  if (text.size() != 40 && text.size() != 64) return false;
  return std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

}  // namespace caisson::clones
