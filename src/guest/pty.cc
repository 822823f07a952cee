// SPDX-License-Identifier: Apache-2.0

#include "guest/pty.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

namespace caisson::guest {
namespace {

constexpr gid_t kTtyGroup = 5;  // Debian's fixed number (base-passwd); mode 620 lets write(1) and mesg(1) work

}  // namespace

Pty open_pty(const Anchors& anchors, link::TtySize size, uid_t owner) {
  if (!anchors.pts) throw base::Error("cannot make a terminal: there is no devpts here");
  Pty pty;
  pty.master = base::open_file("ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK, 0, anchors.pts.get());
  const int unlocked = 0;
  if (::ioctl(pty.master.get(), TIOCSPTLCK, &unlocked) != 0) throw base::system_error("cannot unlock", "terminal");
  // TIOCGPTPEER opens the slave without a path (Linux 4.13).
  pty.slave = base::Fd(::ioctl(pty.master.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!pty.slave) throw base::system_error("cannot open", "terminal");
  if (::fchown(pty.slave.get(), owner, kTtyGroup) != 0 && ::geteuid() == 0)
    throw base::system_error("cannot give away", "terminal");
  resize_pty(pty.master, size);
  return pty;
}

void resize_pty(const base::Fd& master, link::TtySize size) {
  winsize window{};
  window.ws_row = size.rows;
  window.ws_col = size.columns;
  ::ioctl(master.get(), TIOCSWINSZ, &window);
}

pid_t foreground_group(const base::Fd& master) {
  pid_t group = 0;
  return ::ioctl(master.get(), TIOCGPGRP, &group) == 0 ? group : 0;
}

}  // namespace caisson::guest
