// SPDX-License-Identifier: Apache-2.0

// A spec as JSON (spec.json in a sandbox's folder, the API): every key is always written, and reading refuses what
// validate() refuses.

#include "base/error.h"
#include "spec/sandbox_spec.h"

namespace caisson::spec {
namespace {

using base::Json;
using base::JsonReader;

Json port_to_json(const PortPublish& port) {
  return Json{{"host_address", port.host_address}, {"host_port", port.host_port}, {"guest_port", port.guest_port}};
}

PortPublish port_from_json(const Json& json) {
  JsonReader reader(json, "a published port");
  PortPublish port;
  port.host_address = reader.required<std::string>("host_address");
  port.host_port = reader.required<uint16_t>("host_port");
  port.guest_port = reader.required<uint16_t>("guest_port");
  reader.finish();
  return port;
}

Json network_to_json(const Network& network) {
  return Json{{"preset", network.preset},
              {"bytes_per_second", network.bytes_per_second.count},
              {"total_bytes", network.total.count},
              {"connections", network.connections}};
}

Network network_from_json(const Json& json) {
  JsonReader reader(json, "the network");
  Network network;
  network.preset = reader.required<std::string>("preset");
  network.bytes_per_second.count = reader.required<uint64_t>("bytes_per_second");
  network.total.count = reader.required<uint64_t>("total_bytes");
  network.connections = reader.required<unsigned>("connections");
  reader.finish();
  return network;
}

Json workspace_to_json(const Workspace& workspace) {
  return Json{{"id", workspace.id},
              {"host", workspace.host},
              {"guest", workspace.guest},
              {"mode", to_string(workspace.mode)},
              {"file", workspace.file}};
}

Workspace workspace_from_json(const Json& json) {
  JsonReader reader(json, "a workspace");
  Workspace workspace;
  workspace.id = reader.required<uint32_t>("id");
  workspace.host = reader.required<std::string>("host");
  workspace.guest = reader.required<std::string>("guest");
  const auto mode = workspace_mode_from(reader.required<std::string>("mode"));
  if (!mode) throw base::Error("a workspace: the key 'mode' has a wrong type or range");
  workspace.mode = *mode;
  workspace.file = reader.required<bool>("file");
  reader.finish();
  return workspace;
}

Json config_to_json(const ConfigSource& config) {
  return Json{{"path", config.path}, {"digest", config.digest}};
}

ConfigSource config_from_json(const Json& json) {
  JsonReader reader(json, "the sandbox's configuration");
  ConfigSource config;
  config.path = reader.required<std::string>("path");
  config.digest = reader.required<std::string>("digest");
  reader.finish();
  return config;
}

Json command_to_json(const Command& command) {
  return Json{{"argv", command.argv},
              {"user", command.user},
              {"folder", command.folder},
              {"tty", command.tty},
              {"keep_stdin", command.keep_stdin},
              {"rows", command.rows},
              {"columns", command.columns}};
}

Command command_from_json(const Json& json) {
  JsonReader reader(json, "the command");
  Command command;
  command.argv = reader.required<std::vector<std::string>>("argv");
  command.user = reader.optional<std::string>("user", "");
  command.folder = reader.optional<std::string>("folder", "");
  command.tty = reader.optional<bool>("tty", false);
  command.keep_stdin = reader.optional<bool>("keep_stdin", false);
  command.rows = reader.optional<uint16_t>("rows", command.rows);
  command.columns = reader.optional<uint16_t>("columns", command.columns);
  reader.finish();
  return command;
}

}  // namespace

Json to_json(const SandboxSpec& spec) {
  Json ports = Json::array();
  for (const PortPublish& port : spec.ports) ports.push_back(port_to_json(port));
  Json workspaces = Json::array();
  for (const Workspace& workspace : spec.workspaces) workspaces.push_back(workspace_to_json(workspace));
  return Json{{"name", spec.name},
              {"image", spec.image},
              {"engine", spec.engine},
              {"cpus", spec.cpus},
              {"memory_bytes", spec.memory.count},
              {"disk_bytes", spec.disk.count},
              {"pids", spec.pids},
              {"timeout_seconds", spec.timeout ? Json(spec.timeout->count()) : Json(nullptr)},
              {"environment", spec.environment},
              {"ports", std::move(ports)},
              {"network", network_to_json(spec.network)},
              {"workspaces", std::move(workspaces)},
              {"masks", spec.masks},
              {"unmasks", spec.unmasks},
              {"config", spec.config ? config_to_json(*spec.config) : Json(nullptr)},
              {"command", command_to_json(spec.command)},
              {"remove_at_end", spec.remove_at_end}};
}

SandboxSpec spec_from_json(const Json& json) {
  JsonReader reader(json, "the sandbox's spec");
  SandboxSpec spec;
  spec.name = reader.required<std::string>("name");
  spec.image = reader.optional<std::string>("image", spec.image);
  spec.engine = reader.optional<std::string>("engine", spec.engine);
  spec.cpus = reader.optional<unsigned>("cpus", spec.cpus);
  spec.memory.count = reader.optional<uint64_t>("memory_bytes", spec.memory.count);
  spec.disk.count = reader.optional<uint64_t>("disk_bytes", spec.disk.count);
  spec.pids = reader.optional<unsigned>("pids", spec.pids);
  if (reader.has("timeout_seconds") && !reader.raw("timeout_seconds").is_null()) {
    spec.timeout = std::chrono::seconds(reader.required<int64_t>("timeout_seconds"));
  }
  spec.environment = reader.optional<std::vector<std::string>>("environment", {});
  if (reader.has("ports")) {
    const Json& ports = reader.raw("ports");
    if (!ports.is_array()) throw base::Error("the sandbox's spec: the key 'ports' has a wrong type or range");
    for (const Json& port : ports) spec.ports.push_back(port_from_json(port));
  }
  if (reader.has("network")) spec.network = network_from_json(reader.raw("network"));
  if (reader.has("workspaces")) {
    const Json& workspaces = reader.raw("workspaces");
    if (!workspaces.is_array()) throw base::Error("the sandbox's spec: the key 'workspaces' has a wrong type or range");
    for (const Json& workspace : workspaces) spec.workspaces.push_back(workspace_from_json(workspace));
  }
  spec.masks = reader.optional<std::vector<std::string>>("masks", {});
  spec.unmasks = reader.optional<std::vector<std::string>>("unmasks", {});
  if (reader.has("config") && !reader.raw("config").is_null()) spec.config = config_from_json(reader.raw("config"));
  if (reader.has("command")) spec.command = command_from_json(reader.raw("command"));
  spec.remove_at_end = reader.optional<bool>("remove_at_end", spec.remove_at_end);
  reader.finish();
  validate(spec);
  return spec;
}

}  // namespace caisson::spec
