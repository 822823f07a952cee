// SPDX-License-Identifier: Apache-2.0

// caisson cp: files and folders into a sandbox and out of it, as tar streams. On this machine caisson-cp packs and
// unpacks them; the other end is caisson-init.

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <memory>

#include "base/error.h"
#include "base/fd.h"
#include "base/install.h"
#include "base/process.h"
#include "base/text.h"
#include "cli/archive_end.h"
#include "cli/command.h"
#include "cli/copy_place.h"
#include "cli/terminal.h"
#include "keeper/client.h"
#include "link/services.h"

namespace caisson::cli {
namespace {

using base::Error;

constexpr size_t kMaxAnswerBytes = 1U << 20;
constexpr size_t kMaxWordsBytes = 4U << 20;  // a hundred names of 4 KiB, escaped

struct CopyOptions {
  std::string from;
  std::string to;
  bool follow_link = false;
};

keeper::Upgraded open_copy(const std::string& sandbox, const link::CopyRequest& request) {
  return keeper::Client::connect(keeper::read_sandbox(sandbox)).upgrade("POST", "/v1/copy", link::to_json(request));
}

// All bytes of `from` to `to`, past `end`. False when the reader of `to` has gone.
bool pump(int from, int to, ArchiveEnd& end) {
  constexpr const char* kName = "the archive";
  std::array<char, 128U << 10> buffer{};
  while (true) {
    const ssize_t count = read(from, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw base::system_error("cannot read", kName);
    if (count == 0) return true;
    const std::string_view bytes(buffer.data(), static_cast<size_t>(count));
    end.see(bytes);
    try {
      base::write_all(to, bytes, kName);
    } catch (const Error& error) {
      if (error.errnum() == EPIPE || error.errnum() == ECONNRESET) return false;
      throw;
    }
  }
}

// caisson-cp at work. What it says comes through us: a sandbox that has taken it over can't steer the terminal.
struct Helper {
  base::Child child;
  base::Fd words;
};

// One that unpacks outlives us, by the time that it takes to remove what it has half written.
Helper start_helper(std::vector<std::string> arguments, int data, int number) {
  const bool unpacks = number == 0;
  arguments.insert(arguments.begin(), base::helper_program("caisson-cp"));
  base::FdPair words = base::make_pipe();
  base::Child child = base::spawn({.argv = std::move(arguments),
                                   .descriptors = {{data, number}, {words.second.get(), 2}},
                                   .die_with_parent = !unpacks});
  return {std::move(child), std::move(words.first)};
}

struct HelpersEnd {
  std::string words;
  base::ExitStatus status;
};

// It says what it has to say when its work is over, so that it never waits for us to read while we wait for it to take
// data.
HelpersEnd end_of(Helper helper) {
  std::string words = base::read_all(helper.words.get(), kMaxWordsBytes, "what caisson-cp says");
  return {std::move(words), helper.child.wait()};
}

// Passes on what it has said: what was left out, or what went wrong.
void pass_on(const HelpersEnd& end) {
  for (const std::string& line : base::split(end.words, '\n')) {
    if (!line.empty()) fmt::print(stderr, "{}\n", base::escaped(line));
  }
  if (end.status.signal != 0) throw Error("caisson-cp " + end.status.text());
  if (!end.status.ok()) throw Exit{kOurFailure};
}

// The line and no more: after it comes ECONNRESET instead of the end where the keeper left bytes of ours unread
// (unix(7)).
std::string answer_line(const keeper::Upgraded& upgraded) {
  std::string text = upgraded.early_bytes;
  char byte = 0;
  while (!text.ends_with('\n') && text.size() < kMaxAnswerBytes) {
    const ssize_t count = TEMP_FAILURE_RETRY(read(upgraded.connection.get(), &byte, 1));
    if (count < 0 && errno != ECONNRESET) throw base::system_error("cannot read", "the answer");
    if (count <= 0) break;
    text += byte;
  }
  return text;
}

// The guest's last word: one line of JSON, {"ok":true} or {"error":…,"hint":…}.
void read_answer(const keeper::Upgraded& upgraded) {
  const std::string text = answer_line(upgraded);
  if (text.empty()) throw Error("the connection to the sandbox was lost", "`caisson ls` shows what became of it");
  const base::Json json = base::parse_json_object(base::trimmed(text), "the sandbox's answer");
  base::JsonReader reader(json, "the sandbox's answer");
  const auto error = reader.optional<std::string>("error", "");
  if (!error.empty()) throw Error(base::escaped(error), base::escaped(reader.optional<std::string>("hint", "")));
  if (!reader.required<bool>("ok")) throw Error("the sandbox could not take the copy");
}

void copy_in(const CopyOptions& options, const CopyPlace& from, const CopyPlace& to) {
  if (!from.is_stream() && access(from.path.c_str(), F_OK) != 0 &&
      faccessat(AT_FDCWD, from.path.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) != 0) {
    throw base::system_error("cannot copy", from.path);
  }
  if (from.is_stream() && is_terminal(0)) throw Error("cannot read an archive from the terminal", "pipe one in");
  link::CopyRequest request;
  request.put = true;
  request.path = to.path;
  keeper::Upgraded upgraded = open_copy(to.sandbox, request);
  const int connection = upgraded.connection.get();
  if (from.is_stream()) {
    ArchiveEnd any;            // what a user sends may end as the sandbox takes it
    pump(0, connection, any);  // when the sandbox stops taking it, its answer says why
  } else {
    const HelpersEnd end = end_of(start_helper(
        {"pack", from.path, top_name(from.path), options.follow_link ? "follow" : "nofollow"}, connection, 1));
    // A sandbox that has stopped taking the archive has said why before.
    char byte = 0;
    const bool refused = !upgraded.early_bytes.empty() || recv(connection, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
    if (!end.status.ok() && refused) read_answer(upgraded);
    pass_on(end);
  }
  shutdown(connection, SHUT_WR);
  read_answer(upgraded);
}

void copy_out(const CopyOptions& options, const CopyPlace& from, const CopyPlace& to) {
  if (to.is_stream() && is_terminal(1))
    throw Error("will not write an archive to the terminal", "send it to a file or pipe");
  link::CopyRequest request;
  request.path = from.path;
  request.follow_link = options.follow_link;
  const keeper::Upgraded upgraded = open_copy(from.sandbox, request);
  const int connection = upgraded.connection.get();
  ArchiveEnd end;
  end.see(upgraded.early_bytes);
  if (to.is_stream()) {
    base::write_all(1, upgraded.early_bytes, "stdout");
    if (!pump(connection, 1, end)) throw Error("cannot write the archive: its reader has gone");
    if (!end.seen()) throw Error(kCutOff, kCutOffHint);
    return;
  }
  base::FdPair pipe = base::make_pipe();
  Helper helper = start_helper({"unpack", top_name(from.path), to.path}, pipe.first.get(), 0);
  pipe.first.reset();
  base::write_all(pipe.second.get(), upgraded.early_bytes, "the archive");
  pump(connection, pipe.second.get(), end);
  pipe.second.reset();
  pass_on(end_of(std::move(helper)));
}

void copy(const CopyOptions& options) {
  const CopyPlace from = parse_copy_place(options.from);
  const CopyPlace to = parse_copy_place(options.to);
  if (from.sandbox.empty() == to.sandbox.empty()) {
    throw Error(from.sandbox.empty() ? "neither end of the copy is in a sandbox" : "cannot copy between sandboxes",
                "one of the two has the form NAME:PATH");
  }
  signal(SIGPIPE, SIG_IGN);  // an end that stops reading says why
  if (from.sandbox.empty()) {
    copy_in(options, from, to);
  } else {
    copy_out(options, from, to);
  }
}

}  // namespace

void add_cp_command(CLI::App& app) {
  CLI::App& command = add_command(
      app, {"cp", "[OPTIONS] SOURCE TARGET", "copy files and folders into a sandbox or out of it",
            "One of the two is NAME:PATH; a PATH without a leading slash means /PATH. When TARGET is a folder, the\n"
            "copy goes into it; when it is not there, the copy gets that name. SOURCE/. is a folder's "
            "content. '-' is a\n"
            "tar stream on stdin or stdout. Copied in, files belong to the owner of the folder that they "
            "come into;\n"
            "copied out, to you.\n"
            "\n"
            "Examples:\n"
            "  caisson cp . web:/work\n"
            "  caisson cp web:/work/result.txt .\n"
            "  caisson cp web:/work - | tar t"});
  const auto options = std::make_shared<CopyOptions>();
  command.add_option("source", options->from, "")->required();
  command.add_option("target", options->to, "")->required();
  command.add_flag("--follow-link,-L", options->follow_link, "when SOURCE is a symbolic link: what it points to");
  command.callback([options] { copy(*options); });
}

}  // namespace caisson::cli
