// SPDX-License-Identifier: Apache-2.0

#include "clones/git.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "base/error.h"
#include "base/text.h"
#include "sys/landlock.h"

namespace caisson::clones {
namespace {

using base::Error;

constexpr size_t kMostWordsBytes = 400;
constexpr size_t kMostSaidBytes = 64U << 10;
constexpr size_t kPartBytes = 64U << 10;

// Of its own: the program, its libraries, and what those look at.
constexpr const char* kSystem[] = {
    "/usr",        "/lib",        "/lib32",           "/lib64",         "/bin",
    "/nix/store",  "/gnu/store",  "/etc/ld.so.cache", "/etc/localtime", "/etc/nsswitch.conf",
    "/etc/passwd", "/dev/urandom"};

// Whatever a repository's files say. What is not to be read, because it would be another's word for what the objects
// say themselves (the graph of commits, the index over packs); how much is held at once.
constexpr const char* kSettings[] = {"core.hooksPath=/dev/null",
                                     "core.fsmonitor=false",
                                     "core.untrackedCache=false",
                                     "core.logAllRefUpdates=false",
                                     "core.commitGraph=false",
                                     "core.multiPackIndex=false",
                                     "core.protectHFS=true",
                                     "core.protectNTFS=true",
                                     "core.quotePath=true",
                                     "core.bigFileThreshold=32m",
                                     "core.packedGitWindowSize=32m",
                                     "core.packedGitLimit=512m",
                                     "pack.threads=1",
                                     "maintenance.auto=false",
                                     "gc.auto=0"};

// Between quotes a colon does not end it (GIT_ALTERNATE_OBJECT_DIRECTORIES in git(1)).
std::string quoted_path(const std::string& path) {
  std::string quoted = "\"";
  for (const char c : path) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "\"";
}

std::vector<std::string> environment_of(const GitCall& call) {
  const char* path = std::getenv("PATH");
  std::vector<std::string> environment = {"LC_ALL=C",
                                          "HOME=/",
                                          "GIT_CONFIG_NOSYSTEM=1",
                                          "GIT_CONFIG_GLOBAL=/dev/null",
                                          "GIT_ATTR_NOSYSTEM=1",
                                          "GIT_TERMINAL_PROMPT=0",
                                          "GIT_OPTIONAL_LOCKS=0",
                                          "GIT_NO_LAZY_FETCH=1",
                                          "GIT_NO_REPLACE_OBJECTS=1",
                                          "GIT_DEFAULT_REF_FORMAT=files",
                                          "GIT_ALLOW_PROTOCOL=none",
                                          std::string("PATH=") + (path == nullptr ? "/usr/bin:/bin" : path),
                                          "GIT_DIR=" + call.repository};
  if (!call.work_tree.empty()) environment.push_back("GIT_WORK_TREE=" + call.work_tree);
  std::vector<std::string> objects;
  for (const ObjectFolder& one : call.objects) objects.push_back(quoted_path(one.path));
  if (!objects.empty()) environment.push_back("GIT_ALTERNATE_OBJECT_DIRECTORIES=" + base::join(objects, ":"));
  return environment;
}

sys::LandlockRules wall_of(const GitCall& call, const std::string& program) {
  std::vector<std::string> own(std::begin(kSystem), std::end(kSystem));
  own.push_back(std::filesystem::canonical(program).string());
  sys::LandlockRules rules = sys::make_landlock_rules(own);
  for (const int descriptor : call.reads) sys::allow_reading_beneath(rules, descriptor);
  for (const ObjectFolder& one : call.objects) {
    const base::Fd ours = one.fd < 0 ? base::open_file(one.path, O_PATH) : base::Fd();
    sys::allow_reading_beneath(rules, ours ? ours.get() : one.fd);
  }
  std::vector<std::string> changes = call.changes;
  changes.insert(changes.end(), {call.repository, "/dev/null"});
  for (const std::string& path : changes) {
    const base::Fd opened = base::open_file(path, O_PATH);
    sys::allow_reading_beneath(rules, opened.get());
    sys::allow_changing_beneath(rules, opened.get());
  }
  return rules;
}

// Child side.
int limit(int what, uint64_t bytes) {
  const rlimit value{.rlim_cur = bytes, .rlim_max = bytes};
  return ::setrlimit(static_cast<__rlimit_resource>(what), &value) == 0 ? 0 : errno;
}
int confine(int ruleset, const GitBounds& bounds) {
  if (const int errnum = limit(RLIMIT_AS, bounds.memory_bytes)) return errnum;
  if (const int errnum = limit(RLIMIT_FSIZE, bounds.file_bytes)) return errnum;
  if (const int errnum = limit(RLIMIT_CORE, 0)) return errnum;
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return errno;
  return sys::restrict_by_landlock(ruleset);
}

base::Fd memory_file(const std::string& text) {
  base::Fd file(::memfd_create("git-in", MFD_CLOEXEC));
  if (!file) throw base::system_error("cannot make", "memory file");
  base::write_all(file.get(), {text.data(), text.size()}, "git");
  if (::lseek(file.get(), 0, SEEK_SET) < 0) throw base::system_error("cannot write to", "git");
  return file;
}

// A git that runs. Without its end it is killed.
class GitProcess {
 public:
  explicit GitProcess(const GitCall& call) : left_(call.bounds.time) {
    const std::string program = base::find_program("git");
    if (program.empty())
      throw Error("the program 'git' is not installed", "install the package 'git'; a clone needs it on this machine");
    const sys::LandlockRules rules = wall_of(call, program);
    base::FdPair out = base::make_pipe();
    base::FdPair err = base::make_pipe();
    base::SpawnOptions options;
    options.argv = {program};
    for (const char* setting : kSettings) options.argv.insert(options.argv.end(), {"-c", setting});
    options.argv.insert(options.argv.end(), call.arguments.begin(), call.arguments.end());
    options.environment = environment_of(call);
    options.folder = call.work_tree.empty() ? call.repository : call.work_tree;
    options.descriptors = {{out.second.get(), 1}, {err.second.get(), 2}};
    options.confine = [ruleset = rules.ruleset.get(), &call] { return confine(ruleset, call.bounds); };
    base::Fd input;
    if (call.input_fd >= 0) {
      options.descriptors.emplace_back(call.input_fd, 0);
    } else if (!call.input.empty()) {
      input = memory_file(call.input);
      options.descriptors.emplace_back(input.get(), 0);
    }
    child_ = base::spawn(options);
    out_ = std::move(out.first);
    err_ = std::move(err.first);
  }

  // False where `part` has said no.
  bool read(const std::function<bool(std::string_view)>& part) {
    std::string buffer(kPartBytes, '\0');
    while (out_ || err_) {
      pollfd ends[] = {{.fd = out_.get(), .events = POLLIN, .revents = 0},
                       {.fd = err_.get(), .events = POLLIN, .revents = 0}};
      wait_for(ends, 2);
      if (ends[1].revents != 0) {
        said_ += read_some(err_, buffer);
        if (said_.size() > kMostSaidBytes) said_.erase(0, said_.size() - kMostSaidBytes);
      }
      if (ends[0].revents == 0) continue;
      const std::string_view text = read_some(out_, buffer);
      if (!text.empty() && !part(text)) return false;
    }
    return true;
  }
  base::ExitStatus end() {
    pollfd ended{.fd = child_.pidfd(), .events = POLLIN, .revents = 0};
    while (ended.revents == 0) wait_for(&ended, 1);
    return child_.wait();
  }
  std::string last_words() const {
    std::string_view text = base::trimmed(said_);
    if (text.size() > kMostWordsBytes) text.remove_prefix(text.size() - kMostWordsBytes);
    return base::escaped(text);
  }

 private:
  void wait_for(pollfd* ends, nfds_t count) {
    using Clock = std::chrono::steady_clock;
    const Clock::time_point begun = Clock::now();
    const auto most = std::min<int64_t>(left_.count(), 60'000);
    if (::poll(ends, count, static_cast<int>(most)) < 0 && errno != EINTR)
      throw base::system_error("cannot wait for", "git");
    left_ -= std::chrono::ceil<std::chrono::milliseconds>(Clock::now() - begun);
    if (left_.count() <= 0) throw Error("git takes too long; it was ended");
  }
  static std::string_view read_some(base::Fd& from, std::string& buffer) {
    const ssize_t got = ::read(from.get(), buffer.data(), buffer.size());
    if (got < 0 && errno != EINTR) throw base::system_error("cannot read", "what git says");
    if (got == 0) from.reset();
    return std::string_view(buffer).substr(0, static_cast<size_t>(std::max<ssize_t>(got, 0)));
  }

  std::chrono::milliseconds left_;
  base::Child child_;
  base::Fd out_;
  base::Fd err_;
  std::string said_;
};

Error git_error(const std::string& doing, const base::ExitStatus& status, const std::string& said) {
  return Error(doing + ": git " + status.text() + (said.empty() ? "" : ": " + said));
}

}  // namespace

GitResult run_git(const GitCall& call) {
  GitProcess git(call);
  GitResult result;
  git.read([&](std::string_view part) {
    result.out += part;
    if (result.out.size() > call.bounds.answer_bytes) throw Error("git says more than is taken");
    return true;
  });
  result.status = git.end();
  result.said = git.last_words();
  return result;
}

std::string git_output(const GitCall& call, const std::string& doing) {
  GitResult result = run_git(call);
  if (!result.status.ok()) throw git_error(doing, result.status, result.said);
  return std::move(result.out);
}

void stream_git(const GitCall& call, const std::string& doing, const std::function<bool(std::string_view)>& part) {
  GitProcess git(call);
  if (!git.read(part)) return;
  const base::ExitStatus status = git.end();
  if (!status.ok()) throw git_error(doing, status, git.last_words());
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
