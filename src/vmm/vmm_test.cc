// SPDX-License-Identifier: Apache-2.0

// The real QEMU in its real jail, without a guest kernel: the firmware finds nothing to boot and waits, which is enough
// to see a machine run, freeze, thaw, die and fail.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include "base/error.h"
#include "base/file.h"
#include "base/process.h"
#include "vmm/process.h"
#include "vmm/qmp.h"

namespace caisson::vmm {
namespace {

constexpr base::Bytes kMemory = base::mebibytes(64);

base::Fd temporary_file(uint64_t size) {
  base::Fd file(::open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (!file || ::ftruncate(file.get(), static_cast<off_t>(size)) != 0)
    throw base::system_error("cannot make", "a file");
  return file;
}

base::Fd reopened(const base::Fd& file, int flags) {
  return base::open_file("/proc/self/fd/" + std::to_string(file.get()), flags);
}

class VmmTest : public testing::Test {
 protected:
  void SetUp() override {
    if (base::find_program("qemu-system-x86_64").empty()) GTEST_SKIP() << "QEMU is not installed";
  }

  template <typename Work>
  void run(Work work) {
    std::exception_ptr failure;
    asio::co_spawn(io_, std::move(work), [&](std::exception_ptr thrown) {
      failure = thrown;
      io_.stop();
    });
    io_.run();
    if (failure) std::rethrow_exception(failure);
  }

  MachineConfig machine() {
    MachineConfig config;
    config.vcpus = 2;
    config.memory.size = kMemory;
    return config;
  }
  VmmOptions options() { return {.cgroup = "vmmtest-" + std::to_string(::getpid())}; }

  asio::io_context io_;
};

TEST_F(VmmTest, RunsAndQuits) {
  auto vmm = Vmm::start(io_.get_executor(), machine(), options());
  run([&]() -> asio::awaitable<void> {
    Qmp qmp(io_.get_executor(), vmm->take_qmp());
    const base::Json status = co_await qmp.execute("query-status");
    EXPECT_EQ(status.at("status"), "running");
    const base::Json balloon = co_await qmp.execute("query-balloon");
    EXPECT_EQ(balloon.at("actual"), kMemory.count);
    co_await qmp.execute("quit");
    const std::string how = co_await vmm->wait();
    EXPECT_EQ(how, "QEMU exited with 0");
    const std::string again = co_await vmm->wait();
    EXPECT_EQ(again, how);
  });
}

TEST_F(VmmTest, RefusedCommandIsAnErrorWithQemusText) {
  auto vmm = Vmm::start(io_.get_executor(), machine(), options());
  run([&]() -> asio::awaitable<void> {
    Qmp qmp(io_.get_executor(), vmm->take_qmp());
    std::string text;
    try {
      co_await qmp.execute("no-such-command");
    } catch (const base::Error& error) {
      text = error.what();
    }
    EXPECT_NE(text.find("no-such-command has not been found"), std::string::npos) << text;
  });
}

TEST_F(VmmTest, KillEndsIt) {
  auto vmm = Vmm::start(io_.get_executor(), machine(), options());
  run([&]() -> asio::awaitable<void> {
    vmm->kill();
    vmm->kill();
    const std::string how = co_await vmm->wait();
    EXPECT_EQ(how, "QEMU was ended by signal 9 (Killed)");
  });
}

TEST_F(VmmTest, DestructorLeavesNoProcess) {
  auto vmm = Vmm::start(io_.get_executor(), machine(), options());
  const pid_t pid = vmm->pid();
  EXPECT_EQ(::kill(pid, 0), 0);
  vmm.reset();
  EXPECT_EQ(::kill(pid, 0), -1);
  EXPECT_EQ(errno, ESRCH);
}

TEST_F(VmmTest, DiesWithTheThreadThatStartedIt) {
  base::FdPair said = base::make_pipe();
  const pid_t owner = ::fork();
  ASSERT_GE(owner, 0);
  if (owner == 0) {
    asio::io_context io;
    auto vmm = Vmm::start(io.get_executor(), machine(), {.cgroup = ""});
    const pid_t pid = vmm->pid();
    [[maybe_unused]] const ssize_t sent = ::write(said.second.get(), &pid, sizeof pid);
    ::kill(::getpid(), SIGKILL);
  }
  said.second.reset();
  pid_t pid = -1;
  ASSERT_EQ(::read(said.first.get(), &pid, sizeof pid), static_cast<ssize_t>(sizeof pid));
  base::Child keeper(owner, base::Fd(static_cast<int>(::syscall(SYS_pidfd_open, owner, 0))));
  base::Fd orphan(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  EXPECT_EQ(keeper.wait().signal, SIGKILL);
  if (!orphan) return;  // gone already
  pollfd ended{.fd = orphan.get(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(::poll(&ended, 1, 10'000), 1) << "QEMU outlived its keeper";
}

TEST_F(VmmTest, AMachineThatQemuRefusesEndsWithItsWords) {
  MachineConfig config = machine();
  config.vcpus = 100'000;
  auto vmm = Vmm::start(io_.get_executor(), std::move(config), options());
  run([&]() -> asio::awaitable<void> {
    const std::string how = co_await vmm->wait();
    EXPECT_NE(how.find("QEMU exited with 1: "), std::string::npos) << how;
    EXPECT_NE(how.find("Invalid SMP CPUs 100000"), std::string::npos) << how;
  });
}

TEST_F(VmmTest, AMachineThatFailsBeforeItsMemoryIsMappedFailsTheStart) {
  const base::Fd ram = temporary_file(kMemory.count);
  MachineConfig config = machine();
  config.vcpus = 100'000;
  config.memory.kind = MemoryKind::kTemplateClone;
  config.memory.file = reopened(ram, O_RDONLY);
  config.device_state = temporary_file(0);
  try {
    Vmm::start(io_.get_executor(), std::move(config), options());
    FAIL() << "it started";
  } catch (const base::Error& error) {
    EXPECT_NE(std::string(error.what()).find("Invalid SMP CPUs 100000"), std::string::npos) << error.what();
  }
}

TEST_F(VmmTest, ThawedCloneRunsOnAndCannotChangeTheTemplate) {
  const base::Fd ram = temporary_file(kMemory.count);
  const base::Fd state = temporary_file(0);
  {
    MachineConfig config = machine();
    config.memory.kind = MemoryKind::kTemplateNew;
    config.memory.file = reopened(ram, O_RDWR);
    config.device_state = reopened(state, O_WRONLY);
    auto vmm = Vmm::start(io_.get_executor(), std::move(config), options());
    run([&]() -> asio::awaitable<void> {
      Qmp qmp(io_.get_executor(), vmm->take_qmp());
      co_await freeze(qmp);
      const std::string how = co_await vmm->wait();
      EXPECT_EQ(how, "QEMU exited with 0");
    });
  }
  struct stat frozen {};
  ASSERT_EQ(::fstat(state.get(), &frozen), 0);
  EXPECT_GT(frozen.st_size, 1000);
  ASSERT_EQ(::fstat(ram.get(), &frozen), 0);
  EXPECT_GT(frozen.st_blocks, 0) << "the firmware has written nothing into the RAM file";

  // A page that the firmware does not use: the clone writes to it through QEMU, the file must not change.
  io_.restart();
  MachineConfig config = machine();
  config.memory.kind = MemoryKind::kTemplateClone;
  config.memory.file = reopened(ram, O_RDONLY);
  config.device_state = reopened(state, O_RDONLY);
  auto vmm = Vmm::start(io_.get_executor(), std::move(config), options());
  run([&]() -> asio::awaitable<void> {
    Qmp qmp(io_.get_executor(), vmm->take_qmp());
    // It runs on by itself when it is loaded.
    std::string status = "inmigrate";
    while (status == "inmigrate") {
      const base::Json answer = co_await qmp.execute("query-status");
      status = answer.at("status").get<std::string>();
    }
    EXPECT_EQ(status, "running");
  });
  bool ram_is_mapped = false;
  const std::string maps = base::read_file("/proc/" + std::to_string(vmm->pid()) + "/maps");
  for (size_t at = maps.find("/tmp/#"); at != std::string::npos; at = maps.find("/tmp/#", at + 1)) {
    const size_t line = maps.rfind('\n', at) + 1;
    EXPECT_NE(maps.substr(line, at - line).find("rw-p"), std::string::npos)
        << "not private: " << maps.substr(line, at - line);
    ram_is_mapped = true;
  }
  EXPECT_TRUE(ram_is_mapped);
  const std::string info = base::read_file("/proc/" + std::to_string(vmm->pid()) + "/fdinfo/200");
  EXPECT_NE(info.find("flags:\t02100000\n"), std::string::npos) << "not read-only and close-on-exec: " << info;
}

TEST_F(VmmTest, ACloneIsRefusedAWritableTemplate) {
  const base::Fd ram = temporary_file(kMemory.count);
  MachineConfig config = machine();
  config.memory.kind = MemoryKind::kTemplateClone;
  config.memory.file = reopened(ram, O_RDWR);
  EXPECT_THROW(Vmm::start(io_.get_executor(), std::move(config), options()), base::Error);
}

TEST_F(VmmTest, ATruncatedTemplateIsRefused) {
  const base::Fd ram = temporary_file(kMemory.count / 2);
  MachineConfig config = machine();
  config.memory.kind = MemoryKind::kTemplateClone;
  config.memory.file = reopened(ram, O_RDONLY);
  EXPECT_THROW(Vmm::start(io_.get_executor(), std::move(config), options()), base::Error);
}

}  // namespace
}  // namespace caisson::vmm
