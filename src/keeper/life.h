// SPDX-License-Identifier: Apache-2.0

// One sandbox's life, from its engine's start to the end of its folder or its rest in it.
//
// run() is the recipe. Three things happen beside it, and each only notes what it saw and wakes it: the engine's
// process ends, the link ends, the main command ends. Requests (stop, a client that has gone, the time limit) are noted
// the same way. What the end was is decided in one place, decide().
//
// Order at the end: the VMM has ended or, where the sandbox goes away with its command, was sent SIGKILL and is not
// waited for; then the name is free (folder renamed away) or the record says stopped and the lock is given back; then
// clients get their last frames; then, once the VMM has ended, files are deleted. So whoever has seen a command end can
// use the name at once.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "gate/ca.h"
#include "gate/gate.h"
#include "keeper/control.h"
#include "keeper/exec_session.h"
#include "keeper/exit.h"
#include "keeper/failures.h"
#include "keeper/frames.h"
#include "keeper/ledger.h"
#include "keeper/main_command.h"
#include "keeper/notices.h"
#include "keeper/ports.h"
#include "keeper/record.h"
#include "keeper/repeats.h"
#include "keeper/server.h"
#include "keeper/shares.h"
#include "link/event.h"
#include "link/guest_client.h"

namespace caisson::keeper {

struct LifeOptions {
  std::string folder;
  base::Fd lock;              // the folder's lock is held by this descriptor
  base::Fd first_connection;  // of the API; may be none
  bool wait_for_attach = false;
  bool end_with_client = false;
  bool stays = false;
  Stages stages_us = {};
  std::string share_program;  // instead of our own caisson-share, for tests
  // How long the guest may take until it is configured.
  std::chrono::seconds start_limit{180};
  // How long it may take to answer from then on.
  link::Patience patience = {};
};

// How long the guest's processes have to end before they are killed, where no request says otherwise.
inline constexpr std::chrono::seconds kPowerOffLimit{10};
// And then the machine to write its disks out and power off.
inline constexpr std::chrono::seconds kDiskCloseLimit{3};

class Life final : public Control, public std::enable_shared_from_this<Life> {
 public:
  // `engine` must outlive it. Throws when the record cannot be read.
  Life(asio::any_io_executor executor, engine::Engine& engine, LifeOptions options);
  ~Life() override;

  // To be spawned once; returns when all is done. Never throws.
  asio::awaitable<void> run();
  // As POST /v1/stop, without waiting.
  void request_stop(std::chrono::seconds timeout, const std::string& why);

  base::Json describe() override;
  asio::awaitable<void> ready() override;
  asio::awaitable<void> configured() override;
  asio::awaitable<base::Json> stats() override;
  StreamHandler attach(bool first) override;
  void detach() override;
  StreamHandler exec(link::ExecRequest request) override;
  asio::awaitable<StreamHandler> copy(link::CopyRequest request) override;
  asio::awaitable<StreamHandler> changes(link::ChangesRequest request) override;
  asio::awaitable<base::Json> commits(uint32_t id) override;
  asio::awaitable<void> discard(link::DiscardRequest request) override;
  asio::awaitable<void> signal(CommandId command, int number) override;
  void let_go(uint64_t exec_id) override;
  asio::awaitable<void> resize(CommandId command, link::TtySize size) override;
  base::Json policy() override;
  void change_policy(const PolicyChange& change) override;
  StreamHandler questions() override;
  void answer_question(const QuestionAnswer& answer) override;
  asio::awaitable<void> stop(std::chrono::seconds timeout) override;

  // For tests: bytes of the guest's that are held in this process.
  size_t buffered_bytes() const;

 private:
  using Clock = std::chrono::steady_clock;
  struct StopRequest {
    Clock::time_point deadline;  // of the machine
    std::string why;
  };
  // What the end was.
  struct Ending {
    std::optional<KeeperExit> exit;     // the main command ended, or was ended by a stop
    std::optional<CommandError> error;  // else
    std::string reason;
  };

  // The recipe: up to the end in life.cc, from there in life_end.cc.
  asio::awaitable<void> start();
  void bind_ports();
  void start_engine();
  void lost_workspace(const spec::Workspace& workspace, const std::string& how);
  asio::awaitable<void> configure(link::Configure configuration);
  asio::awaitable<void> mount_workspaces();
  void open_gate(gate::Policy policy);
  void keep_network_bytes(uint64_t bytes);
  asio::awaitable<void> start_main();
  asio::awaitable<void> until_end();
  asio::awaitable<void> bring_down();
  Ending decide() const;
  Ending decide_exit() const;
  CommandError decide_error() const;
  std::vector<std::string> notes_so_far() const;
  void settle(const Ending& ending);
  asio::awaitable<void> say_goodbye();
  asio::awaitable<void> clean_up();

  // What it leaves in its workspaces: life_changes.cc.
  struct Listing;
  void begin_changes();
  asio::awaitable<void> list_changes();
  asio::awaitable<void> look_for_changes(std::shared_ptr<Listing> listing);
  bool can_list_changes() const;
  bool ends_at_once() const;
  // Its end is that of the client that it was for.
  bool was_left() const { return owned_ && first_gone_; }
  Clock::time_point list_deadline(Clock::time_point begin) const;
  bool keeps_changes() const;
  std::string changes_note() const;

  // What happens beside it.
  asio::awaitable<void> watch_engine();
  asio::awaitable<void> run_main();
  asio::awaitable<void> enforce_timeout();
  asio::awaitable<void> send_signal(uint64_t id, int number);
  std::chrono::seconds until_kill() const;  // what the guest's processes have now, after SIGTERM
  asio::awaitable<void> power_off();
  asio::awaitable<void> serve_questions(ChannelPtr channel);
  asio::awaitable<void> deliver_last();
  asio::awaitable<void> drain();
  // Runs it as a coroutine of its own. What it throws ends the sandbox.
  void beside(asio::awaitable<void> work);
  asio::awaitable<void> end_start_in_time();
  void fail(const std::string& why);
  void pause(const std::string& why);
  void client_gone(bool first);
  void kill_engine();

  // Whether the condition came true before the deadline; looked at whenever something changed.
  asio::awaitable<bool> wait_until(std::function<bool()> condition, std::optional<Clock::time_point> deadline = {});
  void note(const char* stage);
  void write_record();
  void throw_if_stopped() const;
  // By itself, and not because it was stopped.
  bool start_failed() const { return start_error_ && !stop_; }
  // Nothing of the user's has ever run in it, and nothing will: its main command is for the first start.
  bool is_unused() const { return first_start_ && !configured_; }
  bool goes_away() const { return (plan_.spec.remove_at_end && !options_.stays && !keeps_changes()) || is_unused(); }
  // It was to go, and does not.
  bool stays_for_changes() const { return plan_.spec.remove_at_end && !goes_away(); }
  void make_it_stay();
  std::string console_hint() const;
  // The main command runs once, at the sandbox's first start.
  bool has_main() const { return first_start_ && !plan_.spec.command.argv.empty(); }
  link::GuestClient& guest();
  uint64_t guest_id(CommandId command) const;
  [[noreturn]] void throw_not_started() const;
  asio::awaitable<std::vector<uint8_t>> last_frame();
  asio::awaitable<std::vector<uint8_t>> exec_last_frame();
  LimitWords limits() const;
  std::string time_limit_words() const;

  asio::any_io_executor executor_;
  engine::Engine& engine_;
  LifeOptions options_;
  engine::Plan plan_;
  Sandbox sandbox_;
  const bool first_start_;
  Ledger ledger_;
  Repeats repeats_;
  Failures failures_;
  Ports ports_;
  Shares shares_;
  Server server_;
  std::shared_ptr<MainCommand> main_;
  std::shared_ptr<Notices> notices_;
  std::map<uint64_t, std::weak_ptr<ExecClient>> exec_clients_;
  std::unique_ptr<engine::Instance> instance_;
  std::unique_ptr<link::GuestClient> guest_;
  std::shared_ptr<gate::LocalAuthority> authority_;
  std::unique_ptr<gate::Gate> gate_;

  link::Event changed_;
  bool configured_ = false;
  bool started_ = false;
  bool start_is_over_ = false;  // well or not
  bool timed_out_ = false;
  bool owned_ = false;                       // the first client's going ends the sandbox
  bool attach_asked_ = false;                // a client has asked for the main command
  bool first_gone_ = false;                  // it has gone
  bool killed_ = false;                      // the engine's process did not end by itself
  bool too_slow_ = false;                    // it was asked to, in good order, and its time was over
  std::optional<std::string> engine_ended_;  // how
  std::optional<std::string> link_ended_;    // why, "" for orderly
  std::optional<link::ExecResult> main_result_;
  std::optional<CommandError> main_error_;
  std::optional<std::string> violation_;      // what the guest sent that it must not
  std::vector<std::string> lost_workspaces_;  // for the end
  std::vector<std::string> commit_notes_;     // likewise
  std::optional<std::string> failure_;        // what went wrong in this process
  std::optional<base::Error> start_error_;
  std::optional<StopRequest> stop_;
  std::optional<Ending> ending_;  // decided and settled
  std::string hidden_;            // where the folder is when it is to be deleted
  bool delivered_ = false;
  bool drained_ = false;
  int listings_ = 0;  // under way: what was not waited for ends with the link
};

}  // namespace caisson::keeper
