// SPDX-License-Identifier: Apache-2.0

// caisson-init: PID 1 of a sandbox. As the kernel's /init it boots the machine and serves the link on its virtio port.
// With --stdio or --link-fd N it serves a session in an environment that something else has made, and ends with it.

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <cstring>
#include <exception>
#include <span>

#include "base/error.h"
#include "base/text.h"
#include "guest/boot.h"
#include "guest/changes_list.h"
#include "guest/container_runtime.h"
#include "guest/copy.h"
#include "guest/discard.h"
#include "guest/guest.h"
#include "guest/server.h"
#include "guest/tar_get.h"
#include "guest/tar_put.h"
#include "link/change_messages.h"

namespace caisson::guest {
namespace {

asio::awaitable<void> serve_machine(Guest& guest) {
  guest.egress.start();
  guest.docker.start();
  base::Fd port = open_link_port();
  co_await serve_port_for_ever(guest, std::move(port));
}

// Exceptions of a spawned coroutine end up here, in run(): an init without its link is of no use.
void rethrow(std::exception_ptr error) {
  if (error) std::rethrow_exception(error);
}

void run_machine() {
  asio::io_context context(1);
  Guest guest(context.get_executor());
  boot(guest);
  guest.reaper.start();
  asio::co_spawn(context, serve_machine(guest), rethrow);
  context.run();
}

asio::awaitable<void> serve_once(Guest& guest, base::Fd in, base::Fd out) {
  const std::string reason =
      out ? co_await serve_pipes(guest, std::move(in), std::move(out)) : co_await serve_socket(guest, std::move(in));
  if (!reason.empty()) std::fprintf(stderr, "caisson-init: %s\n", base::escaped(reason).c_str());
  ::_exit(reason.empty() ? 0 : 1);
}

// A descriptor of ours that no child inherits and that is not 0, 1 or 2, in place of one that we were given.
base::Fd take(int fd) {
  base::Fd taken(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
  if (!taken) throw base::system_error("cannot take over descriptor", std::to_string(fd));
  if (fd > 2) ::close(fd);
  return taken;
}

void run_session(base::Fd in, base::Fd out) {
  // Where this is not PID 1, orphans of the commands come here all the same.
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  asio::io_context context(1);
  Guest guest(context.get_executor());
  guest.anchors = open_anchors();
  guest.reaper.start();
  asio::co_spawn(context, serve_once(guest, std::move(in), std::move(out)), rethrow);
  context.run();
}

void run_stdio() {
  base::Fd in = take(0);
  base::Fd out = take(1);
  const base::Fd null = base::open_file("/dev/null", O_RDWR);
  if (::dup2(null.get(), 0) < 0 || ::dup2(null.get(), 1) < 0) throw base::system_error("cannot close", "stdin");
  run_session(std::move(in), std::move(out));
}

int usage() {
  std::fputs("usage: caisson-init --stdio | --link-fd N\n", stderr);
  return 2;
}

// Says that it can be done before it waits for the archive.
void put(const std::string& path, const std::string& name) {
  const PutPlan plan = plan_put(path, name);
  base::write_all(1, {"\n", 1}, "link");
  tar_put(plan, 0);
}

// From the layers in the folder that is stdin, paths in hexadecimal digits.
void discard(std::span<char*> arguments) {
  base::Json json{{"service", "discard"}, {"id", 1}, {"paths", base::Json::array()}};
  for (const char* path : arguments) json["paths"].push_back(path);
  const base::Fd folder(::fcntl(0, F_DUPFD_CLOEXEC, 3));
  const base::Fd upper = base::open_file("upper", O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, folder.get());
  const base::Fd share = base::open_file("share", O_PATH | O_DIRECTORY | O_NOFOLLOW, 0, folder.get());
  discard_changes({.upper = upper, .lower = share}, link::from_json<link::DiscardRequest>(json).paths);
}

int run(std::span<char*> arguments) {
  const std::string_view name = arguments.empty() ? "" : arguments[0];
  if (name.substr(name.rfind('/') + 1) == "runc") return run_container_runtime(arguments);
  // Descriptors 0 to 2 must be somebody's, or the next file that is opened becomes one of them.
  while (true) {
    const int fd = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    if (fd > 2) ::close(fd);
    if (fd < 0 || fd > 2) break;
  }
  ::signal(SIGPIPE, SIG_IGN);
  const std::string_view what = arguments.size() > 1 ? arguments[1] : "";
  if (what == "tar-get" && arguments.size() == 4) {
    tar_get(arguments[2], std::strcmp(arguments[3], "follow") == 0, 1);
  } else if (what == "tar-put" && arguments.size() == 4) {
    ::umask(0);
    put(arguments[2], arguments[3]);
  } else if (what == "changes" && arguments.size() == 3) {
    // The upper folder is stdin.
    const base::Fd upper(::fcntl(0, F_DUPFD_CLOEXEC, 3));
    list_changes(upper, 1, {.content = std::strcmp(arguments[2], "content") == 0});
  } else if (what == "discard") {
    discard(arguments.subspan(2));
  } else if (what == Rehearsal::kNothing) {
    // To have been started is all.
  } else if (what == "--stdio") {
    run_stdio();
  } else if (what == "--link-fd" && arguments.size() == 3) {
    const auto fd = base::parse_number<int>(arguments[2]);
    if (!fd) return usage();
    run_session(take(*fd), base::Fd());
  } else if (::getpid() == 1) {
    run_machine();  // the kernel passes on unknown words of its command line
  } else {
    return usage();
  }
  return 0;
}

}  // namespace
}  // namespace caisson::guest

int main(int argc, char** argv) {
  int code = 1;
  try {
    code = caisson::guest::run(std::span(argv, static_cast<size_t>(argc)));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s%s\n", ::getpid() == 1 ? "caisson-init: " : "", error.what());
  }
  // The end of PID 1 is a kernel panic; a machine that could not boot says why, above, and goes out.
  if (::getpid() == 1 && argc < 2) ::reboot(RB_AUTOBOOT);
  return code;
}
