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

// Of a workspace, on the disk: "" for the folder that holds its layers. Throws where the workspace has none.
base::Fd open_kept(const Guest& guest, uint32_t id, const std::string& below) {
  const std::string path = "workspaces/" + std::to_string(id) + below;
  base::Fd folder;
  if (guest.anchors.disk) folder = open_below(guest.anchors.disk, path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!folder) throw base::Error("the workspace " + std::to_string(id) + " keeps no changes");
  return folder;
}

asio::awaitable<void> say_none(link::Stream& stream) {
  std::string end;
  link::encode_change({}, end);
  const std::span<const uint8_t> bytes(reinterpret_cast<const uint8_t*>(end.data()), end.size());
  co_await stream.write(bytes);
  co_await stream.close_write();
}

HelperPlan plan_list(base::Fd upper, bool content) {
  HelperPlan plan{.what = "the list of changes", .argv = {"caisson-init", "changes", content ? "content" : "names"}};
  plan.in = std::move(upper);
  return plan;
}

HelperPlan plan_discard(base::Fd layers, const std::vector<std::string>& paths) {
  HelperPlan plan{.what = "the removal of changes", .argv = {"caisson-init", "discard"}};
  for (const std::string& path : paths) plan.argv.push_back(base::hex(path));
  plan.in = std::move(layers);
  return plan;
}

// What the helper said on its way out, "" when all went well.
asio::awaitable<std::string> run_helper(Guest& guest, HelperPlan plan) {
  Helper helper;
  const base::Scope end([&] { end_helper(guest, helper); });
  helper = co_await start_helper(guest, std::move(plan));
  const base::ExitStatus status = co_await guest.reaper.wait(helper.process.pid, helper.process.pidfd);
  helper.process.pidfd.reset();
  co_return status.ok() ? std::string() : error_of(helper);
}

}  // namespace

// A list that cannot be made says so in its last record: nobody needs to wait for its first.
asio::awaitable<void> serve_changes(Guest& guest, link::StreamPtr stream, link::ChangesRequest request) {
  Helper helper;
  const base::Scope end([&] { end_helper(guest, helper); });
  bool none = false;
  std::string error;
  try {
    base::Fd upper = open_kept(guest, request.id, "/upper");
    none = !has_entries(upper);
    if (!none) {
      HelperPlan plan = plan_list(std::move(upper), request.content);
      helper = co_await start_helper(guest, std::move(plan));
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
    std::vector<uint8_t> buffer(kHelperChunkBytes);
    co_await relay_out(guest, stream, helper, std::move(buffer), 0);
  }
}

asio::awaitable<void> serve_discard(Guest& guest, link::StreamPtr stream, link::DiscardRequest request) {
  std::string error;
  try {
    HelperPlan plan = plan_discard(open_kept(guest, request.id, ""), request.paths);
    error = co_await run_helper(guest, std::move(plan));
    // Of a part, too.
    co_await guest.workspaces.forget_names(request.id);
  } catch (const base::Error& failed) {
    error = failed.what();
  }
  co_await answer_stream(*stream, std::move(error));
  co_await stream->close_write();
}

}  // namespace caisson::guest
