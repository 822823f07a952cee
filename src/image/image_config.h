// SPDX-License-Identifier: Apache-2.0

// What an image says about how its programs want to be run; the part of an OCI image configuration that Caisson uses.
#pragma once

#include <string>
#include <vector>

#include "base/json_reader.h"

namespace caisson::image {

struct ImageConfig {
  std::vector<std::string> environment;  // "K=V"
  std::string user;                      // "", "name", "uid", "uid:gid"
  std::string working_dir;
  std::vector<std::string> entrypoint;
  std::vector<std::string> command;

  bool operator==(const ImageConfig&) const = default;
};

base::Json to_json(const ImageConfig& config);
// Our own form: strict, unknown keys refused.
ImageConfig config_from_json(const base::Json& json);

}  // namespace caisson::image
