// SPDX-License-Identifier: Apache-2.0

// A static program that the jail test runs in QEMU's place: it tries what a QEMU that was taken over would try, and
// prints one line for each attempt: "name errno" (0 = it worked). Which outcome is right is the test's business
// (jail_test.cc). Usage: jail_payload HOST-FILE PID-OF-PARENT HOST-FOLDER-INSIDE

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>

namespace {

void say(const char* name, long returned) {
  // Not through stdio: the line must be out before the next attempt, whatever that does.
  char line[160];
  const int length = snprintf(line, sizeof line, "%s %d\n", name, returned < 0 ? errno : 0);
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, line, static_cast<size_t>(length));
}

void say_number(const char* name, long number) {
  char line[160];
  const int length = snprintf(line, sizeof line, "%s %ld\n", name, number);
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, line, static_cast<size_t>(length));
}

void try_files(const char* host_file, const char* readable_folder) {
  say("read-host-file", open(host_file, O_RDONLY));
  say("read-etc-passwd", open("/etc/passwd", O_RDONLY));
  say("read-proc-version", open("/proc/version", O_RDONLY));
  say("list-root", open("/", O_RDONLY | O_DIRECTORY));
  say("list-readable-folder", open(readable_folder, O_RDONLY | O_DIRECTORY));
  say("write-new-file", open("/new", O_WRONLY | O_CREAT, 0600));
  say("write-in-readable-folder", openat(AT_FDCWD, readable_folder, O_WRONLY | O_TMPFILE, 0600));
  say("open-without-openat", syscall(SYS_open, "/", O_RDONLY));
  say("openat2", syscall(SYS_openat2, AT_FDCWD, "/", nullptr, 0));
  say("create-read-only", open("/new", O_RDONLY | O_CREAT, 0600));
  say("ram-again", open("/granted", O_RDWR));
  say("mkdir", mkdir("/new", 0700));
  say("unlink", unlink("/granted"));
  say("chmod", chmod("/", 0777));
  say("mknod", mknod("/disk", S_IFBLK | 0600, makedev(8, 0)));
  say("rename", rename("/a", "/b"));
}

void try_others(pid_t parent) {
  say("kill-parent", kill(parent, 0));
  say("kill-everyone", kill(-1, 0));
  say("tgkill-parent", syscall(SYS_tgkill, parent, parent, 0));
  say("tgkill-self", syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), 0));
  say("ptrace-parent", ptrace(PTRACE_ATTACH, parent, nullptr, nullptr));
  char byte = 0;
  iovec local{&byte, 1};
  iovec remote{&byte, 1};
  say("read-parent-memory", process_vm_readv(parent, &local, 1, &remote, 1, 0));
  say("pidfd-open-parent", syscall(SYS_pidfd_open, parent, 0));
}

void try_network() {
  say("socket-inet", socket(AF_INET, SOCK_STREAM, 0));
  say("socket-unix", socket(AF_UNIX, SOCK_STREAM, 0));
  say("socket-netlink", socket(AF_NETLINK, SOCK_RAW, 0));
  say("socket-packet", socket(AF_PACKET, SOCK_RAW, 0));
  int pair[2];
  say("socketpair", socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
}

void try_kernel() {
  say("mount", mount("none", "/", "tmpfs", 0, nullptr));
  say("umount", umount2("/", MNT_DETACH));
  say("chroot", chroot("/"));
  say("pivot-root", syscall(SYS_pivot_root, ".", "."));
  say("unshare-user", unshare(CLONE_NEWUSER));
  say("setns", setns(0, 0));
  say("fork", syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr));
  say("clone3", syscall(SYS_clone3, nullptr, 0));
  say("execveat", syscall(SYS_execveat, AT_FDCWD, "/proc/self/exe", nullptr, nullptr, 0));
  say("bpf", syscall(SYS_bpf, 0, nullptr, 0));
  say("io-uring", syscall(SYS_io_uring_setup, 1, nullptr));
  say("userfaultfd", syscall(SYS_userfaultfd, 0));
  say("perf", syscall(SYS_perf_event_open, nullptr, 0, -1, -1, 0));
  say("keyctl", syscall(SYS_keyctl, 0, 0, 0, 0, 0));
  say("memfd", memfd_create("x", 0));
  say("setuid", setuid(0));
  say("set-affinity", syscall(SYS_sched_setaffinity, 0, 0, nullptr));
  say("priority", setpriority(PRIO_PROCESS, 0, -5));
  rlimit limit{4096, 4096};
  say("raise-limit", setrlimit(RLIMIT_NOFILE, &limit));
  say("forget-parent-death", prctl(PR_SET_PDEATHSIG, 0));
  say("dumpable", prctl(PR_SET_DUMPABLE, 1));
}

void try_memory() {
  // What must go on working: QEMU translates code, and gives pages back through the descriptor it was granted.
  say("map-writable-and-executable",
      mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1
                                                                                                                : 0);
}

void try_granted() {
  const int ram = open("/granted", O_RDWR);
  say("granted", ram);
  say_number("granted-number", ram);
  say_number("granted-mode", fcntl(ram, F_GETFL) & O_ACCMODE);
  void* map = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, ram, 0);
  say("granted-private-map", map == MAP_FAILED ? -1 : 0);
  if (map != MAP_FAILED) memset(map, 'x', 4096);
  say("granted-shared-map", mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, ram, 0) == MAP_FAILED ? -1 : 0);
  say("granted-punch", fallocate(ram, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096));
  say("granted-discard", madvise(map, 4096, MADV_DONTNEED));
  say_number("granted-reads-template", map != MAP_FAILED ? static_cast<char*>(map)[0] : 0);
  say("granted-write", write(ram, "x", 1));
}

// What can be done through a descriptor that it holds. Directly: the C library asks for an owner by another command.
void try_commands(pid_t parent) {
  const int file = open("/usr/share", O_RDONLY | O_DIRECTORY);
  const struct {
    int type;
    pid_t pid;
  } owner{1, parent};  // struct f_owner_ex: F_OWNER_PID
  int flags = 0;
  int waiting = 0;
  fsxattr attributes{};
  say("own-by-parent", syscall(SYS_fcntl, file, F_SETOWN, parent));
  say("own-by-parent-ex", syscall(SYS_fcntl, file, 15 /* F_SETOWN_EX */, &owner));
  say("choose-signal", syscall(SYS_fcntl, file, 10 /* F_SETSIG */, SIGKILL));
  say("lease", syscall(SYS_fcntl, file, 1024 /* F_SETLEASE */, F_RDLCK));
  say("notify", syscall(SYS_fcntl, file, 1026 /* F_NOTIFY */, 1));
  say("get-file-flags", ioctl(file, FS_IOC_GETFLAGS, &flags));
  say("set-file-flags", ioctl(file, FS_IOC_SETFLAGS, &flags));
  say("set-file-attributes", ioctl(file, FS_IOC_FSSETXATTR, &attributes));
  say("push-into-terminal", ioctl(STDERR_FILENO, TIOCSTI, "x"));
  say("set-nonblocking", fcntl(STDERR_FILENO, F_SETFL, 0));
  say("bytes-to-read", ioctl(STDERR_FILENO, FIONREAD, &waiting));
}

void tell() {
  say_number("uid", getuid());
  say_number("pid", getpid());
  say_number("ppid", getppid());
  say_number("dumps", [] {
    rlimit limit{};
    getrlimit(RLIMIT_CORE, &limit);
    return static_cast<long>(limit.rlim_max);
  }());
  say_number("largest-file", [] {
    rlimit limit{};
    getrlimit(RLIMIT_FSIZE, &limit);
    return static_cast<long>(limit.rlim_max);
  }());
  long open_files = 0;
  for (int number = 0; number < 512; ++number) open_files += fcntl(number, F_GETFD) >= 0 ? 1 : 0;
  say_number("open-files", open_files);
  say_number("no-new-privs", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
  say_number("seccomp", prctl(PR_GET_SECCOMP, 0, 0, 0, 0));
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 4) return 2;
  tell();
  // What is tried first may still be brokered; the grant is the last thing the broker answers.
  say("brokered-write-elsewhere", open("/etc/shadow", O_WRONLY));
  say("brokered-execute-again", execve(arguments[0], arguments, environ));
  try_granted();
  try_files(arguments[1], arguments[3]);
  const auto parent = static_cast<pid_t>(strtol(arguments[2], nullptr, 10));
  try_others(parent);
  try_commands(parent);
  try_network();
  try_kernel();
  try_memory();
  say("execute-again", execve(arguments[0], arguments, environ));
  say("end", 0);
  return 0;
}
