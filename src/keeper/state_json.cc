// SPDX-License-Identifier: Apache-2.0

// state.json and plan.json, strictly read, and the object that inspect prints.

#include "base/error.h"
#include "base/text.h"
#include "keeper/record.h"

namespace caisson::keeper {
namespace {

using base::Json;
using base::JsonReader;

constexpr const char* kStateName = "the sandbox's state";

Json time_to_json(const std::optional<Time>& time) {
  return time ? Json(time->time_since_epoch().count()) : Json(nullptr);
}

std::optional<Time> time_from_json(JsonReader& reader, const char* key) {
  if (reader.has(key) && reader.raw(key).is_null()) return std::nullopt;
  return Time(std::chrono::milliseconds(reader.required<int64_t>(key)));
}

Json port_to_json(const spec::PortPublish& port) {
  return Json{{"host_address", port.host_address}, {"host_port", port.host_port}, {"guest_port", port.guest_port}};
}

spec::PortPublish port_from_json(const Json& json) {
  JsonReader reader(json, "a published port");
  spec::PortPublish port;
  port.host_address = reader.required<std::string>("host_address");
  port.host_port = reader.required<uint16_t>("host_port");
  port.guest_port = reader.required<uint16_t>("guest_port");
  reader.finish();
  return port;
}

Json wall_part_to_json(const engine::WallPart& part) {
  return Json{{"name", part.name}, {"stands", part.stands}, {"detail", part.detail}};
}

engine::WallPart wall_part_from_json(const Json& json) {
  JsonReader reader(json, "a part of the wall");
  engine::WallPart part;
  part.name = reader.required<std::string>("name");
  part.stands = reader.required<bool>("stands");
  part.detail = reader.required<std::string>("detail");
  reader.finish();
  return part;
}

Json share_to_json(const ShareState& share) {
  return Json{{"id", share.id}, {"pid", share.pid}, {"lost", share.lost}};
}

ShareState share_from_json(const Json& json) {
  JsonReader reader(json, "a workspace's server");
  ShareState share;
  share.id = reader.required<uint32_t>("id");
  share.pid = reader.required<int64_t>("pid");
  share.lost = reader.required<std::string>("lost");
  reader.finish();
  return share;
}

// The workspaces as inspect shows them: what was asked for, and what serves each.
Json workspaces_to_json(const Sandbox& sandbox) {
  Json list = spec::to_json(sandbox.spec)["workspaces"];
  for (Json& workspace : list) {
    workspace["pid"] = 0;
    workspace["lost"] = "";
    for (const ShareState& share : sandbox.state.shares) {
      if (workspace["id"] == share.id) workspace.update(share_to_json(share));
    }
  }
  return list;
}

Json changes_to_json(const ChangesState& changes) {
  return Json{{"id", changes.id},
              {"known", changes.known},
              {"changed", changes.changed},
              {"added", changes.added},
              {"removed", changes.removed},
              {"commits", changes.commits},
              {"elsewhere", changes.elsewhere},
              {"uncommitted", changes.uncommitted}};
}

ChangesState changes_from_json(const Json& json) {
  JsonReader reader(json, "a workspace's changes");
  ChangesState changes;
  changes.id = reader.required<uint32_t>("id");
  changes.known = reader.required<bool>("known");
  changes.changed = reader.required<uint64_t>("changed");
  changes.added = reader.required<uint64_t>("added");
  changes.removed = reader.required<uint64_t>("removed");
  // A sandbox that is older than these has none.
  changes.commits = reader.optional<uint64_t>("commits", 0);
  changes.elsewhere = reader.optional<uint64_t>("elsewhere", 0);
  changes.uncommitted = reader.optional<uint64_t>("uncommitted", 0);
  reader.finish();
  return changes;
}

template <typename Item, typename Function>
Json list_to_json(const std::vector<Item>& items, Function function) {
  Json list = Json::array();
  for (const Item& item : items) list.push_back(function(item));
  return list;
}

template <typename Function>
auto list_from_json(const Json& json, Function function) {
  if (!json.is_array()) throw base::Error(std::string(kStateName) + ": a list is not a list");
  std::vector<decltype(function(json))> items;
  for (const Json& item : json) items.push_back(function(item));
  return items;
}

Status status_from(const std::string& text) {
  for (const Status status : {Status::kCreated, Status::kRunning, Status::kStopped}) {
    if (text == to_string(status)) return status;
  }
  throw base::Error(std::string(kStateName) + ": " + base::in_quotes(text) + " is not a status");
}

}  // namespace

std::string_view to_string(Status status) {
  switch (status) {
    case Status::kCreated:
      return "created";
    case Status::kRunning:
      return "running";
    case Status::kStopped:
      return "stopped";
  }
  return "unknown";
}

Json to_json(const State& state) {
  return Json{{"status", to_string(state.status)},
              {"accelerator", state.accelerator},
              {"created_unix_ms", time_to_json(state.created)},
              {"started_unix_ms", time_to_json(state.started)},
              {"ended_unix_ms", time_to_json(state.ended)},
              {"exit_code", state.exit_code ? Json(*state.exit_code) : Json(nullptr)},
              {"reason", state.reason},
              {"paused", state.paused},
              {"notes", state.notes},
              {"keeper_pid", state.keeper_pid},
              {"engine_pid", state.engine_pid},
              {"ports", list_to_json(state.ports, port_to_json)},
              {"wall", list_to_json(state.wall, wall_part_to_json)},
              {"shares", list_to_json(state.shares, share_to_json)},
              {"changes", list_to_json(state.changes, changes_to_json)},
              {"stages_us", state.stages_us},
              {"network_bytes", state.network_bytes},
              {"refusals", to_json(state.refusals)},
              {"connections", to_json(state.uses)}};
}

State state_from_json(const Json& json) {
  JsonReader reader(json, kStateName);
  State state;
  state.status = status_from(reader.required<std::string>("status"));
  state.accelerator = reader.required<std::string>("accelerator");
  state.created = Time(std::chrono::milliseconds(reader.required<int64_t>("created_unix_ms")));
  state.started = time_from_json(reader, "started_unix_ms");
  state.ended = time_from_json(reader, "ended_unix_ms");
  if (!reader.raw("exit_code").is_null()) state.exit_code = reader.required<int>("exit_code");
  state.reason = reader.required<std::string>("reason");
  state.paused = reader.required<std::string>("paused");
  state.notes = reader.required<std::vector<std::string>>("notes");
  state.keeper_pid = reader.required<int64_t>("keeper_pid");
  state.engine_pid = reader.required<int64_t>("engine_pid");
  state.ports = list_from_json(reader.raw("ports"), port_from_json);
  state.wall = list_from_json(reader.raw("wall"), wall_part_from_json);
  state.shares = list_from_json(reader.raw("shares"), share_from_json);
  state.changes = list_from_json(reader.raw("changes"), changes_from_json);
  state.stages_us = reader.required<Stages>("stages_us");
  // A sandbox that is older has none.
  state.network_bytes = reader.optional<uint64_t>("network_bytes", 0);
  state.refusals = refusals_from_json(reader.raw("refusals"));
  state.uses = gate::uses_from_json(reader.raw("connections"));
  reader.finish();
  return state;
}

Json to_json(const engine::Plan& plan) {
  return Json{{"engine", plan.engine}, {"spec", spec::to_json(plan.spec)}, {"details", plan.details}};
}

engine::Plan plan_from_json(const Json& json) {
  JsonReader reader(json, "the sandbox's plan");
  engine::Plan plan;
  plan.engine = reader.required<std::string>("engine");
  plan.spec = spec::spec_from_json(reader.raw("spec"));
  plan.details = reader.raw("details");
  if (!plan.details.is_object()) throw base::Error("the sandbox's plan: the key 'details' has a wrong type or range");
  reader.finish();
  return plan;
}

Json to_json(const Sandbox& sandbox) {
  if (!sandbox.problem.empty())
    return Json{{"name", sandbox.name}, {"folder", sandbox.folder}, {"status", "broken"}, {"problem", sandbox.problem}};
  Json json = to_json(sandbox.state);
  json["name"] = sandbox.name;
  json["folder"] = sandbox.folder;
  json["socket"] = sandbox.socket;
  json["engine"] = sandbox.engine;
  json["image"] = sandbox.spec.image;
  json["image_digest"] = sandbox.image_digest;
  json["workspaces"] = workspaces_to_json(sandbox);
  json["spec"] = spec::to_json(sandbox.spec);
  json["config"] = json["spec"]["config"];
  return json;
}

}  // namespace caisson::keeper
