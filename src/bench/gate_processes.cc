// SPDX-License-Identifier: Apache-2.0

#include "bench/gate_processes.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "gate/gate.h"
#include "gate/host_resolver.h"
#include "link/session.h"

namespace caisson::bench {
namespace {

namespace asio = boost::asio;

constexpr int kBacklog = 4096;

base::Fd listen_on_loopback(uint16_t& port) {
  base::Fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (!listener || ::bind(listener.get(), generic, size) != 0 || ::listen(listener.get(), kBacklog) != 0 ||
      ::getsockname(listener.get(), generic, &size) != 0)
    throw base::system_error("cannot listen on", "127.0.0.1");
  port = ntohs(address.sin_port);
  return listener;
}

// The host's own resolver with its threads; every name of the benchmark is this machine.
class LoopbackResolver final : public gate::Upstream {
 public:
  explicit LoopbackResolver(const asio::any_io_executor& executor) : host_(executor) {}
  asio::awaitable<gate::Resolved> resolve(std::string) override { return host_.resolve("localhost"); }
  asio::awaitable<std::string> query(std::string message) override { return host_.query(std::move(message)); }

 private:
  gate::HostResolver host_;
};

gate::Policy policy_of(const Ports& origin) {
  gate::Policy policy;
  const auto allow = [&policy](const std::string& rule) { policy.add(gate::parse_rule(rule), true, "bench"); };
  for (size_t service = 0; service < kServices; ++service) {
    const std::string port = ":" + std::to_string(origin[service]);
    const std::string name = name_of(static_cast<Service>(service));
    allow("127.0.0.1" + port);
    allow(name + port + (name == kJudgedName ? " GET /**" : ""));
  }
  return policy;
}

// A line of the ledger for each judgement and each end, as a keeper writes it.
class LedgerFile {
 public:
  LedgerFile() : fd_(base::open_file("/tmp", O_TMPFILE | O_WRONLY | O_APPEND)) {}
  void write(std::string_view event, const base::Json& details) {
    base::Json entry = details;
    entry["event"] = event;
    base::write_all(fd_.get(), entry.dump() + "\n", "ledger");
  }

 private:
  base::Fd fd_;
};

}  // namespace

const char* name_of(Service service) {
  switch (service) {
    case Service::kTls:
      return kTlsName;
    case Service::kJudgedTls:
    case Service::kPlainHttp:
      return kJudgedName;
    case Service::kGreeting:
    case Service::kSource:
    case Service::kSink:
      break;
  }
  return kPlainName;
}

Listeners::Listeners() {
  for (size_t i = 0; i < kServices; ++i) sockets[i] = listen_on_loopback(ports[i]);
}

BenchAuthority::BenchAuthority() : folder_((std::filesystem::temp_directory_path() / "caisson-bench.XXXXXX").string()) {
  if (::mkdtemp(folder_.data()) == nullptr) throw base::system_error("cannot make", folder_);
  authority_ = std::make_shared<gate::LocalAuthority>(folder_ + "/ca");
  base::write_file_atomic(trust_store(), authority_->certificate_pem());
}

BenchAuthority::~BenchAuthority() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

base::Child fork_child(const char* name, const std::function<void()>& work) {
  const pid_t parent = ::getpid();
  std::fflush(nullptr);
  const pid_t pid = ::fork();
  if (pid < 0) throw base::system_error("cannot fork", "a process of the benchmark");
  if (pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::prctl(PR_SET_NAME, name);
    if (::getppid() != parent) ::_exit(1);
    try {
      work();
    } catch (const std::exception& error) {
      std::fprintf(stderr, "caisson-bench: %s\n", error.what());
    }
    ::_exit(1);
  }
  base::Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd) {
    ::kill(pid, SIGKILL);
    throw base::system_error("cannot watch", "a process of the benchmark");
  }
  return {pid, std::move(pidfd)};
}

void run_gate(GateProcess process) {
  asio::io_context io(1);
  LedgerFile ledger;
  gate::GateOptions options;
  options.policy = policy_of(process.origin);
  options.upstream = std::make_shared<LoopbackResolver>(io.get_executor());
  options.authority = process.authority;
  options.trust_store = process.trust_store;
  options.record = [&ledger](std::string_view event, const base::Json& details) { ledger.write(event, details); };
  gate::Gate gate(io.get_executor(), std::move(options));
  const auto session = std::make_shared<link::Session>(
      io.get_executor(), link::descriptor_transport(io.get_executor(), std::move(process.link)), link::Role::kClient);
  gate.serve(session);
  asio::co_spawn(io, session->run(), asio::detached);
  io.run();
}

}  // namespace caisson::bench
