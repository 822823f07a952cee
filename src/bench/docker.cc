// SPDX-License-Identifier: Apache-2.0

#include "bench/docker.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>

#include "base/error.h"
#include "base/fd.h"
#include "base/text.h"

namespace caisson::bench {
namespace {

constexpr const char* kImage = "caisson-bench-busybox";
constexpr const char* kOwnSocket = "unix:///var/run/docker.sock";
constexpr const char* kListening = "API listen on";
constexpr std::chrono::seconds kStartLimit{60};
constexpr int kEndLimitMs = 20'000;

// dockerd says on stderr when it answers; waiting for that line needs no polling.
void wait_until_listening(const Runner& runner, int log) {
  const Runner::Deadline deadline = std::chrono::steady_clock::now() + kStartLimit;
  std::string seen;
  char buffer[4096];
  while (seen.find(kListening) == std::string::npos) {
    std::vector<pollfd> descriptors{{.fd = log, .events = POLLIN, .revents = 0}};
    if (!runner.wait(descriptors, deadline))
      throw base::Error("the private dockerd did not answer within " + std::to_string(kStartLimit.count()) + " s");
    const ssize_t got = ::read(log, buffer, sizeof buffer);
    if (got <= 0)
      throw base::Error("the private dockerd ended: " +
                        base::escaped(seen.substr(seen.size() - std::min<size_t>(seen.size(), 400))));
    seen.append(buffer, static_cast<size_t>(got));
  }
}

}  // namespace

Docker::Docker(const Runner& runner) : runner_(runner) {
  if (base::find_program("docker").empty()) throw base::Error("no docker client is installed");
  // One on another machine (DOCKER_HOST=tcp://…) is no comparison.
  const char* host = std::getenv("DOCKER_HOST");
  socket_ = host != nullptr && std::string_view(host).starts_with("unix://") ? host : kOwnSocket;
  try {
    try {
      runner_.run(client({"info"}));
    } catch (const base::Error&) {
      start_private();
    }
    import_image();
    description_ = describe();
  } catch (...) {
    end();
    throw;
  }
}

Docker::~Docker() {
  end();
}

void Docker::start_private() {
  if (::getuid() != 0) throw base::Error("no Docker Engine answers, and only root can start one for the benchmark");
  if (base::find_program("dockerd").empty())
    throw base::Error("no Docker Engine answers, and dockerd is not installed");
  std::string pattern = (std::filesystem::temp_directory_path() / "caisson-bench-docker.XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) throw base::system_error("cannot make", pattern);
  folder_ = pattern;
  socket_ = "unix://" + folder_ + "/docker.sock";
  base::FdPair log = base::make_pipe();
  base::SpawnOptions options{
      .argv = {"unshare", "--net", "--mount", "dockerd", "-H", socket_, "--data-root", folder_ + "/data", "--exec-root",
               folder_ + "/exec", "--pidfile", folder_ + "/pid"},
      .descriptors = {{log.second.get(), 2}}};
  options.new_session = true;
  daemon_ = base::spawn(options);
  log.second.reset();
  wait_until_listening(runner_, log.first.get());
  // From here on its log is not looked at, but a closed pipe would end it.
  options = {.argv = {"cat"}, .descriptors = {{log.first.get(), 0}}};
  options.new_session = true;
  base::spawn(options).release();
}

void Docker::end() noexcept {
  if (folder_.empty()) {
    runner_.clean_up(client({"image", "rm", "-f", kImage}));
    return;
  }
  if (daemon_) {
    daemon_.signal(SIGTERM);
    pollfd ended{.fd = daemon_.pidfd(), .events = POLLIN, .revents = 0};
    ::poll(&ended, 1, kEndLimitMs);
    daemon_ = base::Child();  // kills what is still there
  }
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
  folder_.clear();
}

Argv Docker::client(const Argv& arguments) const {
  Argv argv{"docker", "-H", socket_};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return argv;
}

void Docker::import_image() const {
  const std::string busybox = base::find_program("busybox");
  if (busybox.empty())
    throw base::Error("the comparison with docker needs a static busybox", "apt-get install busybox-static");
  base::FdPair archive = base::make_pipe();
  base::Child tar = base::spawn({.argv = {"tar", "-C", "/", "-ch", "--transform", "s,.*,bin/true,", busybox.substr(1)},
                                 .descriptors = {{archive.second.get(), 1}}});
  archive.second.reset();
  const base::SpawnOptions import{.argv = client({"import", "-", kImage}), .descriptors = {{archive.first.get(), 0}}};
  const base::ProgramResult result = base::run_program(import);
  if (!tar.wait().ok() || !result.status.ok()) throw base::Error("docker import failed: " + base::escaped(result.err));
}

Argv Docker::run(const Argv& command, const Argv& more) const {
  Argv arguments{"run", "--rm"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  arguments.emplace_back(kImage);
  arguments.insert(arguments.end(), command.begin(), command.end());
  return client(arguments);
}

std::string Docker::describe() const {
  const std::string out = runner_.run(client({"info", "--format", "{{.ServerVersion}}, {{.Driver}}"})).out;
  return base::escaped(base::trimmed(out)) + (folder_.empty() ? ", the machine's own" : ", started for the benchmark");
}

}  // namespace caisson::bench
