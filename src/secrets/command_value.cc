// SPDX-License-Identifier: Apache-2.0

#include "secrets/command_value.h"

#include <fcntl.h>
#include <fmt/format.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/text.h"
#include "secrets/child.h"

namespace caisson::secrets {

Value value_of_command(std::string_view secret, const Command& command, const CommandRun& run) {
  const std::string what = fmt::format("the value of {}", base::in_quotes(secret));
  const std::string hint = "run it by hand: " + command.text;
  try {
    const base::Fd nowhere = base::open_file("/dev/null", O_WRONLY);
    ChildResult result = run_child({.argv = {"/bin/sh", "-c", command.text},
                                    .stderr_fd = run.stderr_fd.value_or(nowhere.get()),
                                    .limit = run.limit});
    if (!result.status.ok()) throw base::Error("its command " + result.status.text());
    return checked_value(std::move(result.output), "what its command gives");
  } catch (const base::Error& error) {
    throw base::Error(fmt::format("cannot get {}: {}", what, error.problem()), hint);
  }
}

}  // namespace caisson::secrets
