// SPDX-License-Identifier: Apache-2.0

// caisson-unpack: does one UnpackJob (unpack_job.h). A program of its own because fakeroot works by preloading a
// library into dynamic programs, and because it reads what strangers made.
//
// Three processes: the first waits, the second works, and the third, which is confined, reads the archives for it
// (unpack_reading.h). When the pipe from `caisson` closes, the first ends the others and itself, fakeroot's script goes
// on to its end and stops its daemon, and nothing is left running.

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <clocale>
#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/process.h"
#include "base/text.h"
#include "image/tree.h"
#include "image/unpack_job.h"
#include "image/unpack_reading.h"

namespace caisson::image {
namespace {

constexpr auto kReportEvery = std::chrono::milliseconds(200);
// mkfs.erofs does not always say why it failed; with less than this free it was the disk.
constexpr uint64_t kNearlyFull = 32U << 20;
// All images have the same one: nothing looks an image up by it, and equal trees must make equal files.
constexpr const char* kUuid = "ca155011-0000-4000-8000-000000000000";
constexpr const char* kLatestTime = "2147483647";

// Reports how much mkfs.erofs has written until it ends.
base::ExitStatus watch_writing(base::Child& mkfs, const std::string& out, uint64_t total) {
  pollfd ended = {.fd = mkfs.pidfd(), .events = POLLIN, .revents = 0};
  while (::poll(&ended, 1, static_cast<int>(kReportEvery.count())) == 0) {
    struct stat info {};
    if (::stat(out.c_str(), &info) == 0) report({{"written", info.st_size}, {"total", total}});
  }
  return mkfs.wait();
}

void write_erofs(const UnpackJob& job, uint64_t total) {
  const std::string log_path = job.out + ".log";
  const base::Fd log = base::open_file(log_path, O_WRONLY | O_CREAT | O_TRUNC);
  // Files keep their own times only where they are not later than this; it is also the file system's own time. (-T with
  // --preserve-mtime loses all times in erofs-utils 1.5.)
  ::setenv("SOURCE_DATE_EPOCH", kLatestTime, 1);
  // Uncompressed: an emulated CPU would pay for each read.
  base::Child mkfs = base::spawn({.argv = {"mkfs.erofs", "--quiet", "-d2", "-U", kUuid, job.out, job.tree},
                                  .descriptors = {{log.get(), 1}, {log.get(), 2}}});
  const base::ExitStatus status = watch_writing(mkfs, job.out, total);
  if (status.ok()) return;
  const std::string text = base::read_file(log_path);
  const std::string_view tail = base::trimmed(text);
  struct statvfs space {};
  const bool full = ::statvfs(log_path.c_str(), &space) == 0 && space.f_bavail * space.f_frsize < kNearlyFull;
  throw base::Error("cannot write the image: mkfs.erofs " + status.text() + ": " +
                        base::escaped(tail.substr(tail.size() > 400 ? tail.size() - 400 : 0)),
                    full ? "free some disk space, or set XDG_CACHE_HOME to a larger disk" : "");
}

bool has_dockerd(const std::string& folder) {
  const Tree tree(folder, Ownership::kPlain);
  for (const char* path :
       {"usr/bin/dockerd", "usr/sbin/dockerd", "usr/local/bin/dockerd", "bin/dockerd", "sbin/dockerd"}) {
    if (tree.has_file(path)) return true;
  }
  return false;
}

UnpackResult do_job(const UnpackJob& job) {
  Reading reading;
  if (!job.layers.empty()) reading = read_archives(job);
  UnpackResult result;
  result.entries = reading.entries;
  result.kind = reading.kind;
  if (job.task == UnpackJob::Task::kImage) {
    write_erofs(job, reading.bytes);
    result.has_dockerd = has_dockerd(job.tree);
  }
  return result;
}

int work(const UnpackJob& job) {
  try {
    report({{"done", to_json(do_job(job))}});
    return 0;
  } catch (const base::Error& error) {
    report({{"error", error.problem()}, {"hint", error.hint()}});
  } catch (const std::exception& error) {
    report({{"error", error.what()}, {"hint", ""}});
  }
  return 1;
}

// Waits for the worker's end or for the end of whoever wants its work.
int supervise(base::Child worker) {
  pollfd waits[2] = {{.fd = worker.pidfd(), .events = POLLIN, .revents = 0},
                     {.fd = kLifeFd, .events = POLLIN, .revents = 0}};
  while (::poll(waits, 2, -1) < 0) {
    if (errno != EINTR) return 1;
  }
  if (waits[0].revents == 0) return 1;  // the destructor kills and reaps the worker
  const base::ExitStatus status = worker.wait();
  return status.signal != 0 ? 128 + status.signal : status.code;
}

int run(const char* job_text) {
  const UnpackJob job = job_from_json(base::parse_json_object(job_text, "the unpacking job"));
  ::signal(SIGPIPE, SIG_IGN);
  ::umask(0);
  const pid_t supervisor = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) throw base::system_error("cannot start", "the unpacking");
  if (pid == 0) {
    if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || ::getppid() != supervisor) ::_exit(1);
    ::_exit(work(job));
  }
  return supervise(base::Child(pid, base::Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)))));
}

}  // namespace
}  // namespace caisson::image

int main(int argc, char** argv) {
  // Names in pax headers are UTF-8; in the C locale libarchive would not give them.
  std::setlocale(LC_CTYPE, "C.UTF-8");
  try {
    if (argc != 2) throw caisson::base::Error("caisson-unpack is started by caisson, with a job");
    return caisson::image::run(argv[1]);
  } catch (const caisson::base::Error& error) {
    // Whoever wanted to know has gone.
    if (error.errnum() != EPIPE) std::cerr << "caisson-unpack: " << error.what() << "\n";
    return 1;
  } catch (const std::exception& error) {
    std::cerr << "caisson-unpack: " << error.what() << "\n";
    return 1;
  }
}
