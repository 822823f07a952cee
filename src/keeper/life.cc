// SPDX-License-Identifier: Apache-2.0

#include "keeper/life.h"

#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>

#include "base/error.h"
#include "base/random.h"
#include "base/text.h"
#include "gate/host_authorities.h"
#include "keeper/clock.h"
#include "keeper/descriptors.h"
#include "keeper/weaker_wall.h"
#include "link/own_failure.h"
#include "link/wait_until.h"

namespace caisson::keeper {
namespace {

constexpr std::chrono::seconds kTermGrace{2};

link::ExecRequest main_request(const spec::Command& command) {
  link::ExecRequest request;
  request.argv = command.argv;
  request.user = command.user;
  request.folder = command.folder;
  if (command.tty) request.tty = link::TtySize{command.rows, command.columns};
  request.keep_stdin = command.keep_stdin;
  return request;
}

}  // namespace

Life::Life(asio::any_io_executor executor, engine::Engine& engine, LifeOptions options)
    : executor_(executor),
      engine_(engine),
      options_(std::move(options)),
      plan_(read_plan(options_.folder)),
      sandbox_(read_sandbox_folder(options_.folder)),
      first_start_(!sandbox_.state.started),
      ledger_(options_.folder),
      repeats_(executor_, [this](std::string_view event, const base::Json& details) { ledger_.write(event, details); }),
      ports_(executor),
      shares_(executor, {.folder = options_.folder,
                         .program = options_.share_program,
                         .on_lost = [this](const spec::Workspace& workspace,
                                           const std::string& how) { lost_workspace(workspace, how); }}),
      server_(executor, *this),
      main_(std::make_shared<MainCommand>(executor, options_.folder, [this](bool first) { client_gone(first); })),
      notices_(std::make_shared<Notices>(executor)),
      changed_(executor) {
  sandbox_.state.paused.clear();
  sandbox_.state.stages_us = options_.stages_us;
  owned_ = options_.end_with_client;
}

Life::~Life() = default;

asio::awaitable<void> Life::run() {
  const auto self = shared_from_this();
  if (options_.first_connection)
    server_.serve_first(std::move(options_.first_connection), [this] { client_gone(true); });
  try {
    co_await start();
    co_await until_end();
  } catch (const CommandFailed& error) {
    main_error_ = CommandError{error.problem(), error.hint(), error.exit_code()};
  } catch (const base::Error& error) {
    start_error_ = error;
  } catch (const std::exception& error) {
    start_error_ = base::Error(std::string("the keeper failed: ") + base::escaped(error.what()));
  }
  start_is_over_ = true;
  changed_.notify_all();
  co_await bring_down();
  settle(decide());
  co_await say_goodbye();
}

// The engine's process comes up while everything else is done.
asio::awaitable<void> Life::start() {
  bind_ports();
  shares_.open(plan_.spec);
  server_.listen(sandbox_.socket);
  begin_changes();
  start_engine();
  shares_.start();
  shares_.connect(*guest_);
  authority_ = std::make_shared<gate::LocalAuthority>(gate::LocalAuthority::folder_of_this_machine());
  gate::Policy policy = read_policy(options_.folder);
  link::Configure configuration;
  configuration.authorities = gate::authorities_for_guests(*authority_);
  configuration.requests_judged = judges_requests(policy);
  co_await configure(std::move(configuration));
  if (!plan_.spec.workspaces.empty()) co_await mount_workspaces();
  // Commands may run from here on.
  configured_ = true;
  changed_.notify_all();
  open_gate(std::move(policy));
  ports_.serve(*guest_);
  // From here on, and not from the command's start, which is the guest's word.
  if (plan_.spec.timeout) beside(enforce_timeout());
  if (has_main()) co_await start_main();
  started_ = start_is_over_ = true;
  changed_.notify_all();
  // Only the stages are new, which a crash may lose.
  write_state(options_.folder, sandbox_.state, Durability::kNotSynced);
}

void Life::bind_ports() {
  try {
    ports_.bind(plan_.spec.ports);
  } catch (const base::Error& error) {
    if (error.errnum() != EADDRINUSE) throw;
    const std::string remedy = first_start_ ? "choose another host port: -p HOST:GUEST"
                                            : "end what listens there first: `caisson start` takes the ports of `run`";
    throw base::Error(error.problem(), error.hint() + "; " + remedy, error.errnum());
  }
}

void Life::start_engine() {
  const engine::StartContext context{executor_, options_.folder, options_.folder + "/console.log"};
  instance_ = engine_.start(plan_, context);
  note("engine");
  beside(watch_engine());
  auto on_end = [weak = weak_from_this()](const std::string& reason) {
    if (const auto self = weak.lock()) {
      if (reason.starts_with(link::kOwnFailure)) self->fail(reason.substr(link::kOwnFailure.size()));
      self->link_ended_ = base::escaped(reason);
      self->changed_.notify_all();
    }
  };
  guest_ = std::make_unique<link::GuestClient>(executor_, instance_->take_link(), on_end,
                                               link::GuestClient::FromGuest::kAccepted);
  guest_->set_patience(options_.patience);
  instance_->watch_pauses([weak = weak_from_this()](const std::string& why) {
    if (const auto self = weak.lock()) self->pause(why);
  });

  State& state = sandbox_.state;
  state.status = Status::kRunning;
  state.accelerator = instance_->accelerator();
  state.started = now();
  state.ended.reset();
  state.exit_code.reset();
  state.reason.clear();
  state.notes.clear();
  state.keeper_pid = ::getpid();
  state.engine_pid = instance_->pid();
  state.ports = ports_.bound();
  state.wall = instance_->wall();
  if (const std::string weaker = weaker_wall(state.wall); !weaker.empty()) main_->tell_first(weaker);
  write_record();
  ledger_.write("start", base::Json{{"engine", sandbox_.engine}, {"accelerator", state.accelerator}});
}

asio::awaitable<void> Life::configure(link::Configure configuration) {
  // Shared with the timer's handler, which may be due already when this ends.
  enum class Phase { kWaiting, kDone, kTooSlow };
  const auto phase = std::make_shared<Phase>(Phase::kWaiting);
  asio::steady_timer limit(executor_);
  limit.expires_after(options_.start_limit);
  limit.async_wait([this, self = shared_from_this(), phase](boost::system::error_code error) {
    if (error || *phase == Phase::kDone) return;
    *phase = Phase::kTooSlow;
    kill_engine();
  });
  std::optional<base::Error> failed;
  try {
    co_await guest_->hello();
    note("hello");
    configuration.hostname = sandbox_.name;
    configuration.machine_id = base::random_hex(16);
    configuration.entropy = base::random_hex(64);
    configuration.pids_max = plan_.spec.pids;
    configuration.environment = plan_.spec.environment;
    timespec realtime{};
    ::clock_gettime(CLOCK_REALTIME, &realtime);
    configuration.realtime_ns = realtime.tv_sec * 1'000'000'000LL + realtime.tv_nsec;
    co_await guest_->configure(std::move(configuration));
    note("configured");
  } catch (const base::Error& error) {
    failed = error;
  }
  limit.cancel();
  if (*phase == Phase::kWaiting) *phase = Phase::kDone;
  if (*phase == Phase::kTooSlow)
    throw base::Error("the guest did not come up within " + std::to_string(options_.start_limit.count()) + " s",
                      console_hint());
  if (failed) throw *failed;
  throw_if_stopped();
}

asio::awaitable<void> Life::mount_workspaces() {
  co_await shares_.mounted();
  note("mounted");
  throw_if_stopped();
  sandbox_.state.shares = shares_.states();
}

// Whoever uses it gets an error; what the sandbox does about that is its own business.
void Life::lost_workspace(const spec::Workspace& workspace, const std::string& how) {
  if (engine_ended_ || link_ended_ || stop_ || ending_) return;
  ledger_.write("workspace", base::Json{{"host", workspace.host}, {"guest", workspace.guest}, {"lost", how}});
  lost_workspaces_.push_back("the workspace " + base::in_quotes(workspace.guest) + " was lost: " + how);
  sandbox_.state.shares = shares_.states();
  if (started_) write_record();
}

// From here on the guest has a network. What it asked for before waits.
void Life::open_gate(gate::Policy policy) {
  const spec::Network& network = plan_.spec.network;
  gate::GateOptions options;
  options.policy = std::move(policy);
  options.limits.connections = network.connections;
  if (const size_t most = descriptors_for_connections(); most < network.connections) {
    options.limits.connections = most;
    options.limits.connections_hint =
        "more take a higher limit of open files: `ulimit -n`, before the sandbox is started";
  }
  options.limits.bytes_per_second = network.bytes_per_second.count;
  options.limits.total_bytes = network.total.count;
  options.limits.spent_bytes = sandbox_.state.network_bytes;
  options.reserve = [this](uint64_t bytes) { keep_network_bytes(bytes); };
  options.random = static_cast<uint32_t>(std::stoul(base::random_hex(4), nullptr, 16));
  options.authority = authority_;
  options.upstream = std::make_shared<gate::HostResolver>(executor_);
  options.failed = [this](const std::string& why) { fail(why); };
  options.record = [this](std::string_view event, const base::Json& details) {
    repeats_.record(event, details);
    failures_.note(event, details);
  };
  gate_ = std::make_unique<gate::Gate>(executor_, std::move(options));
  gate_->serve(guest_->share_session());
  changed_.notify_all();
}

// The limit of the network is one of all starts, so what was used of it outlives a keeper that is killed.
void Life::keep_network_bytes(uint64_t bytes) {
  sandbox_.state.network_bytes = bytes;
  try {
    write_state(options_.folder, sandbox_.state, Durability::kNotSynced);
  } catch (const base::Error& error) {
    // The next ones are kept, or those at the end.
    ledger_.write("limit",
                  base::Json{{"note", "what was used of the network's total is not kept: " + error.problem()}});
  }
}

asio::awaitable<void> Life::start_main() {
  if (options_.wait_for_attach)
    co_await wait_until([this] { return attach_asked_ || stop_ || link_ended_ || first_gone_; });
  throw_if_stopped();
  co_await main_->start(*guest_, main_request(plan_.spec.command));
  note("started");
  ledger_.write("exec", base::Json{{"argv", plan_.spec.command.argv}, {"main", true}});
  beside(run_main());
}

asio::awaitable<void> Life::run_main() {
  const auto self = shared_from_this();
  try {
    main_result_ = co_await main_->finish();
    note("ended");
  } catch (const CommandFailed& error) {
    main_error_ = CommandError{error.problem(), error.hint(), error.exit_code()};
  } catch (const std::exception& error) {
    // With the link: until_end() sees that by itself. Without: the guest broke the rules.
    if (guest_ && !guest_->session().ended()) violation_ = base::escaped(error.what());
  }
  changed_.notify_all();
}

asio::awaitable<void> Life::watch_engine() {
  const auto self = shared_from_this();
  std::string how;
  try {
    how = co_await instance_->wait();
  } catch (const std::exception& error) {
    how = error.what();
  }
  engine_ended_ = how;
  changed_.notify_all();
}

asio::awaitable<void> Life::until_end() {
  co_await wait_until([this] {
    return main_result_ || main_error_ || violation_ || failure_ || engine_ended_ || link_ended_ || stop_;
  });
}

asio::awaitable<void> Life::enforce_timeout() {
  const auto self = shared_from_this();
  auto over = [this] { return main_result_ || main_error_ || engine_ended_ || link_ended_ || stop_; };
  const bool ended = co_await wait_until(over, Clock::now() + *plan_.spec.timeout);
  if (ended) co_return;
  timed_out_ = true;
  ledger_.write("limit", base::Json{{"limit", "timeout"}, {"seconds", plan_.spec.timeout->count()}});
  if (!main_->id()) {
    request_stop(kPowerOffLimit, "the time limit was reached");
    co_return;
  }
  for (const int number : {SIGTERM, SIGKILL}) {
    // Not waited for: a guest that does not answer is ended all the same.
    beside(send_signal(*main_->id(), number));
    const bool obeyed = co_await wait_until(over, Clock::now() + kTermGrace);
    if (obeyed) co_return;
  }
  request_stop(std::chrono::seconds(0), "the time limit was reached");
}

asio::awaitable<void> Life::send_signal(uint64_t id, int number) {
  const auto self = shared_from_this();
  try {
    co_await guest_->signal(id, number);
  } catch (const std::exception&) {
    // The command has ended in this moment, or the guest is past answering.
  }
}

// --- what it stands on

asio::awaitable<bool> Life::wait_until(std::function<bool()> condition, std::optional<Clock::time_point> deadline) {
  const auto self = shared_from_this();
  const bool came = co_await link::wait_until(executor_, changed_, std::move(condition), deadline);
  co_return came;
}

void Life::note(const char* stage) {
  sandbox_.state.stages_us[stage] = monotonic_us();
}

void Life::write_record() {
  // At its end one that was to go is written only where it stays.
  const bool may_go = plan_.spec.remove_at_end && sandbox_.state.status != Status::kStopped;
  const Durability durability = may_go ? Durability::kNotSynced : Durability::kSynced;
  write_state(options_.folder, sandbox_.state, durability);
}

void Life::throw_if_stopped() const {
  if (stop_) throw base::Error("the sandbox was stopped: " + stop_->why);
}

void Life::request_stop(std::chrono::seconds timeout, const std::string& why) {
  // No time is none for the disks, too.
  const std::chrono::seconds in_all = timeout.count() > 0 ? timeout + kDiskCloseLimit : timeout;
  const Clock::time_point deadline = Clock::now() + in_all;
  if (!stop_) stop_ = StopRequest{deadline, why};
  if (deadline < stop_->deadline) stop_->deadline = deadline;
  if (instance_ && !configured_) kill_engine();  // nothing of the user's runs yet that would have to be ended in order
  if (configured_ && !started_) beside(end_start_in_time());
  changed_.notify_all();
}

// A guest that does not answer a start is not waited for beyond a stop's time, which a later stop may shorten.
asio::awaitable<void> Life::end_start_in_time() {
  const auto self = shared_from_this();
  while (!start_is_over_) {
    const Clock::time_point deadline = stop_->deadline;
    auto over = [this, deadline] { return start_is_over_ || stop_->deadline < deadline; };
    const bool came = co_await wait_until(over, deadline);
    if (!came) kill_engine();
    if (!came) co_return;
  }
}

void Life::kill_engine() {
  killed_ = killed_ || !engine_ended_;
  instance_->kill();
}

void Life::beside(asio::awaitable<void> work) {
  asio::co_spawn(executor_, std::move(work), [self = shared_from_this()](const std::exception_ptr& thrown) {
    try {
      if (thrown) std::rethrow_exception(thrown);
    } catch (const std::exception& error) {
      self->fail(error.what());
    }
  });
}

void Life::fail(const std::string& why) {
  if (!failure_) failure_ = base::escaped(why);
  changed_.notify_all();
}

// The machine stands still, or goes on ("").
void Life::pause(const std::string& why) {
  if (why == sandbox_.state.paused) return;
  const std::string line = why.empty()
                               ? "there is room on the host's disk again: the sandbox goes on"
                               : "the sandbox stands still: " + why + " (free some space there, and it goes on)";
  sandbox_.state.paused = why;
  ledger_.write(why.empty() ? "resume" : "pause", base::Json{{"note", line}});
  main_->tell(line);
  notices_->say(line);
  try {
    write_record();
  } catch (const base::Error&) {
    // The disk is full, indeed; GET /v1/sandbox tells it.
  }
  changed_.notify_all();
}

void Life::client_gone(bool first) {
  if (!first || first_gone_) return;
  first_gone_ = true;
  if (owned_ && !ending_) request_stop(std::chrono::seconds(0), "its client disappeared");
  changed_.notify_all();
}

}  // namespace caisson::keeper
