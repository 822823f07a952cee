// SPDX-License-Identifier: Apache-2.0

#include "guest/changes.h"

#include <fcntl.h>

#include "base/error.h"
#include "base/scope.h"
#include "base/text.h"
#include "guest/changes_list.h"
#include "guest/helper_process.h"
#include "link/change_format.h"

namespace caisson::guest {
namespace {

// Throws where the workspace has none.
base::Fd open_upper(const Guest& guest, uint32_t id) {
  const std::string path = "workspaces/" + std::to_string(id) + "/upper";
  base::Fd upper;
  if (guest.anchors.disk) upper = open_below(guest.anchors.disk, path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!upper) throw base::Error("the workspace " + std::to_string(id) + " keeps no changes");
  return upper;
}

asio::awaitable<void> say_none(link::Stream& stream) {
  std::string end;
  link::encode_change({}, end);
  const std::span<const uint8_t> bytes(reinterpret_cast<const uint8_t*>(end.data()), end.size());
  co_await stream.write(bytes);
  co_await stream.close_write();
}

// After a failure, or a lost session.
void end(Guest& guest, const Helper& helper) {
  if (!helper.process.pidfd) return;
  helper.kill();
  guest.reaper.forget(helper.process.pid);
}

asio::awaitable<void> remove_from(Guest& guest, base::Fd upper, std::vector<std::string> paths) {
  HelperPlan plan{.what = "the removal of changes", .argv = {"caisson-init", "discard"}};
  for (const std::string& path : paths) plan.argv.push_back(base::hex(path));
  plan.in = std::move(upper);
  Helper helper;
  const base::Scope end_helper([&] { end(guest, helper); });
  helper = co_await start_helper(guest, std::move(plan));
  const base::ExitStatus status = co_await guest.reaper.wait(helper.process.pid, helper.process.pidfd);
  helper.process.pidfd.reset();
  if (!status.ok()) throw base::Error(error_of(helper));
}

}  // namespace

asio::awaitable<void> serve_changes(Guest& guest, link::StreamPtr stream, link::ChangesRequest request) {
  Helper helper;
  const base::Scope end_helper([&] { end(guest, helper); });
  std::vector<uint8_t> buffer(kHelperChunkBytes);
  size_t got = 0;
  bool none = false;
  std::string error;
  try {
    base::Fd upper = open_upper(guest, request.id);
    none = !has_entries(upper);
    if (!none) {
      HelperPlan plan{.what = "the list of changes",
                      .argv = {"caisson-init", "changes", request.content ? "content" : "names"}};
      plan.in = std::move(upper);
      helper = co_await start_helper(guest, std::move(plan));
      got = co_await first_word(guest, helper, buffer);
      if (got == 0) {
        co_await guest.reaper.wait(helper.process.pid, helper.process.pidfd);
        error = error_of(helper);
      }
    }
  } catch (const base::Error& failed) {
    error = failed.what();
  }
  const bool ready = error.empty();
  co_await answer_stream(*stream, std::move(error));
  if (!ready) {
    co_await stream->close_write();
  } else if (none) {
    co_await say_none(*stream);
  } else {
    co_await relay_out(guest, stream, helper, std::move(buffer), got);
  }
}

// While the upper layer is worked on, no overlay is over it: commands that run keep what they have open.
asio::awaitable<void> serve_discard(Guest& guest, link::StreamPtr stream, link::DiscardRequest request) {
  std::string error;
  try {
    base::Fd upper = open_upper(guest, request.id);
    co_await guest.workspaces.take_down(request.id);
    try {
      co_await remove_from(guest, std::move(upper), std::move(request.paths));
    } catch (const base::Error& failed) {
      error = failed.what();
    }
    co_await guest.workspaces.put_up(request.id);
  } catch (const base::Error& failed) {
    error = failed.what();
  }
  co_await answer_stream(*stream, std::move(error));
  co_await stream->close_write();
}

}  // namespace caisson::guest
