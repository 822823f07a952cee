// SPDX-License-Identifier: Apache-2.0

#include "guest/docker.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>

#include "base/error.h"
#include "base/file.h"
#include "base/scope.h"
#include "base/text.h"
#include "guest/guest.h"
#include "guest/spawn.h"
#include "guest/start.h"
#include "guest/trust.h"
#include "guest/users.h"
#include "guest/waiting.h"

namespace caisson::guest {
namespace {

using namespace std::chrono_literals;

constexpr const char* kSocketFolder = "/run";
constexpr const char* kSocket = "/run/docker.sock";
constexpr const char* kPidFile = "/run/docker.pid";
constexpr const char* kLog = "/var/log/dockerd.log";
constexpr auto kFirstPause = 500ms;
constexpr auto kLongestPause = 30s;
constexpr auto kStableAfter = 60s;
constexpr int kFailuresThatCount = 3;
constexpr auto kAskAgain = 200ms;
constexpr auto kFreezeLimit = 60s;
constexpr auto kFreezePoll = 2ms;
constexpr size_t kMaxQuotedLog = 2048;

std::string find_engine() {
  for (const char* path : {"/usr/bin/dockerd", "/usr/sbin/dockerd", "/usr/local/bin/dockerd"}) {
    if (::access(path, X_OK) == 0) return path;
  }
  return {};
}

// The last line of the engine's log, for the state's "failed: …".
std::string last_log_line() {
  const base::Fd log = base::Fd(::open(kLog, O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!log) return {};
  return base::escaped(base::last_line(log.get(), kMaxQuotedLog));
}

sockaddr_un socket_address() {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, kSocket);
  return address;
}

gid_t docker_group() {
  try {
    return find_user("0:docker").gid;
  } catch (const base::Error&) {
    return 0;  // an image without the group: root alone
  }
}

// A socket of an earlier engine would still take connections that nobody answers.
base::Fd make_listener() {
  ::mkdir(kSocketFolder, 0755);
  ::unlink(kSocket);
  base::Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const sockaddr_un address = socket_address();
  const bool bound = socket && ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  // Nobody connects before it listens.
  if (!bound || ::chmod(kSocket, 0660) != 0 || ::chown(kSocket, 0, docker_group()) != 0 ||
      ::listen(socket.get(), SOMAXCONN) != 0)
    throw base::system_error("cannot listen on", kSocket);
  return socket;
}

base::Fd connect_socket() {
  base::Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const sockaddr_un address = socket_address();
  if (!socket || ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return {};
  return socket;
}

// On a thread, like all that follows the user's paths. Returns the listener that is the engine's too.
base::Fd start_engine(const Anchors& anchors, const std::string& program, int cgroup, Birth& birth) {
  // A pid file left by a killed engine may name a process that is something else by now; it would refuse to start.
  ::unlink(kPidFile);
  base::Fd listener = make_listener();
  ::mkdir("/var/log", 0755);
  base::Fd log(::open(kLog, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0644));
  if (!log) log = anchors.null.duplicate();

  SpawnPlan plan;
  plan.argv = {program,
               "--host=fd://",
               "--log-level=warn",
               "--storage-driver=overlay2",
               "--shutdown-timeout=-1",  // each container has its own time; for all of them, whoever stops the engine
               "--exec-opt=native.cgroupdriver=cgroupfs"};
  if (cgroup >= 0) plan.argv.push_back("--cgroup-parent=/agent/docker");
  plan.candidates = {program};
  plan.environment = {
      std::string("PATH=") + kRuntimeFolder + ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      "HOME=/root"};
  plan.change_user = false;
  plan.in = anchors.null.get();
  plan.out = log.get();
  plan.err = log.get();
  plan.listener = listener.get();
  plan.cgroup = cgroup;
  plan.oom_score_adj = -999;
  plan.all_files = true;
  spawn(anchors, plan, birth);
  return listener;
}

// What `ask` returns, on a thread.
template <typename Result>
asio::awaitable<Result> on_thread(Guest& guest, std::string doing, std::function<Result()> ask) {
  const auto result = std::make_shared<std::optional<Result>>();
  Work work;
  work.doing = std::move(doing);
  work.run = [result, ask = std::move(ask)] { result->emplace(ask()); };
  work.patient = true;
  co_await guest.workers.run(std::move(work));
  co_return std::move(**result);
}

// Asks once. The socket listens before the engine runs, so the answer, or the connection's end, is the event to wait
// for.
asio::awaitable<bool> ping(asio::any_io_executor executor, base::Fd socket) {
  constexpr std::string_view kRequest = "GET /_ping HTTP/1.0\r\nHost: docker\r\n\r\n";
  if (::send(socket.get(), kRequest.data(), kRequest.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(kRequest.size()))
    co_return false;
  Descriptor descriptor(executor, std::move(socket));
  std::string answer;
  while (answer.size() < 4096) {
    char buffer[512];
    const ssize_t got = ::read(descriptor.get(), buffer, sizeof buffer);
    if (got == 0) break;
    if (got > 0) {
      answer.append(buffer, static_cast<size_t>(got));
    } else if (errno == EAGAIN) {
      co_await descriptor.readable();
    } else if (errno != EINTR) {
      break;
    }
  }
  co_return answer.find(" 200 ") != std::string::npos;
}

}  // namespace

Docker::Docker(Guest& guest) : guest_(guest), changed_(guest.executor) {}
Docker::~Docker() = default;

void Docker::set_state(std::string state) {
  state_ = std::move(state);
  changed_.notify_all();
}

void Docker::set_ended() {
  pid_ = -1;
  guest_.ended.notify_all();
}

void Docker::start() {
  program_ = find_engine();
  if (program_.empty()) return;
  set_state("starting");
  asio::co_spawn(guest_.executor, supervise(), asio::detached);
}

asio::awaitable<std::string> Docker::settled() {
  while (state_ == "starting") co_await changed_.wait();
  co_return state_;
}

void Docker::stop() {
  stopping_ = true;
  if (resting_) {
    guest_.cgroups.kill_engine();
  } else if (pid_ > 0) {
    ::kill(pid_, SIGTERM);
  }
}

asio::awaitable<void> Docker::rest() {
  if (state_ != "ready" || !guest_.cgroups.freeze_engine(true)) co_return;
  const auto end = std::chrono::steady_clock::now() + kFreezeLimit;
  asio::steady_timer timer(guest_.executor);
  while (!guest_.cgroups.engine_is_frozen() && std::chrono::steady_clock::now() < end) {
    timer.expires_after(kFreezePoll);
    co_await timer.async_wait(asio::use_awaitable);
  }
  if (!guest_.cgroups.engine_is_frozen() || state_ != "ready") {
    guest_.cgroups.freeze_engine(false);
    throw base::Error("the Docker Engine does not stand still");
  }
  resting_ = std::make_shared<Descriptor>(guest_.executor, listener_.duplicate());
  asio::co_spawn(guest_.executor, wake_on_use(resting_), asio::detached);
}

asio::awaitable<void> Docker::wake_on_use(std::shared_ptr<Descriptor> listener) {
  co_await listener->readable();
  if (resting_ == listener) wake();
}

void Docker::wake() {
  if (!resting_) return;
  resting_->close();
  resting_.reset();
  guest_.cgroups.freeze_engine(false);
}

asio::awaitable<void> Docker::supervise() {
  int failures = 0;
  auto pause = std::chrono::duration_cast<std::chrono::milliseconds>(kFirstPause);
  while (!stopping_) {
    const auto started = std::chrono::steady_clock::now();
    was_ready_ = false;
    std::string problem;
    try {
      co_await run_once();
      std::function<std::string()> read = last_log_line;
      problem = co_await on_thread(guest_, "cannot read the Docker Engine's log", std::move(read));
    } catch (const std::exception& error) {
      problem = base::escaped(error.what());
    }
    set_ended();
    ++generation_;
    if (stopping_) break;
    // An engine that worked and was killed is "starting" again. One that never answers has failed, but not at once: on
    // a busy host its own time limits (15 s for its containerd) can pass before its files are in memory.
    failures = was_ready_ ? 0 : failures + 1;
    set_state(failures < kFailuresThatCount ? "starting" : "failed: " + problem);
    if (std::chrono::steady_clock::now() - started > kStableAfter) pause = kFirstPause;
    asio::steady_timer timer(guest_.executor, pause);
    co_await timer.async_wait(asio::use_awaitable);
    pause = std::min<std::chrono::milliseconds>(pause * 2, kLongestPause);
  }
  set_state("absent");
}

asio::awaitable<void> Docker::run_once() {
  // Born into a frozen group it would not execute.
  guest_.cgroups.freeze_engine(false);
  Start what{.doing = "cannot start the Docker Engine", .patient = true};
  std::function<base::Fd(Birth&)> make = [&anchors = guest_.anchors, program = program_,
                                          cgroup = guest_.cgroups.engine()](Birth& birth) {
    return start_engine(anchors, program, cgroup, birth);
  };
  Started<base::Fd> engine = co_await start_process(guest_, std::move(what), std::move(make));
  listener_ = std::move(engine.made);
  const base::Scope closed([this] {
    wake();
    listener_.reset();
  });
  pid_ = engine.process.pid;
  if (stopping_) ::kill(pid_, SIGTERM);
  asio::co_spawn(guest_.executor, watch_readiness(), asio::detached);
  co_await guest_.reaper.wait(engine.process.pid, engine.process.pidfd);
  set_ended();
}

// Ends when the engine answered, or when it is not this one any more.
asio::awaitable<void> Docker::watch_readiness() {
  const uint64_t mine = generation_;
  asio::steady_timer timer(guest_.executor);
  while (mine == generation_ && !stopping_) {
    std::function<base::Fd()> connect = connect_socket;
    base::Fd socket = co_await on_thread(guest_, "cannot connect to the Docker Engine", std::move(connect));
    if (mine != generation_) co_return;
    if (socket) {
      const bool answered = co_await ping(guest_.executor, std::move(socket));
      if (mine != generation_) co_return;
      if (answered) {
        was_ready_ = true;
        set_state("ready");
        co_return;
      }
    }
    // It answered that it is not ready, or the user removed its socket.
    timer.expires_after(kAskAgain);
    co_await timer.async_wait(asio::use_awaitable);
  }
}

}  // namespace caisson::guest
