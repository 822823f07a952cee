// SPDX-License-Identifier: Apache-2.0

#include "cli/session.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/registry_hint.h"
#include "keeper/record.h"

namespace caisson::cli {
namespace {

// A keeper that does not answer must not hold up the keys of its user.
constexpr std::chrono::milliseconds kAnswerWithin{2000};

// Only a main command can be come back to: what another writes is kept nowhere.
void leave_running(const SessionOptions& options, const std::string& id) {
  keeper::Client client = keeper::Client::connect(keeper::read_sandbox(options.sandbox));
  if (options.id == "main") {
    client.request("POST", "/v1/detach", {}, kAnswerWithin);
    warn(fmt::format("left '{0}', which goes on (`caisson attach {0}` comes back)", options.sandbox));
  } else {
    client.request("POST", fmt::format("/v1/exec/{}/detach", id), {}, kAnswerWithin);
    warn(fmt::format("left the command, which goes on in '{}'; what it writes from now on is lost", options.sandbox));
  }
}

}  // namespace

void KeeperControl::started(const link::ExecStarted& started) {
  if (id_.empty()) id_ = std::to_string(started.id);
}

void KeeperControl::signal(int number) {
  post("signal", {{"signal", number}});
}

void KeeperControl::resize(TerminalSize size) {
  post("resize", {{"rows", size.rows}, {"columns", size.columns}});
}

void KeeperControl::answer(uint64_t question, const std::string& answer) {
  keeper::Client client = keeper::Client::connect(keeper::read_sandbox(sandbox_));
  client.request("POST", "/v1/policy/answers", {{"id", question}, {"answer", answer}}, kAnswerWithin);
}

void KeeperControl::post(const char* what, const base::Json& body) {
  keeper::Client client = keeper::Client::connect(keeper::read_sandbox(sandbox_));
  client.request("POST", fmt::format("/v1/exec/{}/{}", id_, what), body, kAnswerWithin);
}

SessionOptions main_session(const spec::SandboxSpec& spec) {
  return {.sandbox = spec.name,
          .id = "main",
          .send_input = spec.command.keep_stdin,
          .tty = spec.command.tty,
          .size = {spec.command.rows, spec.command.columns},
          .workspaces = spec.workspaces};
}

std::shared_ptr<keeper::Upgraded> questions_of(const std::string& sandbox) {
  keeper::Client client = keeper::Client::connect(keeper::read_sandbox(sandbox));
  return std::make_shared<keeper::Upgraded>(std::move(client).upgrade("GET", "/v1/policy/questions"));
}

int run_session(keeper::Upgraded upgraded, const SessionOptions& options) {
  KeeperControl control(options.sandbox, options.id);
  StreamOptions stream;
  stream.connection = upgraded.connection.get();
  stream.early_bytes = std::move(upgraded.early_bytes);
  stream.send_input = options.send_input;
  stream.tty = options.tty;
  stream.size = options.size;
  stream.output = options.output;
  stream.detach_keys = options.may_leave;
  stream.read_keys = options.read_keys;
  if (options.questions) {
    stream.questions = options.questions->connection.get();
    stream.early_questions = options.questions->early_bytes;
  }
  StreamEnd end = run_stream(stream, control);
  switch (end.kind) {
    case StreamEnd::Kind::kExited:
      for (const std::string& note : end.result.notes) warn(base::escaped(note));
      end.result.allow.insert(end.result.allow.end(), end.result.own_networks.begin(), end.result.own_networks.end());
      if (const std::string hint = own_registry_hint(end.result.allow, options.workspaces); !hint.empty()) warn(hint);
      return end.result.code;
    case StreamEnd::Kind::kDetached:
      leave_running(options, control.id());
      return 0;
    case StreamEnd::Kind::kLeft:
      return 128 + end.signal;
    case StreamEnd::Kind::kFailed:
      break;
  }
  warn(base::Error(base::escaped(end.error), base::escaped(end.hint)).what());
  return end.exit_code;
}

TerminalSize own_terminal_size() {
  for (int fd : {0, 1, 2}) {
    if (const auto size = terminal_size(fd)) return *size;
  }
  return {};
}

}  // namespace caisson::cli
