// SPDX-License-Identifier: Apache-2.0

#include "image/image_config.h"

namespace caisson::image {

base::Json to_json(const ImageConfig& config) {
  return {{"environment", config.environment},
          {"user", config.user},
          {"working_dir", config.working_dir},
          {"entrypoint", config.entrypoint},
          {"command", config.command}};
}

ImageConfig config_from_json(const base::Json& json) {
  base::JsonReader reader(json, "image configuration");
  using Strings = std::vector<std::string>;
  ImageConfig config;
  config.environment = reader.optional<Strings>("environment", {});
  config.user = reader.optional<std::string>("user", "");
  config.working_dir = reader.optional<std::string>("working_dir", "");
  config.entrypoint = reader.optional<Strings>("entrypoint", {});
  config.command = reader.optional<Strings>("command", {});
  reader.finish();
  return config;
}

}  // namespace caisson::image
