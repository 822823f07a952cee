// SPDX-License-Identifier: Apache-2.0

// A program in QEMU's jail (jail_payload.cc) tries to get out; each outcome is checked exactly.

#include "vmm/jail.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <map>

#include "base/error.h"
#include "base/file.h"
#include "base/install.h"
#include "base/text.h"
#include "sys/capabilities.h"
#include "sys/namespaces.h"
#include "vmm/jail_child.h"

namespace caisson::vmm {
namespace {

constexpr int kGrantedFd = 200;

using Outcomes = std::map<std::string, long>;

Outcomes parse(const std::string& text) {
  Outcomes outcomes;
  for (const std::string& line : base::split(text, '\n')) {
    const size_t blank = line.find(' ');
    if (blank == std::string::npos) continue;
    outcomes[line.substr(0, blank)] = base::parse_number<long>(line.substr(blank + 1)).value_or(-1);
  }
  return outcomes;
}

class JailTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/jailtest-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    folder_ = name;
    ::chmod(folder_.c_str(), 0755);
    base::write_file_atomic(folder_ + "/secret", "canary", 0644);
    base::write_file_atomic(folder_ + "/ram", std::string(4096, 't'), 0600);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  JailPlan plan() {
    JailPlan plan;
    plan.program = base::helper_program("jail_payload");
    plan.arguments = {plan.program, folder_ + "/secret", std::to_string(::getpid()), "/usr/share"};
    plan.environment = {"ONLY=this"};
    plan.visible = {plan.program, "/usr/share"};
    plan.descriptors = {{output_.second.get(), STDERR_FILENO}};
    plan.grants.push_back(
        {.path = "/granted", .file = base::open_file(folder_ + "/ram", O_RDONLY), .number = kGrantedFd});
    plan.pretend_fallocate_fd = kGrantedFd;
    plan.largest_file = base::Bytes{12345678};
    return plan;
  }

  // Runs the payload to its end; what it said.
  Outcomes run(JailPlan plan) {
    Jailed jailed = start_jailed(std::move(plan), [] { return std::string(); });
    wall_ = jailed.wall;
    output_.second.reset();
    const std::string text = base::read_all(output_.first.get(), 1U << 20, "the payload");
    EXPECT_EQ(jailed.child.wait().text(), "exited with 0") << text;
    return parse(text);
  }

  bool stands(const std::string& name) {
    for (const sys::WallPart& part : wall_) {
      if (part.name == name) return part.stands;
    }
    ADD_FAILURE() << "no part of the wall is called " << name;
    return false;
  }

  std::string folder_;
  base::FdPair output_ = base::make_pipe();
  sys::Wall wall_;
};

TEST_F(JailTest, TheMinimumAlwaysStands) {
  run(plan());
  for (const char* part : {"capabilities", "no_new_privs", "landlock", "seccomp"}) EXPECT_TRUE(stands(part)) << part;
}

TEST_F(JailTest, AttacksHaveTheseOutcomes) {
  Outcomes seen = run(plan());
  // The file that was granted: read-only however it was asked for, once, at the place that was chosen.
  EXPECT_EQ(seen["granted"], 0);
  EXPECT_EQ(seen["granted-number"], kGrantedFd);
  EXPECT_EQ(seen["granted-mode"], O_RDONLY);
  EXPECT_EQ(seen["granted-private-map"], 0);
  EXPECT_EQ(seen["granted-shared-map"], EACCES);
  EXPECT_EQ(seen["granted-punch"], 0);
  EXPECT_EQ(seen["granted-discard"], 0);
  EXPECT_EQ(seen["granted-reads-template"], 't');
  EXPECT_EQ(seen["granted-write"], EBADF);
  EXPECT_EQ(base::read_file(folder_ + "/ram"), std::string(4096, 't'));

  const std::map<std::string, long> expected = {
      {"brokered-write-elsewhere", EACCES},
      {"brokered-execute-again", EACCES},
      // After the last grant the broker is gone, and with it every open for writing and every execution.
      {"ram-again", ENOSYS},
      {"write-new-file", ENOSYS},
      {"write-in-readable-folder", ENOSYS},
      {"execute-again", ENOSYS},
      {"create-read-only", ENOSYS},
      {"open-without-openat", ENOSYS},
      {"openat2", ENOSYS},
      {"list-readable-folder", 0},
      {"mkdir", ENOSYS},
      {"unlink", ENOSYS},
      {"chmod", ENOSYS},
      {"mknod", ENOSYS},
      {"rename", ENOSYS},
      {"kill-parent", ENOSYS},
      {"kill-everyone", ENOSYS},
      {"tgkill-parent", ENOSYS},
      {"tgkill-self", 0},
      {"ptrace-parent", ENOSYS},
      {"read-parent-memory", ENOSYS},
      {"pidfd-open-parent", ENOSYS},
      {"own-by-parent", ENOSYS},
      {"own-by-parent-ex", ENOSYS},
      {"choose-signal", ENOSYS},
      {"lease", ENOSYS},
      {"notify", ENOSYS},
      {"get-file-flags", ENOSYS},
      {"set-file-flags", ENOSYS},
      {"set-file-attributes", ENOSYS},
      {"push-into-terminal", ENOSYS},
      {"set-nonblocking", 0},
      {"bytes-to-read", 0},
      {"socket-inet", ENOSYS},
      {"socket-unix", ENOSYS},
      {"socket-netlink", ENOSYS},
      {"socket-packet", ENOSYS},
      {"socketpair", ENOSYS},
      {"mount", ENOSYS},
      {"umount", ENOSYS},
      {"chroot", ENOSYS},
      {"pivot-root", ENOSYS},
      {"unshare-user", ENOSYS},
      {"setns", ENOSYS},
      {"fork", ENOSYS},
      {"clone3", ENOSYS},
      {"execveat", ENOSYS},
      {"bpf", ENOSYS},
      {"io-uring", ENOSYS},
      {"userfaultfd", ENOSYS},
      {"perf", ENOSYS},
      {"keyctl", ENOSYS},
      {"memfd", ENOSYS},
      {"setuid", ENOSYS},
      {"set-affinity", ENOSYS},
      {"priority", ENOSYS},
      {"raise-limit", ENOSYS},
      {"forget-parent-death", ENOSYS},
      {"dumpable", ENOSYS},
      {"map-writable-and-executable", 0},
      {"no-new-privs", 1},
      {"seccomp", 2},
      {"dumps", 0},
      {"largest-file", 12345678},
      {"open-files", 3},
      {"end", 0},
  };
  for (const auto& [name, outcome] : expected) {
    ASSERT_TRUE(seen.contains(name)) << name;
    EXPECT_EQ(seen[name], outcome) << name;
  }
}

TEST_F(JailTest, NamespacesHideTheHost) {
  Outcomes seen = run(plan());
  if (!stands("mount namespace")) GTEST_SKIP() << "the host allows this user no namespaces";
  EXPECT_EQ(seen["read-host-file"], ENOENT);
  EXPECT_EQ(seen["read-etc-passwd"], ENOENT);
  EXPECT_EQ(seen["read-proc-version"], ENOENT);
  EXPECT_EQ(seen["list-root"], EACCES);  // Landlock: not even the names
  EXPECT_EQ(seen["pid"], 1);
  EXPECT_EQ(seen["ppid"], 0);
  if (stands("user namespace")) {
    EXPECT_EQ(seen["uid"], 65534);
  }
}

TEST_F(JailTest, IsNotRootOutside) {
  if (::geteuid() != 0) GTEST_SKIP() << "runs as an ordinary user already";
  if (!sys::choose_outer_ids()) GTEST_SKIP() << "only root is mapped here";
  JailPlan sleeping = plan();
  // A read end that nobody writes to: the payload's first line blocks until we have looked.
  base::FdPair full = base::make_pipe();
  ::fcntl(full.second.get(), F_SETPIPE_SZ, 4096);
  base::write_all(full.second.get(), std::string(4096, 'x'), "a pipe");
  sleeping.descriptors = {{full.second.get(), STDERR_FILENO}};
  sleeping.grants.clear();
  Jailed jailed = start_jailed(std::move(sleeping), [] { return std::string(); });
  const std::string status = base::read_file("/proc/" + std::to_string(jailed.child.pid()) + "/status");
  EXPECT_NE(status.find("\nUid:\t65534\t65534\t65534\t65534\n"), std::string::npos) << status;
  EXPECT_NE(status.find("\nGid:\t65534\t65534\t65534\t65534\n"), std::string::npos) << status;
  EXPECT_NE(status.find("\nGroups:\t \n"), std::string::npos) << status;
  for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"})
    EXPECT_NE(status.find(std::string(set) + ":\t0000000000000000\n"), std::string::npos) << status;
  EXPECT_EQ(base::read_file("/proc/" + std::to_string(jailed.child.pid()) + "/oom_score_adj"), "500\n");
}

// Becomes user `inside` on a host that forbids user namespaces. False where even the one for that can't be made.
bool forbid_namespaces(uid_t inside) {
  const std::string uid = std::to_string(::geteuid()), gid = std::to_string(::getegid());
  if (::unshare(CLONE_NEWUSER) != 0) return false;
  const auto put = [](const char* path, const std::string& text) {
    const base::Fd file = base::open_file(path, O_WRONLY);
    base::write_all(file.get(), text, path);
  };
  put("/proc/self/setgroups", "deny");
  put("/proc/self/uid_map", std::to_string(inside) + " " + uid + " 1\n");
  put("/proc/self/gid_map", std::to_string(inside) + " " + gid + " 1\n");
  put("/proc/sys/user/max_user_namespaces", "0");
  return sys::drop_all_capabilities() == 0;
}

TEST_F(JailTest, WhereNamespacesAreForbiddenTheRestHolds) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    if (!forbid_namespaces(1234)) ::_exit(77);
    std::string problem;
    Outcomes seen;
    try {
      seen = run(plan());
    } catch (const base::Error& error) {
      problem = error.what();
    }
    const bool fell_back =
        problem.empty() && !stands("user namespace") && !stands("mount namespace") && stands("landlock");
    // Landlock instead of an empty root; the seccomp filter instead of a pid and a network namespace.
    const bool held = seen["read-host-file"] == EACCES && seen["read-etc-passwd"] == EACCES &&
                      seen["list-root"] == EACCES && seen["kill-parent"] == ENOSYS && seen["tgkill-parent"] == ENOSYS &&
                      seen["tgkill-self"] == 0 && seen["socket-inet"] == ENOSYS && seen["granted-mode"] == O_RDONLY &&
                      seen["ram-again"] == ENOSYS;
    ::_exit(!fell_back ? 1 : !held ? 2 : 0);
  }
  base::Child forked(child, base::Fd(static_cast<int>(::syscall(SYS_pidfd_open, child, 0))));
  output_.second.reset();  // or the child would not see its payload's end
  const base::ExitStatus status = forked.wait();
  if (status.code == 77) GTEST_SKIP() << "no user namespace to forbid them in";
  EXPECT_EQ(status.text(), "exited with 0") << "1: did not fall back, 2: an attack had another outcome";
}

TEST_F(JailTest, RootNeverStartsBehindLess) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    if (!forbid_namespaces(0)) ::_exit(77);
    try {
      start_jailed(plan(), [] { return std::string(); });
    } catch (const base::Error& error) {
      ::_exit(std::string(error.what()).find("cannot make the namespaces") == std::string::npos ? 2 : 0);
    }
    ::_exit(1);
  }
  base::Child forked(child, base::Fd(static_cast<int>(::syscall(SYS_pidfd_open, child, 0))));
  const base::ExitStatus status = forked.wait();
  if (status.code == 77) GTEST_SKIP() << "no user namespace to forbid them in";
  EXPECT_EQ(status.text(), "exited with 0") << "1: it started, 2: another error";
}

TEST(HostForbids, OnlyWhatASecurityModuleOrASysctlSays) {
  for (const JailStep step : {JailStep::kNamespaces, JailStep::kIdMaps, JailStep::kRoot, JailStep::kHostName}) {
    EXPECT_TRUE(host_forbids(step, EPERM));
    EXPECT_TRUE(host_forbids(step, EACCES));
    for (const int errnum : {ENOMEM, EMFILE, EAGAIN, EIO, ENOENT, EINVAL, 0}) EXPECT_FALSE(host_forbids(step, errnum));
  }
  EXPECT_TRUE(host_forbids(JailStep::kNamespaces, ENOSPC));
  EXPECT_TRUE(host_forbids(JailStep::kNamespaces, EUSERS));
  EXPECT_FALSE(host_forbids(JailStep::kRootSources, ENOSPC)) << "a disk is full";
  for (const JailStep step : {JailStep::kDescriptors, JailStep::kCapabilities, JailStep::kLandlock, JailStep::kFilter})
    EXPECT_FALSE(host_forbids(step, EPERM));
}

TEST_F(JailTest, AProgramThatDoesNotExistIsAnError) {
  JailPlan missing = plan();
  missing.program = "/nonexistent/qemu";
  try {
    start_jailed(std::move(missing), [] { return std::string(); });
    FAIL() << "it started";
  } catch (const base::Error& error) {
    EXPECT_NE(std::string(error.what()).find("cannot execute '/nonexistent/qemu'"), std::string::npos) << error.what();
    EXPECT_EQ(error.errnum(), ENOENT);
  }
}

TEST_F(JailTest, AProgramThatEndsBeforeItsGrantsAreUsedFailsTheStart) {
  JailPlan ends = plan();
  ends.arguments = {ends.program};  // wrong usage: exits with 2
  try {
    start_jailed(std::move(ends), [] { return std::string("its last words"); });
    FAIL() << "it started";
  } catch (const base::Error& error) {
    EXPECT_NE(std::string(error.what()).find("it exited with 2: its last words"), std::string::npos) << error.what();
  }
}

TEST_F(JailTest, AProgramThatNeverAsksForItsGrantIsKilledInTime) {
  JailPlan waits = plan();
  base::FdPair full = base::make_pipe();
  ::fcntl(full.second.get(), F_SETPIPE_SZ, 4096);
  base::write_all(full.second.get(), std::string(4096, 'x'), "a pipe");
  waits.descriptors = {{full.second.get(), STDERR_FILENO}};
  waits.timeout = std::chrono::milliseconds(100);
  try {
    start_jailed(std::move(waits), [] { return std::string(); });
    FAIL() << "it started";
  } catch (const base::Error& error) {
    EXPECT_NE(std::string(error.what()).find("did not come up"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace caisson::vmm
