// SPDX-License-Identifier: Apache-2.0

// The contract between the keeper and a way of isolating. An engine only starts an isolated thing that runs
// caisson-init with one duplex byte stream; exec, files, ports, network and workspace are built once on the link, for
// all engines.
//
// Preconditions and results are part of the contract:
//  - probe() and capabilities() have no side effects and take at most a second; they may be called from any command.
//  - plan() changes nothing; it looks at no more than the spec and the host's size. A wish that the engine can't
//    honour is a base::Error that names it; nothing is dropped silently.
//  - prepare() makes what the plan needs and does not have (image, kernel, template), in the foreground, with
//    progress, and writes into plan.details what it settled on; it is safe to be run by many processes at once and to
//    be killed at any point. plan.details["image_digest"] names the image in use, for all engines: `image rm` refuses
//    to remove that one.
//  - create() makes the engine's files in a new sandbox's folder; it either completes or leaves nothing that start()
//    would take for complete.
//  - start() returns a running instance or throws; after a throw nothing is left running.
//  - keep() brings into a sandbox's folder what start() would need from outside of it; called when one that was to go
//    with its command stays after all. Idempotent.
//  - destroy() removes whatever create() and start() made outside the sandbox's folder; idempotent, safe after a
//    partial failure.
//  - Engines never include each other, and are listed by hand in registry.cc.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json_reader.h"
#include "base/progress.h"
#include "link/services.h"
#include "link/transport.h"
#include "spec/sandbox_spec.h"
#include "sys/wall.h"

namespace caisson::engine {

namespace asio = boost::asio;

struct Probe {
  bool usable = false;
  std::string reason;  // "QEMU 7.2 with software emulation (no KVM: …)"; why not, when not usable
  std::string remedy;  // what to do about it; "" when usable
};

// Facts about isolation; each is printed, documented and tested by attack.
struct Capabilities {
  bool own_kernel = false;
  bool own_docker_engine = false;
  bool file_system_isolation = false;
  bool process_isolation = false;
  bool network_isolation = false;
  bool transparent_egress = false;
  bool limits_cpu = false;
  bool limits_memory = false;
  bool limits_disk = false;
  bool limits_pids = false;
  bool snapshots = false;
  bool needs_root = false;
};
base::Json to_json(const Capabilities& capabilities);

// The layers of the wall around the engine's process, for inspect and doctor.
using sys::WallPart;

// What an engine decided for a spec; opaque to the caller, JSON so that it can be kept in the sandbox's record.
struct Plan {
  spec::SandboxSpec spec;
  std::string engine;
  base::Json details;
};

struct PrepareContext {
  base::Progress& progress;
  // Whom this machine's sandboxes trust; asked only when something is made that is faster to start with it.
  std::function<std::vector<link::Authority>()> authorities;
};

// A started instance. Used from its executor's thread. The destructor kills what still runs.
class Instance {
 public:
  virtual ~Instance() = default;
  // The byte stream to init; to be taken once.
  virtual std::unique_ptr<link::Transport> take_link() = 0;
  // Waits for the end of the engine's process and says how it was, in words: "the virtual machine powered off",
  // "QEMU was ended by signal 9 (Killed)".
  virtual asio::awaitable<std::string> wait() = 0;
  // SIGKILL; wait() then returns. Idempotent.
  virtual void kill() = 0;
  virtual std::vector<WallPart> wall() const = 0;
  // "kvm", "tcg"; "" where there is no such thing.
  virtual std::string accelerator() const = 0;
  // Calls `changed` when the instance begins to stand still by itself, with the reason in words, and with "" when it
  // goes on. To be called once, before anything of the user's runs; an engine that never stands still has nothing to
  // tell.
  virtual void watch_pauses(std::function<void(const std::string& why)> changed) { (void)changed; }
  // Process id on the host of the engine's process, for inspect.
  virtual int64_t pid() const = 0;
};

struct StartContext {
  asio::any_io_executor executor;
  std::string folder;        // the sandbox's folder: create() made the engine's files in it
  std::string console_path;  // where the kernel's console goes (bounded by the engine)
};

class Engine {
 public:
  virtual ~Engine() = default;
  virtual std::string_view name() const = 0;
  virtual Probe probe() const = 0;
  virtual Capabilities capabilities() const = 0;
  virtual Plan plan(const spec::SandboxSpec& spec) const = 0;
  virtual void prepare(Plan& plan, const PrepareContext& context) = 0;
  virtual void create(const Plan& plan, const std::string& folder) = 0;
  // A fresh sandbox is thawed; one that ran before is booted with its disk.
  virtual std::unique_ptr<Instance> start(const Plan& plan, const StartContext& context) = 0;
  virtual void keep(const Plan& plan, const std::string& folder) = 0;
  virtual void destroy(const std::string& folder) = 0;
};

}  // namespace caisson::engine
