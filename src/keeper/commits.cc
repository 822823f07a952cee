// SPDX-License-Identifier: Apache-2.0

#include "keeper/commits.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <functional>
#include <iostream>
#include <memory>

#include "base/error.h"
#include "base/text.h"
#include "clones/git.h"
#include "clones/returned.h"
#include "clones/source.h"
#include "keeper/frames.h"

namespace caisson::keeper {
namespace {

using clones::Returned;

constexpr size_t kMostAnswerBytes = 4096;
constexpr size_t kMostWordsBytes = 400;
constexpr int kNotFound = 127;

// A command of the guest's git, and who takes its output.
struct GuestGit {
  std::string folder;  // the working tree in the sandbox
  std::vector<std::string> arguments;
  std::string input;
  std::function<void(std::string_view)> take;
};
struct GuestEnd {
  int code = 0;
  std::string said;  // safe to print
};

// Which repository is said, and not found: in a folder whose repository was removed git would find the one above.
link::ExecRequest request_of(const GuestGit& call) {
  link::ExecRequest request;
  request.argv = {"git",
                  "--git-dir=" + call.folder + "/.git",
                  "--work-tree=" + call.folder,
                  "-c",
                  "core.fsmonitor=false",
                  "-c",
                  "core.bigFileThreshold=32m",  // as here: no large file comes as what another one lacks
                  "--no-optional-locks"};
  request.argv.insert(request.argv.end(), call.arguments.begin(), call.arguments.end());
  request.environment = {"LC_ALL=C", "GIT_TERMINAL_PROMPT=0", "GIT_NO_LAZY_FETCH=1"};
  request.folder = "/";
  request.keep_stdin = !call.input.empty();
  return request;
}

asio::awaitable<void> give_input(const link::StreamPtr& stream, const std::string& input) {
  constexpr size_t kPart = 32U << 10;
  for (size_t at = 0; at < input.size(); at += kPart) {
    const std::vector<uint8_t> frame = make_frame(link::ExecFrame::kStdin, std::string_view(input).substr(at, kPart));
    co_await stream->write(frame);
  }
  const std::vector<uint8_t> end = make_frame(link::ExecFrame::kStdinEnd, std::string_view());
  co_await stream->write(end);
}

int code_of(std::string_view payload) {
  const base::Json json = base::parse_json_object(payload, "the guest's result");
  const auto result = link::from_json<link::ExecResult>(json);
  return result.signal != 0 ? 128 + result.signal : result.code;
}

asio::awaitable<GuestEnd> run_in_guest(link::GuestClient& guest, GuestGit call) {
  link::ExecRequest request = request_of(call);
  const link::StreamPtr stream = co_await guest.exec(std::move(request));
  if (!call.input.empty()) co_await give_input(stream, call.input);
  FrameReader reader(source_of(stream));
  GuestEnd end;
  while (true) {
    const FrameBatch batch = co_await reader.next();
    if (batch.bytes.empty()) throw base::Error("the guest broke its git off");
    if (batch.type == link::ExecFrame::kStdout) {
      batch.for_each([&](std::string_view part) {
        if (call.take) call.take(part);
      });
    } else if (batch.type == link::ExecFrame::kStderr) {
      batch.for_each([&](std::string_view part) {
        if (end.said.size() < kMostWordsBytes) end.said += part.substr(0, kMostWordsBytes - end.said.size());
      });
    } else if (batch.type == link::ExecFrame::kError) {
      const CommandError error = command_error_from_guest(batch.payload());
      if (error.exit_code == kNotFound)
        throw base::Error("there is no git in the sandbox, which its commits are asked by",
                          "use an image that has it; `caisson cp` copies the clone out");
      throw base::Error("the sandbox's git cannot be started: " + error.error);
    } else if (batch.type == link::ExecFrame::kExit) {
      end.code = code_of(batch.payload());
      end.said = base::escaped(base::trimmed(end.said));
      co_return end;
    }
  }
}

base::Error git_failed(const GuestGit& call, const GuestEnd& end) {
  return base::Error("the sandbox's git says of its clone at " + base::in_quotes(call.folder) + ": " +
                     (end.said.empty() ? "exit code " + std::to_string(end.code) : end.said));
}

// A short answer; nothing where it ends with 1.
asio::awaitable<std::string> answer_of_guest(link::GuestClient& guest, GuestGit call) {
  const auto answer = std::make_shared<std::string>();
  call.take = [answer](std::string_view part) {
    answer->append(part);
    if (answer->size() > kMostAnswerBytes) throw base::Error("the sandbox's git says too much");
  };
  GuestGit copy = call;
  const GuestEnd end = co_await run_in_guest(guest, std::move(copy));
  if (end.code == 1) co_return std::string();
  if (end.code != 0) throw git_failed(call, end);
  co_return std::string(base::trimmed(*answer));
}

asio::awaitable<uint64_t> number_of_guest(link::GuestClient& guest, GuestGit call) {
  const std::string answer = co_await answer_of_guest(guest, std::move(call));
  const auto number = base::parse_number<uint64_t>(answer);
  if (!number)
    throw base::Error("the sandbox's git does not answer with a number: " + base::in_quotes(answer.substr(0, 100)));
  co_return *number;
}

// Names end with a NUL each.
asio::awaitable<uint64_t> uncommitted_in_guest(link::GuestClient& guest, const std::string& folder) {
  const auto count = std::make_shared<uint64_t>(0);
  GuestGit call;
  call.folder = folder;
  call.arguments = {"status",       "--porcelain=v1",           "-z",
                    "--no-renames", "--untracked-files=normal", "--ignore-submodules=dirty"};
  call.take = [count](std::string_view part) {
    *count += static_cast<uint64_t>(std::count(part.begin(), part.end(), '\0'));
  };
  GuestGit copy = call;
  const GuestEnd end = co_await run_in_guest(guest, std::move(copy));
  if (end.code != 0) throw git_failed(call, end);
  co_return *count;
}

// Blocking work with git, on a thread.
template <typename Result>
asio::awaitable<Result> on_thread(std::function<Result()> work) {
  co_return work();
}
template <typename Result>
asio::awaitable<Result> beside(std::function<Result()> work) {
  asio::thread_pool pool(1);
  auto doing = on_thread<Result>(std::move(work));
  Result result = co_await asio::co_spawn(pool, std::move(doing), asio::use_awaitable);
  co_return result;
}

struct Wanted {
  std::string head;
  std::vector<std::string> known;
};

asio::awaitable<std::shared_ptr<clones::IncomingPack>> receive_pack(link::GuestClient& guest,
                                                                    const std::string& sandbox_folder,
                                                                    const std::string& place, Wanted wanted) {
  const auto pack = std::make_shared<clones::IncomingPack>(sandbox_folder);
  GuestGit call;
  call.folder = place;
  call.arguments = {"pack-objects", "--revs", "--stdout", "--delta-base-offset", "-q"};
  call.input = wanted.head + "\n";
  for (const std::string& one : wanted.known) call.input += "^" + one + "\n";
  call.take = [pack](std::string_view part) { pack->add(part); };
  GuestGit copy = call;
  const GuestEnd end = co_await run_in_guest(guest, std::move(copy));
  if (end.code != 0) throw git_failed(call, end);
  co_return pack;
}

struct Place {
  std::shared_ptr<Returned> returned;
  std::string folder;  // in the sandbox
  std::shared_ptr<const clones::HiddenPaths> hidden;
};

asio::awaitable<void> fetch_one(link::GuestClient& guest, KeepOptions options, Place place, ChangesState& state) {
  GuestGit ask;
  ask.folder = place.folder;
  ask.arguments = {"rev-parse", "--verify", "--quiet", "HEAD^{commit}"};
  Wanted wanted;
  wanted.head = co_await answer_of_guest(guest, std::move(ask));
  if (!wanted.head.empty() && !clones::is_object_name(wanted.head))
    throw base::Error("the sandbox names as its HEAD what is no commit: " +
                      base::in_quotes(wanted.head.substr(0, 100)));
  const std::shared_ptr<Returned>& returned = place.returned;
  if (!wanted.head.empty() && wanted.head != returned->what().base) {
    std::function<bool()> look = [returned, head = wanted.head] { return returned->has(head); };
    const bool is_here = co_await beside<bool>(std::move(look));
    std::function<bool()> take = [returned, head = wanted.head, hidden = place.hidden] {
      returned->stand_at(head, *hidden);
      return true;
    };
    if (!is_here) {
      std::function<std::vector<std::string>()> list = [returned] { return returned->given(); };
      wanted.known = co_await beside<std::vector<std::string>>(std::move(list));
      Wanted asked = wanted;
      const std::shared_ptr<clones::IncomingPack> pack =
          co_await receive_pack(guest, options.sandbox_folder, place.folder, std::move(asked));
      take = [returned, pack, head = wanted.head, hidden = place.hidden] {
        returned->take(head, pack->fd(), *hidden);
        return true;
      };
    }
    co_await beside<bool>(std::move(take));
  }
  GuestGit others;
  others.folder = place.folder;
  // The last is refs/stash, which has no option of its own.
  others.arguments = {"rev-list", "--count",          "--branches", "--glob=refs/stas[h]",
                      "--not",    "--remotes=origin", "--tags"};
  if (!wanted.head.empty()) others.arguments.push_back(wanted.head);
  if (!returned->what().base.empty()) others.arguments.push_back(returned->what().base);
  const uint64_t elsewhere = co_await number_of_guest(guest, std::move(others));
  const uint64_t uncommitted = co_await uncommitted_in_guest(guest, place.folder);
  state.elsewhere += elsewhere;
  state.uncommitted += uncommitted;
}

std::string commits_in_words(uint64_t count) {
  return std::to_string(count) + (count == 1 ? " commit" : " commits");
}

}  // namespace

asio::awaitable<ChangesState> fetch_commits(link::GuestClient& guest, KeepOptions options) {
  ChangesState state;
  state.id = options.workspace.id;
  const auto hidden = std::make_shared<const clones::HiddenPaths>(options.spec.masks, options.spec.unmasks);
  for (Returned& one : clones::returned_of(options.sandbox_folder, state.id)) {
    Place place;
    place.returned = std::make_shared<Returned>(std::move(one));
    place.hidden = hidden;
    const std::string& path = place.returned->what().path;
    place.folder = options.workspace.guest + (path.empty() ? "" : "/" + path);
    co_await fetch_one(guest, options, std::move(place), state);
  }
  std::function<uint64_t()> count = [folder = options.sandbox_folder, id = state.id] {
    return undelivered_commits(folder, id);
  };
  state.commits = co_await beside<uint64_t>(std::move(count));
  state.known = true;
  co_return state;
}

asio::awaitable<KeptCommits> keep_commits(link::GuestClient& guest, KeepOptions options) {
  KeptCommits kept;
  kept.state.id = options.workspace.id;
  try {
    kept.state = co_await fetch_commits(guest, options);
    std::function<std::vector<std::string>()> deliver = [folder = options.sandbox_folder, name = options.spec.name,
                                                         id = kept.state.id] {
      const DeliverOptions where{.sandbox_folder = folder, .sandbox = name, .id = id};
      return deliver_commits(where);
    };
    kept.notes = co_await beside<std::vector<std::string>>(std::move(deliver));
    kept.state.commits = 0;
  } catch (const std::exception& error) {
    std::cerr << "the commits of " << base::in_quotes(options.workspace.guest) << ": " << error.what() << std::endl;
    kept.notes.emplace_back(error.what());
  }
  co_return kept;
}

std::vector<std::string> deliver_commits(const DeliverOptions& options) {
  std::vector<std::string> words;
  for (const Returned& one : clones::returned_of(options.sandbox_folder, options.id)) {
    const uint64_t commits = one.commits();
    if (commits == 0) continue;
    const auto lost = one.deliver(options.sandbox, options.force ? Returned::Force::kYes : Returned::Force::kNo);
    const std::string branch = clones::branch_of_sandbox(options.sandbox);
    const std::string& path = one.what().path;
    words.push_back(commits_in_words(commits) + " on branch " + branch +
                    (path.empty() ? "" : " of " + base::in_quotes(path)) + ": `git" +
                    (path.empty() ? "" : " -C " + base::escaped(path)) + " log .." + branch + "`" +
                    (lost ? "; it was at " + *lost : ""));
  }
  return words;
}

uint64_t undelivered_commits(const std::string& sandbox_folder, uint32_t id) {
  uint64_t commits = 0;
  for (const Returned& one : clones::returned_of(sandbox_folder, id)) {
    if (!one.is_delivered()) commits += one.commits();
  }
  return commits;
}

}  // namespace caisson::keeper
