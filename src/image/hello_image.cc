// SPDX-License-Identifier: Apache-2.0

#include "image/hello_image.h"

#include "base/file.h"
#include "base/install.h"
#include "base/json_reader.h"
#include "image/digest.h"
#include "image/oci.h"
#include "image/tar_writer.h"

namespace caisson::image {

std::string make_hello_archive(std::string_view program, std::string_view architecture) {
  TarWriter layer_writer;
  layer_writer.file("hello", program, 0755);
  const std::string layer = layer_writer.finish();
  const base::Json config = {
      {"architecture", architecture},
      {"os", "linux"},
      {"created", "1970-01-01T00:00:00Z"},
      {"config", {{"Cmd", {"/hello"}}, {"Env", {"PATH=/"}}, {"WorkingDir", "/"}}},
      {"rootfs", {{"type", "layers"}, {"diff_ids", {"sha256:" + sha256(layer)}}}},
      {"history", {{{"created", "1970-01-01T00:00:00Z"}, {"created_by", "caisson-hello"}}}},
  };
  const std::string config_text = base::to_line(config);
  const std::string config_name = sha256(config_text) + ".json";
  const base::Json image = {{"Config", config_name}, {"RepoTags", {kHelloTag}}, {"Layers", {"layer.tar"}}};
  TarWriter archive;
  archive.file(config_name, config_text);
  archive.file("layer.tar", layer);
  archive.file("manifest.json", base::to_line(base::Json::array({image})));
  return archive.finish();
}

std::string make_hello_archive() {
  return make_hello_archive(base::read_file(base::helper_program("caisson-hello")), oci_architecture());
}

}  // namespace caisson::image
