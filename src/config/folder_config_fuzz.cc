// SPDX-License-Identifier: Apache-2.0

// A folder's configuration, which anybody may have written: what is taken is within its bounds, makes a spec that
// passes, and is shown as printable ASCII.

#include <cstdint>
#include <cstdlib>

#include "base/error.h"
#include "config/effects.h"
#include "config/folder_config.h"

namespace {

using namespace caisson;

void require(bool holds) {
  if (!holds) std::abort();
}

bool is_printable(std::string_view text) {
  for (const char c : text) {
    if (c < 0x20 || c > 0x7E) return false;
  }
  return true;
}

void check(const config::FolderConfig& config) {
  require(config.setup.size() <= config::kMostSetups && config.ports.size() <= config::kMostPorts);
  require(config.masks.size() <= config::kMostPatterns && config.unmasks.size() <= config::kMostPatterns);
  require(config.environment.size() <= config::kMostVariables);
  if (config.network)
    require(config.network->allow.size() <= config::kMostRules && config.network->deny.size() <= config::kMostRules);
  spec::SandboxSpec spec;
  spec.name = "x";
  spec.image = config.image.value_or(spec.image);
  spec.memory = config.memory.value_or(spec.memory);
  spec.cpus = config.cpus.value_or(spec.cpus);
  spec.disk = config.disk.value_or(spec.disk);
  spec.pids = config.pids.value_or(spec.pids);
  spec.timeout = config.timeout;
  spec.ports = config.ports;
  spec.masks = config.masks;
  spec.unmasks = config.unmasks;
  spec.environment = config.environment;
  spec::validate(spec);
  for (const config::Effect& effect : config::effects_of(config)) require(is_printable(effect.text));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  config::FolderConfig config;
  try {
    config = config::parse_folder_config({reinterpret_cast<const char*>(data), size}, ".caisson.toml");
  } catch (const caisson::base::Error&) {
    return 0;  // refused, in words
  }
  check(config);
  return 0;
}
