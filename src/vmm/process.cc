// SPDX-License-Identifier: Apache-2.0

#include "vmm/process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/error.h"
#include "base/text.h"
#include "vmm/guest_clock.h"
#include "vmm/jail.h"
#include "vmm/qemu_program.h"
#include "vmm/qmp_ahead.h"

namespace caisson::vmm {
namespace {

constexpr size_t kMaxWordsBytes = 8192;    // kept of QEMU's stderr
constexpr size_t kQuotedWordsBytes = 600;  // shown of it
constexpr int kTemplateRamFd = kRamFd + 1;
constexpr int kKvmFd = kRamFd + 2;
// Main loop, one thread for each vCPU, the block layer's pool of at most 64, and room.
constexpr unsigned kExtraThreads = 96;

// QEMU's own highest number (kKvmFd), and room for what it opens beside those that it is given.
constexpr rlim_t kNeededFiles = 256;

// The shell's soft limit is no more than a habit; the hard one is somebody's word.
void raise_file_limit() {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0) throw base::system_error("cannot look at the limit of", "open files");
  if (files.rlim_cur >= kNeededFiles) return;
  if (files.rlim_max < kNeededFiles)
    throw base::Error("the limit of open files is " + std::to_string(files.rlim_max) + ", and a sandbox needs " +
                          std::to_string(kNeededFiles),
                      "raise the hard limit: `ulimit -n`, nofile in /etc/security/limits.conf, or LimitNOFILE= of a "
                      "service");
  files.rlim_cur = kNeededFiles;
  if (::setrlimit(RLIMIT_NOFILE, &files) != 0) throw base::system_error("cannot raise the limit of", "open files");
}

void check_memory(const MachineConfig& config) {
  const Memory& memory = config.memory;
  if (memory.kind == MemoryKind::kAnonymous) return;
  struct stat status {};
  if (::fstat(memory.file.get(), &status) != 0) throw base::system_error("cannot look at", "the machine's RAM file");
  if (static_cast<uint64_t>(status.st_size) != memory.size.count)
    throw base::Error("the machine's RAM file has " + std::to_string(status.st_size) + " bytes, not " +
                      std::to_string(memory.size.count));
  const int mode = ::fcntl(memory.file.get(), F_GETFL) & O_ACCMODE;
  if (memory.kind == MemoryKind::kTemplateClone && mode != O_RDONLY)
    throw base::Error("a template's RAM file must not be given to a clone for writing");
}

std::vector<Grant> grants_for(MachineConfig& config) {
  std::vector<Grant> grants;
  if (config.accelerator == Accelerator::kKvm)
    grants.push_back({.path = "/dev/kvm", .file = base::open_file("/dev/kvm", O_RDWR), .number = kKvmFd});
  if (config.memory.kind == MemoryKind::kTemplateClone)
    grants.push_back({.path = std::string(kRamPath), .file = std::move(config.memory.file), .number = kRamFd});
  // Another number than a clone's: here holes are to be punched into the file, which makes the template small.
  if (config.memory.kind == MemoryKind::kTemplateNew)
    grants.push_back({.path = std::string(kRamPath), .file = std::move(config.memory.file), .number = kTemplateRamFd});
  return grants;
}

// What QEMU says on its stderr: the tail of it.
struct Words {
  Words(asio::any_io_executor executor, base::Fd read_end) : pipe(executor) {
    base::set_nonblocking(read_end.get(), true);
    pipe.assign(read_end.release());
  }

  // Reads what there is, without waiting; false at the end of it.
  bool read() {
    char buffer[4096];
    for (;;) {
      const ssize_t got = ::read(pipe.native_handle(), buffer, sizeof buffer);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) return got < 0;
      text.append(buffer, static_cast<size_t>(got));
      if (text.size() > kMaxWordsBytes) text.erase(0, text.size() - kMaxWordsBytes);
    }
  }
  std::string quoted() const {
    const std::string_view all = base::trimmed(text);
    return base::escaped(all.substr(all.size() > kQuotedWordsBytes ? all.size() - kQuotedWordsBytes : 0));
  }

  asio::posix::stream_descriptor pipe;
  std::string text;
};

// Keeps the pipe empty, so that nothing that is said late is lost for an earlier flood.
asio::awaitable<void> collect(std::shared_ptr<Words> words) {
  const auto token = asio::as_tuple(asio::use_awaitable);
  for (;;) {
    const auto [error] = co_await words->pipe.async_wait(asio::posix::stream_descriptor::wait_read, token);
    if (error || !words->read()) co_return;
  }
}

JailPlan jail_plan(MachineConfig& config, const VmmOptions& options) {
  JailPlan plan;
  plan.program = find_qemu(config.accelerator);
  plan.arguments = qemu_arguments(config, plan.program);
  plan.environment = {"LC_ALL=C"};
  plan.descriptors = qemu_descriptors(config);
  plan.visible = qemu_files(plan.program);
  if (config.kernel) plan.reopened.push_back(kKernelFd);
  if (config.initramfs) plan.reopened.push_back(kInitramfsFd);
  plan.grants = grants_for(config);
  plan.pretend_fallocate_fd = kRamFd;
  plan.cgroup_name = options.cgroup;
  plan.limits = {.memory = base::Bytes{config.memory.size.count + options.overhead.count},
                 .pids = config.vcpus + kExtraThreads,
                 .cpu_percent = (config.vcpus + 1) * 100};
  plan.largest_file = options.largest_file;
  plan.timeout = options.start_timeout;
  return plan;
}

}  // namespace

struct Vmm::State {
  State(asio::any_io_executor executor, Jailed started, std::shared_ptr<Words> its_words)
      : jailed(std::move(started)), pid(jailed.child.pid()), ended(executor), words(std::move(its_words)) {
    const int copy = ::fcntl(jailed.child.pidfd(), F_DUPFD_CLOEXEC, 3);
    if (copy < 0) throw base::system_error("cannot duplicate", "a process descriptor");
    ended.assign(copy);
  }

  // Takes note of its end; blocks when that has not come.
  void reap() {
    if (!jailed.child) return;
    const base::ExitStatus status = jailed.child.wait();
    words->read();
    how = "QEMU " + status.text();
    if (!status.ok() && !words->text.empty()) how += ": " + words->quoted();
    jailed.cgroup = sys::Cgroup();  // empty now, so that it can be removed
    ended.close();
  }

  Jailed jailed;
  pid_t pid;
  base::Fd link;
  base::Fd console;
  base::Fd qmp;
  asio::posix::stream_descriptor ended;  // the pidfd
  std::shared_ptr<Words> words;
  std::string how;
};

Vmm::Vmm(std::shared_ptr<State> state) : state_(std::move(state)) {}

Vmm::~Vmm() {
  kill();
  try {
    state_->reap();
  } catch (const base::Error&) {
    // waitid can't fail for a child that we own; there is nobody to tell.
  }
  state_->words->pipe.close();
}

std::unique_ptr<Vmm> Vmm::start(asio::any_io_executor executor, MachineConfig config, VmmOptions options) {
  raise_file_limit();
  check_memory(config);
  if (config.accelerator == Accelerator::kTcg && config.kernel) {
    const std::string clock = clock_parameters(measure_tsc_khz());
    if (!clock.empty()) config.command_line += " " + clock;
  }
  base::FdPair link = base::make_socketpair();
  base::FdPair qmp = base::make_socketpair();
  base::FdPair console = base::make_pipe();
  base::FdPair errors = base::make_pipe();
  // A flood of messages must not stop the machine: what doesn't fit is lost.
  base::set_nonblocking(errors.second.get(), true);
  send_ahead(qmp.first.get(), config);

  JailPlan plan = jail_plan(config, options);
  plan.descriptors.emplace_back(errors.second.get(), STDERR_FILENO);
  plan.descriptors.emplace_back(qmp.second.get(), kQmpFd);
  plan.descriptors.emplace_back(link.second.get(), kLinkFd);
  plan.descriptors.emplace_back(console.second.get(), kConsoleFd);
  auto words = std::make_shared<Words>(executor, std::move(errors.first));
  const sys::WallPart own_filter = own_filter_part(plan.program);
  Jailed jailed = start_jailed(std::move(plan), [&] {
    words->read();
    return words->quoted();
  });
  const auto seccomp = [](const sys::WallPart& part) { return part.name == "seccomp"; };
  jailed.wall.insert(std::next(std::find_if(jailed.wall.begin(), jailed.wall.end(), seccomp)), own_filter);

  auto state = std::make_shared<State>(executor, std::move(jailed), words);
  state->link = std::move(link.first);
  state->console = std::move(console.first);
  state->qmp = std::move(qmp.first);
  asio::co_spawn(executor, collect(std::move(words)), asio::detached);
  return std::unique_ptr<Vmm>(new Vmm(std::move(state)));
}

base::Fd Vmm::take_link() {
  return std::move(state_->link);
}
base::Fd Vmm::take_console() {
  return std::move(state_->console);
}
base::Fd Vmm::take_qmp() {
  return std::move(state_->qmp);
}

asio::awaitable<std::string> Vmm::wait() {
  const std::shared_ptr<State> state = state_;
  if (state->jailed.child) {
    const auto token = asio::as_tuple(asio::use_awaitable);
    // An error: somebody else has reaped it meanwhile, and closed the descriptor.
    const auto [error] = co_await state->ended.async_wait(asio::posix::stream_descriptor::wait_read, token);
    if (!error) state->reap();
  }
  co_return state->how;
}

void Vmm::kill() {
  if (!state_->jailed.child) return;
  state_->jailed.child.signal(SIGKILL);
  state_->jailed.cgroup.kill();
}

pid_t Vmm::pid() const {
  return state_->pid;
}

const sys::Wall& Vmm::wall() const {
  return state_->jailed.wall;
}

void remove_leftovers(const std::string& cgroup) {
  sys::Cgroup::remove(cgroup);
}

}  // namespace caisson::vmm
