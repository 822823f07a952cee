// SPDX-License-Identifier: Apache-2.0

#include "cli/pager.h"

#include <csignal>
#include <cstdlib>
#include <string>

#include "base/error.h"
#include "base/text.h"
#include "cli/terminal.h"

extern char** environ;

namespace caisson::cli {
namespace {

// git(1): GIT_PAGER, core.pager, PAGER, less.
std::string wanted_pager() {
  if (!base::find_program("git").empty()) {
    // Not in the current folder, whose repository's configuration may be the sandbox's work.
    const base::ProgramResult result = base::run_program({.argv = {"git", "var", "GIT_PAGER"}, .folder = "/"}, 4096);
    const std::string_view pager = base::trimmed(result.out);
    if (result.status.ok()) return std::string(pager);
  }
  const char* pager = std::getenv("PAGER");
  return pager != nullptr ? pager : "less";
}

}  // namespace

Pager::Pager() : terminal_(cli::is_terminal(1)) {
  ::signal(SIGPIPE, SIG_IGN);
  if (!terminal_) return;
  const std::string pager = wanted_pager();
  if (pager.empty() || pager == "cat") return;
  base::SpawnOptions options;
  options.argv = {"sh", "-c", pager};
  for (char** entry = environ; *entry != nullptr; ++entry) options.environment.emplace_back(*entry);
  // As git does: quit when it fits, pass colours on, leave the screen as it is.
  if (std::getenv("LESS") == nullptr) options.environment.emplace_back("LESS=FRX");
  if (std::getenv("LV") == nullptr) options.environment.emplace_back("LV=-c");
  base::FdPair pipe = base::make_pipe();
  options.descriptors = {{pipe.first.get(), 0}, {1, 1}, {2, 2}};
  child_ = base::spawn(options);
  pipe_ = std::move(pipe.second);
  interrupt_ = ::signal(SIGINT, SIG_IGN);  // its key is the pager's
}

Pager::~Pager() {
  pipe_.reset();
  if (!child_) return;
  child_.wait();
  ::signal(SIGINT, interrupt_);
}

bool Pager::write(std::string_view text) {
  try {
    base::write_all(pipe_ ? pipe_.get() : 1, {text.data(), text.size()}, "stdout");
    return true;
  } catch (const base::Error& error) {
    if (error.errnum() == EPIPE) return false;
    throw;
  }
}

}  // namespace caisson::cli
