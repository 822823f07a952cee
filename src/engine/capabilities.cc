// SPDX-License-Identifier: Apache-2.0

#include "engine/engine.h"

namespace caisson::engine {

base::Json to_json(const Capabilities& c) {
  return {{"own_kernel", c.own_kernel},
          {"own_docker_engine", c.own_docker_engine},
          {"file_system_isolation", c.file_system_isolation},
          {"process_isolation", c.process_isolation},
          {"network_isolation", c.network_isolation},
          {"transparent_egress", c.transparent_egress},
          {"limits_cpu", c.limits_cpu},
          {"limits_memory", c.limits_memory},
          {"limits_disk", c.limits_disk},
          {"limits_pids", c.limits_pids},
          {"snapshots", c.snapshots},
          {"needs_root", c.needs_root}};
}

}  // namespace caisson::engine
