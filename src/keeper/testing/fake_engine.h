// SPDX-License-Identifier: Apache-2.0

// An engine whose sandboxes are a few coroutines of the test's own process: a session on a socket pair that plays init.
// The keeper cannot tell the difference, and the guest can do what no init of ours would.
//
// Commands by argv[0]:
//   exit N          ends with N                       echo TEXT     TEXT on stdout, ends with 0
//   cat             stdin back on stdout              flood BYTES   that much on stdout
//   wait            until SIGTERM or SIGKILL          stubborn      until SIGKILL
//   hits-limits     a result with every limit hit     wrong-frame   a frame that only the host sends
//   garbage         on a signal, no yamux             break-off     resets the stream
//   power-off       the machine powers off            git …         as the test has it, else not found
//   anything else: not found (127)
// A workspace's server is sent "ping" once.
// Changes of a workspace are the records that the test has given it.
// Ports: 7 answers each connection with what it got; every other one is refused.
// Copies: "put" is counted, or refused when the path is "/full"; "get" gives "archive of PATH". With the path
// "/stands-still" neither goes on from there: nothing is taken, and the archive does not end.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "link/event.h"
#include "link/services.h"
#include "link/session.h"

namespace caisson::keeper {

namespace asio = boost::asio;

// What the guest does, set before the start, and what it saw. Used from the event loop's thread.
struct FakeGuest {
  bool answers_hello = true;
  bool obeys_power_off = true;
  bool answers_signals = true;
  bool answers_commands = true;  // or they hang before they have begun
  bool hangs = false;            // once it is configured: no answer to anything
  bool memory_runs_out = false;  // in the keeper, when it next reads from the link
  std::string start_error;       // engine.start() throws it
  std::vector<engine::WallPart> wall = {{.name = "nothing", .stands = false, .detail = "a fake"}};

  std::optional<link::Configure> configured;
  std::vector<link::ExecRequest> requests;
  std::vector<std::pair<uint64_t, int>> signals;
  std::optional<link::TtySize> size;
  std::optional<std::chrono::seconds> until_kill;  // of the request to power off
  std::vector<link::Mount> mounts;
  std::string refuses_mounts;    // the error
  std::string share_answers;     // what came back from the workspaces' servers
  size_t commands_at_mount = 0;  // how many commands had begun at the last mount
  uint64_t flooded_bytes = 0;    // that the keeper took
  uint64_t copied_bytes = 0;
  int resets = 0;  // streams that the keeper reset under a command
  int starts = 0;
  int destroyed = 0;
  int made_to_stay = 0;
  int ended_commands = 0;                   // how often it was asked to end all of them
  std::map<uint32_t, std::string> changes;  // of workspaces, as records without their end; none: no changes
  bool lists_changes = true;                // else such a request is not answered
  // Answers to "git", with all of its stdin; none: there is no git.
  struct GitAnswer {
    std::string out;
    int code = 0;
  };
  std::function<GitAnswer(const std::vector<std::string>& argv, const std::string& input)> git;
  bool killed = false;                       // by the keeper
  std::function<void(std::string how)> die;  // ends the machine as if its process had died
};

class FakeEngine final : public engine::Engine {
 public:
  explicit FakeEngine(FakeGuest& guest) : guest_(guest) {}
  std::string_view name() const override { return "fake"; }
  engine::Probe probe() const override { return {.usable = true, .reason = "", .remedy = ""}; }
  engine::Capabilities capabilities() const override { return {}; }
  engine::Plan plan(const spec::SandboxSpec& spec) const override;
  void prepare(engine::Plan&, const engine::PrepareContext&) override {}
  void create(const engine::Plan&, const std::string&) override {}
  std::unique_ptr<engine::Instance> start(const engine::Plan& plan, const engine::StartContext& context) override;
  void keep(const engine::Plan&, const std::string&) override { ++guest_.made_to_stay; }
  void destroy(const std::string&) override { ++guest_.destroyed; }

 private:
  FakeGuest& guest_;
};

}  // namespace caisson::keeper
