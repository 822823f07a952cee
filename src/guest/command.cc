// SPDX-License-Identifier: Apache-2.0

#include "guest/command.h"

#include <unistd.h>

#include <utility>

#include "base/error.h"
#include "guest/environment.h"
#include "guest/pty.h"
#include "guest/users.h"

namespace caisson::guest {
namespace {

// The command's ends, closed here once it has them.
struct CommandStreams {
  base::Fd in;
  base::Fd out;
  base::Fd err;
};

// A pipe belongs to who made it: without this a command of another user could not open its own /dev/stdout.
void give_to(const base::Fd& fd, uid_t uid) {
  if (::geteuid() == 0 && ::fchown(fd.get(), uid, static_cast<gid_t>(-1)) != 0)
    throw base::system_error("cannot give away", "pipe");
}

CommandStreams make_pipes(const Anchors& anchors, bool with_input, uid_t uid, Streams& ours) {
  CommandStreams its;
  if (with_input) {
    base::FdPair in = base::make_pipe();
    its.in = std::move(in.first);
    ours.input = std::move(in.second);
    give_to(its.in, uid);
    base::set_nonblocking(ours.input.get(), true);
  } else {
    its.in = anchors.null.duplicate();
  }
  base::FdPair out = base::make_pipe();
  base::FdPair err = base::make_pipe();
  its.out = std::move(out.second);
  its.err = std::move(err.second);
  give_to(its.out, uid);
  give_to(its.err, uid);
  ours.output = std::move(out.first);
  ours.error = std::move(err.first);
  base::set_nonblocking(ours.output.get(), true);
  base::set_nonblocking(ours.error.get(), true);
  return its;
}

CommandStreams make_terminal(const Anchors& anchors, link::TtySize size, uid_t uid, Streams& ours) {
  Pty pty = open_pty(anchors, size, uid);
  ours.input = pty.master.duplicate();
  ours.output = std::move(pty.master);
  CommandStreams its;
  its.out = pty.slave.duplicate();
  its.err = pty.slave.duplicate();
  its.in = std::move(pty.slave);
  return its;
}

}  // namespace

Streams start_command(const CommandOrder& order, Birth& birth) {
  const link::ExecRequest& request = order.request;
  const User user = find_user(request.user);
  SpawnPlan plan;
  plan.argv = request.argv;
  plan.environment =
      merge_environment({base_environment(user, request.tty.has_value()), order.environment, request.environment});
  plan.candidates = program_candidates(request.argv[0], environment_value(plan.environment, "PATH"));
  plan.folder = request.folder.empty() ? user.home : request.folder;
  plan.folder_is_home = request.folder.empty();
  plan.change_user = ::geteuid() == 0;
  plan.uid = user.uid;
  plan.gid = user.gid;
  plan.groups = user.groups;
  plan.program = order.program;
  plan.cgroup = order.cgroup;
  plan.terminal = request.tty.has_value();

  Streams ours;
  const CommandStreams its = request.tty ? make_terminal(order.anchors, *request.tty, user.uid, ours)
                                         : make_pipes(order.anchors, request.keep_stdin, user.uid, ours);
  plan.in = its.in.get();
  plan.out = its.out.get();
  plan.err = its.err.get();
  spawn(order.anchors, plan, birth);
  return ours;
}

}  // namespace caisson::guest
