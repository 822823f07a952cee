// SPDX-License-Identifier: Apache-2.0

// From the options of `run` to a spec, and to a sandbox's folder: choose the engine, plan, make what is missing (with
// progress), create.
#pragma once

#include <memory>

#include "agents/find.h"
#include "base/fd.h"
#include "cli/held_signals.h"
#include "cli/run_options.h"
#include "image/image_config.h"
#include "keeper/launch.h"
#include "keeper/record.h"
#include "spec/sandbox_spec.h"

namespace caisson::cli {

// What the options of `run` ask for, with what this process has besides them: its environment, terminal and folder, the
// machine's settings.
struct Wished {
  spec::SandboxSpec spec;
  gate::BuiltPolicy network;
  std::optional<Configuration> configuration = {};  // of the folder
  std::optional<agents::Agent> agent = {};
};
// May ask about the folder's configuration. Throws base::Error.
Wished wished(const RunOptions& options, const Tail& tail);

struct PrepareOptions {
  bool name_is_made_up = false;  // then one that is taken is replaced
  bool may_be_idle = false;      // without a command the sandbox just runs
  gate::Policy policy = gate::Policy();
};

struct Prepared {
  spec::SandboxSpec spec;  // with what the image adds
  keeper::Claim claim;
  std::string image_user = {};                     // "" where it names none
  std::unique_ptr<HeldSignals> signals = nullptr;  // since before there was a record
};

// Throws base::Error. Nothing of the sandbox is left behind when it does.
Prepared prepare_sandbox(const spec::SandboxSpec& spec, const PrepareOptions& options);

// keeper::launch_keeper, with the signals of what was prepared. One that has come meanwhile ends this process here:
// with nothing left behind when there is no keeper yet, else as one that comes later.
base::Fd launch(keeper::LaunchOptions options, std::unique_ptr<HeldSignals> signals);

// One line on stderr where a sandbox that was just started, without a client to tell it to, has less around it than it
// could have.
void warn_of_weaker_wall(const std::string& name);

// The image's own settings where the spec is silent: user, folder, variables that are not set, and its command when
// none was given; a shell where a terminal was asked for and the image has no command either. A command that was given
// runs as it is: an entry point is for the image's own command.
void apply_image(spec::SandboxSpec& spec, const image::ImageConfig& config);

// What `run -it` without a command runs, where the image says nothing else.
const std::vector<std::string>& default_shell();

}  // namespace caisson::cli
