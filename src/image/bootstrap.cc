// SPDX-License-Identifier: Apache-2.0

#include "image/bootstrap.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "base/error.h"
#include "base/paths.h"
#include "base/text.h"
#include "image/image_builder.h"

namespace caisson::image {
namespace {

// Where mmdebstrap 1.x is, by what it says, and the part of the whole that each takes.
struct Phase {
  std::string_view message;
  const char* words;
  double begin;
  double end;
};
constexpr Phase kPhases[] = {
    {"I: running apt-get update", "reading the package lists", 0, 0.05},
    {"I: downloading packages", "fetching the essential packages", 0.05, 0.12},
    {"I: extracting archives", "unpacking the essential packages", 0.12, 0.14},
    {"I: installing essential", "setting up the essential packages", 0.14, 0.2},
    {"I: installing remaining", "fetching and setting up packages", 0.2, 0.85},
    {"I: cleaning", "cleaning up", 0.85, 0.87},
    {"I: creating tarball", "", 0.87, 1},  // whoever unpacks it shows how far it is
};

// All processes are in one pid namespace: when its first process dies, by unshare's --kill-child, the kernel ends the
// rest.
std::vector<std::string> confinement(bool as_root) {
  std::vector<std::string> argv = {"unshare", "--mount", "--pid", "--fork", "--kill-child=SIGKILL", "--mount-proc"};
  if (!as_root) argv.insert(argv.begin() + 1, {"--user", "--map-root-user", "--map-auto"});
  return argv;
}

bool works(std::vector<std::string> argv) {
  argv.emplace_back("true");
  return base::run_program({.argv = argv}).status.ok();
}

// The program and its mode, for this user on this machine.
std::vector<std::string> program() {
  require_program("mmdebstrap", "mmdebstrap");
  const bool as_root = ::geteuid() == 0;
  std::vector<std::string> argv = confinement(as_root);
  if (works(argv)) {
    argv.insert(argv.end(), {"mmdebstrap", "--mode=root"});
    return argv;
  }
  if (as_root) return {"mmdebstrap", "--mode=root"};
  if (!base::find_program("fakechroot").empty() && !base::find_program("fakeroot").empty())
    return {"mmdebstrap", "--mode=fakechroot"};
  throw base::Error(
      "this user can't make a Debian system: it has no subordinate user ids, or may not have user namespaces",
      "ask an administrator for `apt install uidmap` and `usermod --add-subuids 100000-165535 --add-subgids "
      "100000-165535 USER`, or for the package 'fakechroot'");
}

std::vector<std::string> environment(const std::string& temporary) {
  std::vector<std::string> entries = {"TMPDIR=" + temporary};
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    // Messages are read by us; SOURCE_DATE_EPOCH would change all times in the image.
    if (!text.starts_with("TMPDIR=") && !text.starts_with("LC_ALL=") && !text.starts_with("SOURCE_DATE_EPOCH="))
      entries.emplace_back(text);
  }
  entries.emplace_back("LC_ALL=C.UTF-8");
  return entries;
}

std::vector<std::string> command_line(const BootstrapOptions& options) {
  std::vector<std::string> argv = program();
  argv.insert(argv.end(),
              {"--verbose", "--variant=minbase", "--format=tar", "--include=" + base::join(options.packages, ",")});
  for (const std::string& setting : options.settings) argv.push_back("--aptopt=" + setting);
  for (const std::string& setting : options.dpkg_settings) argv.push_back("--dpkgopt=" + setting);
  for (const std::string& hook : options.hooks) argv.push_back("--customize-hook=" + hook);
  argv.insert(argv.end(), {options.suite, "-"});
  argv.insert(argv.end(), options.sources.begin(), options.sources.end());
  return argv;
}

}  // namespace

std::string bootstrap_remedy(std::string_view said) {
  const auto has = [&](std::string_view words) { return said.find(words) != std::string_view::npos; };
  if (has("No space left on device"))
    return std::string(kBootstrapRoom) + " (" + base::to_string(kBootstrapSpace) + " are needed)";
  if (has("Could not resolve") || has("Could not connect") || has("Connection failed") || has("Failed to fetch") ||
      has("Unable to connect") || has("Temporary failure"))
    return "the package sources of this machine can't be reached: check the network, and `apt-get update`; lines of "
           "another mirror (deb URL SUITE main) in '" +
           base::config_folder() + "/apt.list' are taken instead";
  if (has("NO_PUBKEY") || has("is not signed"))
    return "the package sources are signed with a key that this machine does not have";
  return "";
}

Bootstrap::Bootstrap(const BootstrapOptions& options, const WorkFolder& work, base::Progress& progress)
    : progress_(progress), lines_([this](std::string_view line) { take(line); }) {
  base::FdPair tar = base::make_pipe();
  base::FdPair messages = base::make_pipe();
  base::SpawnOptions spawn;
  spawn.argv = command_line(options);
  spawn.environment = environment(work.path());
  spawn.descriptors = {{tar.second.get(), 1}, {messages.second.get(), 2}, {work.lock_fd(), 3}};
  spawn.folder = "/";
  // Ctrl-C is for us; it ends with us.
  spawn.new_session = true;
  child_ = base::spawn(spawn);
  tar_ = std::move(tar.first);
  messages_ = std::move(messages.first);
}

void Bootstrap::take(std::string_view line) {
  for (const Phase& phase : kPhases) {
    if (!line.starts_with(phase.message)) continue;
    phase_ = phase.words;
    phase_begin_ = phase.begin;
    phase_end_ = phase.end;
    expected_ = 0;
    seen_ = 0;
  }
  if (const size_t at = line.find(" newly installed"); at != std::string_view::npos) {
    const size_t start = line.rfind(' ', at - 1);
    const std::string_view number = line.substr(start == std::string_view::npos ? 0 : start + 1, at - start - 1);
    expected_ = 3 * base::parse_number<size_t>(number).value_or(0);
  }
  if (line.starts_with("Get:") || line.starts_with("Unpacking ") || line.starts_with("Setting up ")) ++seen_;
  tick();
}

void Bootstrap::tick() {
  if (phase_.empty()) return;
  const double part = expected_ == 0 ? 0 : std::min(1.0, static_cast<double>(seen_) / static_cast<double>(expected_));
  progress_.update(phase_begin_ + part * (phase_end_ - phase_begin_), phase_);
}

void Bootstrap::finish() {
  const base::ExitStatus status = child_.wait();
  if (status.ok()) return;
  const std::string said = lines_.tail();
  // The errors of apt and of mmdebstrap itself, or else the last words.
  std::string quoted;
  for (const std::string& line : base::split(said, '\n')) {
    if (line.starts_with("E:") || line.starts_with("W:") || line.starts_with("dpkg:"))
      quoted += (quoted.empty() ? "" : "; ") + base::escaped(line);
  }
  if (quoted.empty()) quoted = base::escaped(base::trimmed(said));
  if (quoted.size() > 600) quoted.resize(600);
  throw base::Error("cannot make a Debian system: mmdebstrap " + status.text() + ": " + quoted, bootstrap_remedy(said));
}

}  // namespace caisson::image
