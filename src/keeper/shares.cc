// SPDX-License-Identifier: Apache-2.0

#include "keeper/shares.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <iostream>
#include <optional>

#include "base/beneath.h"
#include "base/detached_thread.h"
#include "base/error.h"
#include "base/install.h"
#include "base/process.h"
#include "base/text.h"
#include "changes/known_names.h"
#include "clones/make.h"
#include "keeper/own_places.h"
#include "keeper/workspace_files.h"
#include "link/descriptor.h"
#include "link/event.h"
#include "link/relay.h"
#include "link/wait_until.h"

namespace caisson::keeper {
namespace {

// The numbers that caisson-share knows its descriptors by.
constexpr int kSocketFd = 3;
constexpr int kFolderFd = 4;
constexpr int kBaselineFd = 5;
// From the guest's configuration on.
constexpr std::chrono::seconds kMountLimit{60};

std::string share_name(const spec::Workspace& workspace) {
  return "the workspace " + base::in_quotes(workspace.host);
}

base::Error cannot_open(const spec::Workspace& workspace, int errnum) {
  if (errnum == ENOENT || errnum == ENOTDIR)
    return base::Error(
        share_name(workspace) + (workspace.file || errnum == ENOENT ? " does not exist" : " is no folder"),
        "put it back, or make a sandbox without it: -w none", errnum);
  if (errnum == ELOOP)
    return base::Error("a symbolic link stands in the way to " + share_name(workspace),
                       "it was none when the sandbox was made; put the folder back", errnum);
  return base::system_error("cannot open " + share_name(workspace) + ":", workspace.host, errnum);
}

// The path had no link in it when the spec was made. A sandbox that may write around it could have put one there.
base::Fd open_host(const spec::Workspace& workspace) {
  base::Fd opened = base::open_without_links(workspace.host, O_PATH | (workspace.file ? 0 : O_DIRECTORY));
  if (!opened) throw cannot_open(workspace, errno);
  return opened;
}

// In the background: a large folder takes its time, and nobody waits for it.
void note_names(const spec::Workspace& workspace, const base::Fd& opened, const std::string& file) {
  const auto root = std::make_shared<changes::HostRoot>(workspace.host, opened.duplicate());
  base::start_detached([root, file] {
    try {
      changes::note_all_names(*root, file);
    } catch (const base::Error& error) {
      // The sandbox has gone, or its disk is full: what is removed on the host is no conflict then.
      std::cerr << error.what() << std::endl;
    }
  });
}

link::Mount::Mode mode_of(spec::WorkspaceMode mode) {
  switch (mode) {
    case spec::WorkspaceMode::kOverlay:
    case spec::WorkspaceMode::kClone:
      return link::Mount::Mode::kOverlay;
    case spec::WorkspaceMode::kReadWrite:
      return link::Mount::Mode::kReadWrite;
    case spec::WorkspaceMode::kReadOnly:
      break;
  }
  return link::Mount::Mode::kReadOnly;
}

}  // namespace

struct Shares::Share {
  spec::Workspace workspace;
  base::Fd opened;
  std::vector<std::string> own_places;
  WorkspaceRecord record;
  base::Child process;
  base::Fd socket;  // our end, until it is connected
  bool connected = false;
  std::optional<base::Error> failed;
  std::string lost;  // how

  bool settled() const { return connected || failed || !lost.empty(); }
};

struct Shares::State : std::enable_shared_from_this<Shares::State> {
  State(asio::any_io_executor on, Options wanted) : executor(on), options(std::move(wanted)), changed(on) {}

  using SharePtr = std::shared_ptr<Share>;

  SharePtr open(const spec::Workspace& workspace) const;
  void start(const SharePtr& share) const;
  static asio::awaitable<void> watch(std::shared_ptr<State> self, SharePtr share);
  static asio::awaitable<void> connect(std::shared_ptr<State> self, SharePtr share, link::GuestClient& guest);
  static asio::awaitable<void> mount(std::shared_ptr<State> self, SharePtr share, link::GuestClient& guest);
  static asio::awaitable<void> mount_all(std::shared_ptr<State> self, link::GuestClient& guest);

  asio::any_io_executor executor;
  Options options;
  std::vector<std::string> masks;
  std::vector<std::string> unmasks;
  std::vector<SharePtr> shares;
  link::Event changed;
  bool all_mounted = false;
  std::optional<base::Error> mount_failed;
  bool closed = false;
};

Shares::State::SharePtr Shares::State::open(const spec::Workspace& workspace) const {
  auto share = std::make_shared<Share>();
  share->workspace = workspace;
  if (workspace.mode == spec::WorkspaceMode::kClone) {
    // Of Caisson's own, the one place that a sandbox sees.
    const std::string tree = clones::tree_of_clone(options.folder, workspace.id);
    share->opened = base::open_file(tree, O_PATH | O_DIRECTORY | O_NOFOLLOW);
  } else {
    share->opened = open_host(workspace);
    share->own_places = own_places_in(workspace.host);
  }
  struct stat info {};
  if (::fstatat(share->opened.get(), "", &info, AT_EMPTY_PATH) != 0) throw cannot_open(workspace, errno);
  if (workspace.file && !S_ISREG(info.st_mode))
    throw base::Error(share_name(workspace) + " is no regular file any more");
  const WorkspaceObject object = object_of(share->opened.get(), workspace.host);
  share->record = keep_workspace_record(options.folder, workspace.id, object);
  // What was changed in the sandbox was changed in that folder.
  if (spec::keeps_changes_apart(workspace.mode) && !is_same_object(share->record.object, object))
    throw base::Error(share_name(workspace) + " is another folder than when the sandbox first ran",
                      "if that one was moved or renamed, move it back to this place; or remove the sandbox");
  return share;
}

void Shares::State::start(const SharePtr& share) const {
  const spec::Workspace& workspace = share->workspace;
  const bool writes = workspace.mode == spec::WorkspaceMode::kReadWrite;
  const base::Json settings{{"mode", writes ? "rw" : "ro"},
                            {"masks", masks},
                            {"unmask", unmasks},
                            {"own", share->own_places},
                            {"started_ns", share->record.started_ns}};
  base::FdPair pair = base::make_socketpair();
  const base::Fd baseline = open_baseline(options.folder, workspace.id);
  base::SpawnOptions spawn;
  spawn.argv = {options.program.empty() ? base::helper_program("caisson-share") : options.program,
                base::to_line(settings)};
  spawn.environment = {"PATH=/usr/bin:/bin"};
  spawn.descriptors = {
      {2, 2}, {pair.second.get(), kSocketFd}, {share->opened.get(), kFolderFd}, {baseline.get(), kBaselineFd}};
  spawn.folder = "/";
  share->process = base::spawn(spawn);
  share->socket = std::move(pair.first);
  if (workspace.mode == spec::WorkspaceMode::kOverlay)
    note_names(workspace, share->opened, known_names_path(options.folder, workspace.id));
  share->opened.reset();
}

asio::awaitable<void> Shares::State::watch(std::shared_ptr<State> self, SharePtr share) {
  link::Descriptor pidfd(self->executor, base::Fd(::fcntl(share->process.pidfd(), F_DUPFD_CLOEXEC, 3)));
  co_await pidfd.readable();
  if (self->closed || !share->process) co_return;
  const base::ExitStatus status = share->process.wait();
  share->lost = status.ok() ? "the sandbox let go of it" : "its server " + status.text();
  self->changed.notify_all();
  if (self->options.on_lost) self->options.on_lost(share->workspace, share->lost);
}

asio::awaitable<void> Shares::State::connect(std::shared_ptr<State> self, SharePtr share, link::GuestClient& guest) {
  link::StreamPtr stream;
  try {
    link::FuseRequest request;
    request.id = share->workspace.id;
    request.file = share->workspace.file;
    request.overlay = spec::keeps_changes_apart(share->workspace.mode);
    stream = co_await guest.fuse(request);
    share->connected = true;
  } catch (const base::Error& error) {
    share->failed = error;
  }
  self->changed.notify_all();
  if (!stream || self->closed) co_return;
  auto socket = std::make_shared<link::Descriptor>(self->executor, std::move(share->socket));
  co_await link::relay(std::move(stream), std::move(socket));
}

asio::awaitable<void> Shares::State::mount(std::shared_ptr<State> self, SharePtr share, link::GuestClient& guest) {
  while (!share->settled() && !self->closed) co_await self->changed.wait();
  const std::string doing = "cannot mount " + share_name(share->workspace);
  if (self->closed) throw base::Error(doing + ": the sandbox ends");
  if (!share->lost.empty()) throw base::Error(doing + ": " + share->lost);
  if (share->failed) throw share->failed->within(doing);
  link::Mount what;
  what.id = share->workspace.id;
  what.target = share->workspace.guest;
  what.mode = mode_of(share->workspace.mode);
  what.file = share->workspace.file;
  co_await guest.mount(std::move(what));
}

// One after the other: they may have folders in common that have to be made.
asio::awaitable<void> Shares::State::mount_all(std::shared_ptr<State> self, link::GuestClient& guest) {
  try {
    for (const SharePtr& share : self->shares) co_await mount(self, share, guest);
    self->all_mounted = true;
  } catch (const base::Error& error) {
    self->mount_failed = error;
  }
  self->changed.notify_all();
}

Shares::Shares(asio::any_io_executor executor, Options options)
    : state_(std::make_shared<State>(std::move(executor), std::move(options))) {}

Shares::~Shares() {
  close();
}

void Shares::open(const spec::SandboxSpec& spec) {
  state_->masks = spec.masks;
  state_->unmasks = spec.unmasks;
  for (const spec::Workspace& workspace : spec.workspaces) state_->shares.push_back(state_->open(workspace));
}

void Shares::start() {
  for (const auto& share : state_->shares) {
    state_->start(share);
    asio::co_spawn(state_->executor, State::watch(state_, share), asio::detached);
  }
}

void Shares::connect(link::GuestClient& guest) {
  for (const auto& share : state_->shares)
    asio::co_spawn(state_->executor, State::connect(state_, share, guest), asio::detached);
  asio::co_spawn(state_->executor, State::mount_all(state_, guest), asio::detached);
}

asio::awaitable<void> Shares::mounted() {
  const std::shared_ptr<State> state = state_;
  auto settled = [&state] { return state->all_mounted || state->mount_failed; };
  const bool in_time = co_await link::wait_until(state->executor, state->changed, settled,
                                                 std::chrono::steady_clock::now() + kMountLimit);
  if (!in_time) throw link::NoAnswer("cannot mount the workspaces");
  if (state->mount_failed) throw *state->mount_failed;
}

void Shares::close() {
  state_->closed = true;
  for (const auto& share : state_->shares) share->process = base::Child();
  state_->changed.notify_all();
}

std::vector<ShareState> Shares::states() const {
  std::vector<ShareState> states;
  for (const auto& share : state_->shares)
    states.push_back(
        {.id = share->workspace.id, .pid = share->process ? share->process.pid() : 0, .lost = share->lost});
  return states;
}

}  // namespace caisson::keeper
