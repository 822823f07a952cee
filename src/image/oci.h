// SPDX-License-Identifier: Apache-2.0

// Reads container images from folders: OCI image layouts (image-spec v1.1) and unpacked docker archives (`docker
// save`). Everything read is foreign: JSON is bounded and its types are strict (unknown keys are allowed, the
// specification demands it), names of blobs come from checked digests only, and each blob's size and digest are
// compared with its descriptor.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "image/image_config.h"

namespace caisson::image {

struct OciLayer {
  std::string path;
  std::string diff_id;  // SHA-256 of the uncompressed tar, from the image's configuration
  uint64_t size = 0;    // as stored
};

struct OciImage {
  ImageConfig config;
  std::vector<OciLayer> layers;  // bottom to top
};

// `tag`: the org.opencontainers.image.ref.name to take, "" for the only one. An index of platforms is followed to linux
// and `architecture` (OCI's word, "amd64"). `tick` is told the bytes digested so far.
OciImage read_oci_layout(const std::string& folder, std::string_view tag, std::string_view architecture,
                         const std::function<void(uint64_t)>& tick = {});
OciImage read_docker_archive(const std::string& folder);

// This machine's architecture in OCI's word.
std::string oci_architecture();

// The pure parts, for tests and fuzzing.
struct Descriptor {
  std::string media_type;
  std::string digest;  // 64 hexadecimal digits, SHA-256 only
  uint64_t size = 0;
  std::string tag;
  std::string os;
  std::string architecture;
};
std::vector<Descriptor> parse_index(std::string_view text);
// The one that is meant; throws when there is none or more than one.
Descriptor choose(const std::vector<Descriptor>& descriptors, std::string_view tag, std::string_view architecture);
struct Manifest {
  Descriptor config;
  std::vector<Descriptor> layers;
};
Manifest parse_manifest_v2(std::string_view text);
struct Configuration {
  ImageConfig config;
  std::vector<std::string> diff_ids;
};
Configuration parse_configuration(std::string_view text);
struct DockerManifest {
  std::string config;
  std::vector<std::string> layers;
};
DockerManifest parse_docker_manifest(std::string_view text);

}  // namespace caisson::image
