// SPDX-License-Identifier: Apache-2.0

// The JSON of container images. The first byte says which document the rest is.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "image/oci.h"

namespace image = caisson::image;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  try {
    switch (data[0] % 4) {
      case 0:
        image::choose(image::parse_index(text), "", "amd64");
        break;
      case 1:
        image::parse_manifest_v2(text);
        break;
      case 2:
        image::parse_configuration(text);
        break;
      default:
        image::parse_docker_manifest(text);
        break;
    }
  } catch (const caisson::base::Error&) {
  }
  return 0;
}
