// SPDX-License-Identifier: Apache-2.0

#include "guest/workspaces.h"

#include "base/error.h"
#include "base/scope.h"
#include "base/text.h"
#include "guest/fuse_relay.h"
#include "guest/guest.h"
#include "link/message.h"

namespace caisson::guest {

namespace {

// The server's answer to what init has answered in its place.
asio::awaitable<void> introduce(link::Stream& stream, const AnsweredInit& answered) {
  co_await stream.write(answered.request);
  std::vector<uint8_t> answer(answered.answer.size());
  co_await stream.read_exact(answer);
  if (answer != answered.answer) throw base::Error("the workspace's server is not what was made ready for it");
}

}  // namespace

asio::awaitable<void> Workspaces::make_ready() {
  if (!guest_.anchors.disk || ready_) co_return;
  const auto made = std::make_shared<ReadyOverlay>();
  Work work;
  work.doing = "cannot make the file systems of a workspace ready";
  work.run = [made, &anchors = guest_.anchors] { *made = make_ready_overlay(anchors); };
  co_await guest_.workers.run(std::move(work));
  ready_ = std::move(*made);
}

asio::awaitable<base::Fd> Workspaces::make(link::FuseRequest request, WorkspacePtr workspace) {
  if (all_.contains(request.id)) throw base::Error("there is a workspace " + std::to_string(request.id) + " already");
  all_[request.id] = workspace;
  workspace->file = request.file;
  if (ready_ && request.overlay && request.id == ReadyOverlay::kId) {
    // Taken as a whole: whatever happens from here on, the next workspace does not find a part of it.
    ReadyOverlay ready = *std::exchange(ready_, std::nullopt);
    workspace->overlay = std::move(ready.mounts);
    workspace->answered = std::move(ready.init);
    co_return std::move(ready.device);
  }
  const auto made = std::make_shared<FuseFileSystem>();
  Work work;
  work.doing = "cannot make the file system of a workspace";
  work.run = [made, file = request.file] { *made = make_fuse_file_system(file); };
  co_await guest_.workers.run(std::move(work));
  workspace->context = std::move(made->context);
  co_return std::move(made->device);
}

asio::awaitable<void> Workspaces::serve(link::StreamPtr stream, link::FuseRequest request) {
  const auto workspace = std::make_shared<Workspace>();
  const base::Scope forget([&] {
    const auto found = all_.find(request.id);
    if (found != all_.end() && found->second == workspace) all_.erase(found);
  });
  base::Fd device;
  base::Json answer = link::ok_answer();
  try {
    device = co_await make(request, workspace);
  } catch (const base::Error& error) {
    answer = link::error_answer(error.what());
  }
  co_await link::write_message(*stream, answer);
  if (!device) {
    co_await stream->close_write();
    co_return;
  }
  if (workspace->answered) co_await introduce(*stream, *workspace->answered);
  co_await relay_fuse(std::move(stream), std::move(device), workspace->mounted);
  co_await disconnect(workspace);
}

// The thread of the notices may hold the device, and wait for somebody who waits for an answer.
asio::awaitable<void> Workspaces::disconnect(WorkspacePtr workspace) {
  Work work;
  work.doing = "cannot disconnect a workspace";
  // With its last references: to let go of a file system can take as long as any use of it.
  work.run = [mounted = workspace->mounted, context = std::make_shared<base::Fd>(std::move(workspace->context))] {
    mounted->disconnect();
    context->reset();
  };
  try {
    co_await guest_.workers.run(std::move(work));
  } catch (const base::Error&) {
    // It stays as it is, and whoever uses it waits.
  }
}

asio::awaitable<void> Workspaces::mount(link::Mount what) {
  const std::string doing = "cannot mount the workspace at " + base::in_quotes(what.target);
  const auto found = all_.find(what.id);
  if (found == all_.end() || !(found->second->context || found->second->overlay))
    throw base::Error(doing + ": it has no file system");
  const WorkspacePtr workspace = found->second;
  if (workspace->in_place) throw base::Error(doing + ": it is mounted already");
  if (workspace->file != what.file) throw base::Error(doing + ": a file is no folder");
  workspace->in_place = true;
  Work work;
  work.doing = doing;
  work.run = [&anchors = guest_.anchors, workspace, what] {
    if (workspace->overlay) return mount_overlay(anchors, std::move(*workspace->overlay), what, *workspace->mounted);
    mount_workspace(anchors, workspace->context, what, *workspace->mounted);
  };
  co_await guest_.workers.run(std::move(work));
}

asio::awaitable<void> Workspaces::forget_names(uint32_t id) {
  const auto found = all_.find(id);
  if (found == all_.end()) co_return;
  Work work;
  work.doing = "cannot look at a workspace anew";
  work.run = [mounted = found->second->mounted] { mounted->forget_names(); };
  co_await guest_.workers.run(std::move(work));
}

}  // namespace caisson::guest
