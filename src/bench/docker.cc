// SPDX-License-Identifier: Apache-2.0

#include "bench/docker.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "base/error.h"
#include "base/fd.h"
#include "base/text.h"

namespace caisson::bench {
namespace {

constexpr const char* kImage = "caisson-bench-busybox";
constexpr const char* kListening = "API listen on";

// dockerd says on stderr when it answers; waiting for that line needs no polling.
void wait_until_listening(int log) {
  std::string seen;
  char buffer[4096];
  while (seen.find(kListening) == std::string::npos) {
    const ssize_t got = ::read(log, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) throw base::Error("the benchmark's own dockerd ended: " + base::escaped(seen));
    seen.append(buffer, static_cast<size_t>(got));
  }
}

}  // namespace

std::unique_ptr<Docker> Docker::find(std::string& reason) {
  if (base::find_program("docker").empty()) {
    reason = "no docker client is installed";
    return nullptr;
  }
  std::unique_ptr<Docker> docker(new Docker());
  if (!base::run_program({.argv = docker->client({"info"})}).status.ok()) {
    if (::getuid() != 0 || base::find_program("dockerd").empty()) {
      reason = "no Docker Engine answers, and one can be started for the benchmark only as root";
      return nullptr;
    }
    char pattern[] = "/tmp/caisson-bench-docker.XXXXXX";
    if (::mkdtemp(pattern) == nullptr) throw base::system_error("cannot make", pattern);
    docker->folder_ = pattern;
    docker->socket_ = "unix://" + docker->folder_ + "/docker.sock";
    const std::string& folder = docker->folder_;
    base::FdPair log = base::make_pipe();
    docker->daemon_ = base::spawn({.argv = {"dockerd", "-H", docker->socket_, "--data-root", folder + "/data",
                                            "--exec-root", folder + "/exec", "--pidfile", folder + "/pid"},
                                   .descriptors = {{log.second.get(), 2}}});
    log.second.reset();
    wait_until_listening(log.first.get());
    // From here on dockerd's log is not read: a closed pipe would end it, so the read end goes to a drain.
    base::spawn({.argv = {"cat"}, .descriptors = {{log.first.get(), 0}}}).release();
  }
  docker->import_image();
  return docker;
}

Docker::~Docker() {
  base::run_program({.argv = client({"image", "rm", "-f", kImage})});
  if (!daemon_) return;
  daemon_.signal(SIGTERM);
  daemon_.wait();
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

std::vector<std::string> Docker::client(std::vector<std::string> arguments) const {
  std::vector<std::string> argv{"docker"};
  if (!socket_.empty()) argv.insert(argv.end(), {"-H", socket_});
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return argv;
}

void Docker::import_image() const {
  const std::string busybox = base::find_program("busybox");
  if (busybox.empty())
    throw base::Error("the comparison with docker needs a static busybox", "apt-get install busybox-static");
  base::FdPair archive = base::make_pipe();
  base::Child tar = base::spawn({.argv = {"tar", "-C", "/", "-c", "--transform", "s,.*,bin/true,", busybox.substr(1)},
                                 .descriptors = {{archive.second.get(), 1}}});
  archive.second.reset();
  base::SpawnOptions import{.argv = client({"import", "-", kImage}), .descriptors = {{archive.first.get(), 0}}};
  const base::ProgramResult result = base::run_program(import);
  if (!tar.wait().ok() || !result.status.ok()) throw base::Error("docker import failed: " + base::escaped(result.err));
}

std::vector<std::string> Docker::run_command(const std::vector<std::string>& command) const {
  std::vector<std::string> arguments{"run", "--rm", kImage};
  arguments.insert(arguments.end(), command.begin(), command.end());
  return client(arguments);
}

std::string Docker::version() const {
  const base::ProgramResult result =
      base::run_program({.argv = client({"version", "--format", "{{.Server.Version}}"})});
  return base::escaped(base::trimmed(result.out));
}

}  // namespace caisson::bench
