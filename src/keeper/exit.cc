// SPDX-License-Identifier: Apache-2.0

#include "keeper/exit.h"

#include "base/error.h"

namespace caisson::keeper {
namespace {

std::string times(uint64_t count) {
  return count == 1 ? "once" : std::to_string(count) + " times";
}

}  // namespace

base::Json to_json(const KeeperExit& exit) {
  base::Json json{{"code", exit.code}, {"signal", exit.signal}, {"notes", exit.notes}, {"stages_us", exit.stages_us}};
  if (!exit.allow.empty()) json["allow"] = exit.allow;
  if (!exit.own_networks.empty()) json["own_networks"] = exit.own_networks;
  return json;
}

KeeperExit exit_from_json(const base::Json& json) {
  base::JsonReader reader(json, "the end of a command");
  KeeperExit exit;
  exit.code = reader.required<int>("code");
  exit.signal = reader.required<int>("signal");
  exit.notes = reader.required<std::vector<std::string>>("notes");
  exit.stages_us = reader.required<Stages>("stages_us");
  exit.allow = reader.optional<std::vector<std::string>>("allow", {});
  exit.own_networks = reader.optional<std::vector<std::string>>("own_networks", {});
  reader.finish();
  if (exit.code < 0 || exit.code > 255)
    throw base::Error("the end of a command: the key 'code' has a wrong type or range");
  return exit;
}

KeeperExit make_exit(const link::ExecResult& result, const LimitWords& limits) {
  KeeperExit exit;
  exit.signal = result.signal;
  // Both come from the guest.
  exit.code = result.signal != 0 ? 128 + (result.signal & 127) : result.code & 255;
  if (result.oom_kills != 0) {
    exit.notes.push_back("memory ran out: the sandbox's kernel ended " + std::to_string(result.oom_kills) +
                         (result.oom_kills == 1 ? " process" : " processes") + " (the limit is " + limits.memory +
                         ", --memory)");
  }
  if (result.pids_refused != 0 && limits.pids != 0)
    exit.notes.push_back("the process limit of " + std::to_string(limits.pids) + " was hit " +
                         times(result.pids_refused) + " (--pids)");
  if (result.disk_full) exit.notes.push_back("the sandbox's disk is full (the limit is " + limits.disk + ", --disk)");
  return exit;
}

}  // namespace caisson::keeper
