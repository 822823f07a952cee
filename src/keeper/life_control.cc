// SPDX-License-Identifier: Apache-2.0

// What the API asks of a sandbox's life.

#include <algorithm>
#include <csignal>

#include "base/text.h"
#include "keeper/commits.h"
#include "keeper/copy_session.h"
#include "keeper/life.h"
#include "keeper/question_stream.h"

namespace caisson::keeper {
namespace {

using base::Json;

// When a command's stream breaks because the link does, the link's end follows at once.
constexpr std::chrono::seconds kLostLimit{1};

}  // namespace

Json Life::describe() {
  if (ending_) return to_json(sandbox_);
  // What the record gets when it ends.
  Sandbox shown = sandbox_;
  shown.state.notes = notes_so_far();
  if (gate_) {
    shown.state.refusals = gate_->refusals();
    shown.state.uses = gate_->uses();
    shown.state.network_bytes = gate_->spent_bytes();
  }
  return to_json(shown);
}

asio::awaitable<void> Life::ready() {
  const auto self = shared_from_this();
  co_await wait_until([this] { return started_ || ending_; });
  if (started_) co_return;
  throw_not_started();
}

asio::awaitable<void> Life::configured() {
  const auto self = shared_from_this();
  // The gate is there a moment later, and belongs to what a command finds.
  co_await wait_until([this] { return (configured_ && gate_) || ending_; });
  if (!ending_) co_return;
  throw_not_started();
}

void Life::throw_not_started() const {
  if (ending_->error) throw ApiFailure(503, ending_->error->error, ending_->error->hint, ending_->error->exit_code);
  // A stop, or the time limit, was faster.
  throw ApiFailure(503, "the sandbox " + base::in_quotes(sandbox_.name) + " did not start: " + ending_->reason, "",
                   ending_->exit->code);
}

link::GuestClient& Life::guest() {
  if (ending_ || link_ended_ || engine_ended_) throw ApiFailure(409, "the sandbox has ended");
  if (!configured_) throw ApiFailure(409, "the sandbox is still starting", "GET /v1/ready answers when it is up");
  if (!sandbox_.state.paused.empty())
    throw ApiFailure(503, "the sandbox " + base::in_quotes(sandbox_.name) + " stands still: " + sandbox_.state.paused,
                     "free some space there, and it goes on");
  return *guest_;
}

asio::awaitable<Json> Life::stats() {
  const auto self = shared_from_this();
  const link::Stats stats = co_await guest().stats();
  co_return to_json(stats);
}

StreamHandler Life::attach(bool first) {
  if (!has_main())
    throw ApiFailure(409, first_start_ ? "the sandbox has no main command" : "its main command has run before",
                     first_start_ ? "`caisson exec` runs one in it"
                                  : "`caisson logs " + sandbox_.name + "` shows what it wrote, `caisson exec " +
                                        sandbox_.name + " COMMAND` runs another");
  StreamHandler handler = main_->attach(first);
  attach_asked_ = true;
  changed_.notify_all();
  return handler;
}

void Life::detach() {
  owned_ = false;
  main_->detach();
}

StreamHandler Life::exec(link::ExecRequest request) {
  guest();
  ledger_.write("exec", Json{{"argv", request.argv}, {"user", request.user}});
  const auto self = shared_from_this();
  return [self, request = std::move(request)](ChannelPtr channel) {
    ExecEnvironment environment;
    environment.guest = self->guest_.get();
    environment.limits = self->limits();
    environment.last_frame = [self] { return self->exec_last_frame(); };
    environment.notices = self->notices_;
    environment.amend = [self](KeeperExit& exit) {
      if (!self->timed_out_) return;
      exit.code = kExitTimedOut;
      exit.notes.push_back(self->time_limit_words());
    };
    environment.on_start = [self](uint64_t id, std::weak_ptr<ExecClient> client) {
      std::erase_if(self->exec_clients_, [](const auto& one) { return one.second.expired(); });
      self->exec_clients_[id] = std::move(client);
    };
    environment.on_end = [self, argv = request.argv](int exit_code) {
      self->ledger_.write("exit", Json{{"argv", argv}, {"exit_code", exit_code}});
    };
    environment.on_violation = [self](const std::string& what) {
      self->violation_ = base::escaped(what);
      self->changed_.notify_all();
    };
    return serve_exec(std::move(environment), request, std::move(channel));
  };
}

void Life::let_go(uint64_t exec_id) {
  const auto found = exec_clients_.find(exec_id);
  const std::shared_ptr<ExecClient> client = found == exec_clients_.end() ? nullptr : found->second.lock();
  if (!client) throw ApiFailure(404, "the command has ended");
  client->let_go();
}

// A command beside the main one was cut off.
asio::awaitable<std::vector<uint8_t>> Life::exec_last_frame() {
  const auto self = shared_from_this();
  const bool lost =
      co_await wait_until([this] { return link_ended_ || violation_ || ending_; }, Clock::now() + kLostLimit);
  if (!lost) co_return make_error_frame(CommandError{"the guest broke the command off", "", kExitOurs});
  co_await wait_until([this] { return ending_.has_value(); });
  if (ending_->error && !main_error_) co_return make_error_frame(*ending_->error);
  KeeperExit exit{.code = 128 + SIGKILL, .signal = SIGKILL, .notes = {}, .stages_us = {}};
  if (timed_out_) exit.code = kExitTimedOut;
  exit.notes.push_back("the sandbox has ended: " + ending_->reason);
  co_return make_frame(link::ExecFrame::kExit, to_json(exit));
}

asio::awaitable<StreamHandler> Life::copy(link::CopyRequest request) {
  const auto self = shared_from_this();
  ledger_.write("copy", Json{{"put", request.put}, {"path", request.path}});
  const bool put = request.put;
  link::StreamPtr stream = co_await guest().copy(std::move(request));
  StreamHandler handler = [stream, put, patience = options_.patience.copy](ChannelPtr channel) {
    CopyEnds ends{stream, std::move(channel)};
    return put ? serve_copy_in(std::move(ends), patience) : serve_copy_out(std::move(ends), patience);
  };
  co_return handler;
}

asio::awaitable<StreamHandler> Life::changes(link::ChangesRequest request) {
  const auto self = shared_from_this();
  link::StreamPtr stream = co_await guest().changes(request);
  StreamHandler handler = [stream, patience = options_.patience.copy](ChannelPtr channel) {
    CopyEnds ends{stream, std::move(channel)};
    return serve_copy_out(std::move(ends), patience);
  };
  co_return handler;
}

asio::awaitable<Json> Life::commits(uint32_t id) {
  const auto self = shared_from_this();
  const auto& all = plan_.spec.workspaces;
  const auto workspace = std::find_if(all.begin(), all.end(), [&](const spec::Workspace& one) {
    return one.id == id && one.mode == spec::WorkspaceMode::kClone;
  });
  if (workspace == all.end()) throw ApiFailure(404, "there is no clone " + std::to_string(id));
  ledger_.write("commits", Json{{"workspace", id}});
  const KeepOptions options{options_.folder, plan_.spec, *workspace};
  const ChangesState state = co_await fetch_commits(guest(), options);
  co_return Json{{"commits", state.commits}, {"elsewhere", state.elsewhere}, {"uncommitted", state.uncommitted}};
}

asio::awaitable<void> Life::discard(link::DiscardRequest request) {
  const auto self = shared_from_this();
  ledger_.write("discard", Json{{"workspace", request.id}, {"paths", request.paths.size()}});
  co_await guest().discard(std::move(request));
}

uint64_t Life::guest_id(CommandId command) const {
  if (!command.main) return command.id;
  if (!main_->id()) throw ApiFailure(409, "the main command does not run");
  return *main_->id();
}

asio::awaitable<void> Life::signal(CommandId command, int number) {
  const auto self = shared_from_this();
  link::GuestClient& to = guest();
  const uint64_t id = guest_id(command);
  co_await to.signal(id, number);
}

asio::awaitable<void> Life::resize(CommandId command, link::TtySize size) {
  const auto self = shared_from_this();
  link::GuestClient& to = guest();
  const uint64_t id = guest_id(command);
  co_await to.resize(id, size);
}

Json Life::policy() {
  const gate::Policy policy = gate_ ? gate_->policy() : read_policy(options_.folder);
  const gate::Refusals refusals = gate_ ? gate_->refusals() : gate::Refusals();
  return Json{{"policy", to_json(policy)}, {"refusals", to_json(refusals)}};
}

void Life::change_policy(const PolicyChange& change) {
  guest();
  if (!gate_) throw ApiFailure(409, "the sandbox is still starting", "GET /v1/ready answers when it is up");
  gate::Policy policy = changed(gate_->policy(), change);
  write_policy(options_.folder, policy);
  ledger_.write("policy", to_json(change));
  gate_->set_policy(std::move(policy));
}

// Who asks before the guest has a network waits for that.
StreamHandler Life::questions() {
  const auto self = shared_from_this();
  return [self](ChannelPtr channel) { return self->serve_questions(std::move(channel)); };
}

asio::awaitable<void> Life::serve_questions(ChannelPtr channel) {
  const auto self = shared_from_this();
  co_await wait_until([this] { return gate_ || ending_; });
  if (gate_) {
    co_await stream_questions(self, gate_->questions(), channel);
  } else {
    channel->shutdown_write();
  }
}

void Life::answer_question(const QuestionAnswer& answer) {
  guest();
  gate::Questions* questions = gate_ ? &gate_->questions() : nullptr;
  const auto open = questions ? questions->open() : std::vector<gate::Questions::Open>();
  const auto asked = std::find_if(open.begin(), open.end(), [&](const auto& one) { return one.id == answer.id; });
  if (asked == open.end())
    throw ApiFailure(404, "there is no question " + std::to_string(answer.id), "its time is over, or it was answered");
  if (answer.what == QuestionAnswer::What::kSandbox) {
    // The connections that wait for the answer find the rule.
    PolicyChange change;
    change.add.push_back({.rule = gate::parse_rule(asked->target), .allow = true, .origin = "answer"});
    change_policy(change);
    return;
  }
  ledger_.write("answer", Json{{"target", asked->target}, {"answer", to_json(answer)["answer"]}});
  questions->answer(answer.id,
                    answer.what == QuestionAnswer::What::kOnce ? gate::Answer::kOnce : gate::Answer::kDenied);
}

asio::awaitable<void> Life::stop(std::chrono::seconds timeout) {
  const auto self = shared_from_this();
  request_stop(timeout, "by request");
  co_await wait_until([this] { return ending_.has_value(); });
}

size_t Life::buffered_bytes() const {
  return main_->buffered_bytes() + (guest_ ? guest_->session().buffered_bytes() : 0);
}

}  // namespace caisson::keeper
