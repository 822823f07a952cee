// SPDX-License-Identifier: Apache-2.0

// The JSON of container images: https://github.com/opencontainers/image-spec (v1.1: index, manifest, config), and the
// docker image specification v1.2 for the manifest.json of `docker save`.

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "image/digest.h"
#include "image/oci.h"

namespace caisson::image {
namespace {

constexpr size_t kMaxDescriptors = 1024;
constexpr size_t kMaxLayers = 512;
constexpr size_t kMaxStrings = 4096;
constexpr size_t kMaxString = 128U << 10;

constexpr std::string_view kTagKey = "org.opencontainers.image.ref.name";

const base::Json& member(const base::Json& object, const char* key) {
  static const base::Json kMissing;
  const auto found = object.find(key);
  return found == object.end() ? kMissing : *found;
}

std::string string_of(const base::Json& value, const char* what) {
  if (value.is_null()) return {};
  if (!value.is_string()) throw base::Error(std::string("the image's ") + what + " is not a string");
  auto text = value.get<std::string>();
  if (text.size() > kMaxString) throw base::Error(std::string("the image's ") + what + " is too long");
  if (text.find('\0') != std::string::npos) throw base::Error(std::string("the image's ") + what + " has a NUL byte");
  return text;
}

std::vector<std::string> strings_of(const base::Json& value, const char* what) {
  if (value.is_null()) return {};
  if (!value.is_array() || value.size() > kMaxStrings)
    throw base::Error(std::string("the image's ") + what + " is not a short list");
  std::vector<std::string> strings;
  for (const base::Json& one : value) strings.push_back(string_of(one, what));
  return strings;
}

std::string digest_of(const base::Json& value) {
  const std::string text = string_of(value, "digest");
  constexpr std::string_view kAlgorithm = "sha256:";
  if (!text.starts_with(kAlgorithm) || !is_digest(std::string_view(text).substr(kAlgorithm.size())))
    throw base::Error("the image has a digest that is not a SHA-256: " + base::in_quotes(text.substr(0, 100)));
  return text.substr(kAlgorithm.size());
}

Descriptor descriptor_of(const base::Json& json) {
  if (!json.is_object()) throw base::Error("the image has a descriptor that is not an object");
  Descriptor descriptor;
  descriptor.media_type = string_of(member(json, "mediaType"), "media type");
  descriptor.digest = digest_of(member(json, "digest"));
  const base::Json& size = member(json, "size");
  if (!size.is_number_unsigned()) throw base::Error("the image has a descriptor without a size");
  descriptor.size = size.get<uint64_t>();
  const base::Json& annotations = member(json, "annotations");
  if (annotations.is_object()) descriptor.tag = string_of(member(annotations, kTagKey.data()), "tag");
  const base::Json& platform = member(json, "platform");
  if (platform.is_object()) {
    descriptor.os = string_of(member(platform, "os"), "system");
    descriptor.architecture = string_of(member(platform, "architecture"), "architecture");
  }
  return descriptor;
}

bool is_tar_layer(std::string_view type) {
  for (const std::string_view begin :
       {"application/vnd.oci.image.layer.v1.tar", "application/vnd.oci.image.layer.nondistributable.v1.tar",
        "application/vnd.docker.image.rootfs.diff.tar", "application/vnd.docker.image.rootfs.foreign.diff.tar"}) {
    if (!type.starts_with(begin)) continue;
    const std::string_view end = type.substr(begin.size());
    if (end.empty() || end == "+gzip" || end == ".gzip" || end == "+zstd" || end == ".zstd") return true;
  }
  return false;
}

}  // namespace

std::vector<Descriptor> parse_index(std::string_view text) {
  const base::Json json = base::parse_json_object(text, "the image's index");
  const base::Json& manifests = member(json, "manifests");
  if (!manifests.is_array() || manifests.size() > kMaxDescriptors)
    throw base::Error("the image's index has no list of manifests");
  std::vector<Descriptor> found;
  for (const base::Json& one : manifests) found.push_back(descriptor_of(one));
  return found;
}

Descriptor choose(const std::vector<Descriptor>& descriptors, std::string_view tag, std::string_view architecture) {
  std::vector<Descriptor> fitting;
  std::vector<std::string> tags;
  for (const Descriptor& one : descriptors) {
    if (!one.tag.empty()) tags.push_back(base::escaped(one.tag));
    if (!tag.empty() && one.tag != tag) continue;
    if (!one.os.empty() && one.os != "linux") continue;
    if (!one.architecture.empty() && one.architecture != architecture) continue;
    fitting.push_back(one);
  }
  if (fitting.empty())
    throw base::Error("the image has nothing for linux/" + std::string(architecture) +
                          (tag.empty() ? "" : " with the tag " + base::in_quotes(tag)),
                      tags.empty() ? "" : "its tags: " + base::join(tags, ", "));
  const bool one_digest = std::all_of(fitting.begin(), fitting.end(),
                                      [&](const Descriptor& other) { return other.digest == fitting[0].digest; });
  if (one_digest) return fitting[0];
  // More than one variant of this architecture: the first is the one the maker prefers (image-spec, image-index).
  const bool platforms =
      std::all_of(fitting.begin(), fitting.end(), [](const Descriptor& one) { return !one.architecture.empty(); });
  if (platforms && tags.empty()) return fitting[0];
  throw base::Error("there is more than one image", "add ':TAG'; its tags: " + base::join(tags, ", "));
}

Manifest parse_manifest_v2(std::string_view text) {
  const base::Json json = base::parse_json_object(text, "the image's manifest");
  Manifest manifest;
  manifest.config = descriptor_of(member(json, "config"));
  const base::Json& layers = member(json, "layers");
  if (!layers.is_array() || layers.size() > kMaxLayers) throw base::Error("the image's manifest has no list of layers");
  for (const base::Json& one : layers) {
    manifest.layers.push_back(descriptor_of(one));
    if (!is_tar_layer(manifest.layers.back().media_type))
      throw base::Error("the image has a layer of the type " + base::in_quotes(manifest.layers.back().media_type),
                        "only tar layers, plain or with gzip or zstd, can be imported");
  }
  return manifest;
}

Configuration parse_configuration(std::string_view text) {
  const base::Json json = base::parse_json_object(text, "the image's configuration");
  Configuration parsed;
  const base::Json& rootfs = member(json, "rootfs");
  if (!rootfs.is_object()) throw base::Error("the image's configuration has no 'rootfs'");
  const base::Json& diff_ids = member(rootfs, "diff_ids");
  if (!diff_ids.is_array() || diff_ids.size() > kMaxLayers)
    throw base::Error("the image's configuration has no list of layers");
  for (const base::Json& one : diff_ids) parsed.diff_ids.push_back(digest_of(one));
  const base::Json& config = member(json, "config");
  if (config.is_null()) return parsed;
  if (!config.is_object()) throw base::Error("the image's 'config' is not an object");
  parsed.config.environment = strings_of(member(config, "Env"), "environment");
  parsed.config.user = string_of(member(config, "User"), "user");
  parsed.config.working_dir = string_of(member(config, "WorkingDir"), "working folder");
  parsed.config.entrypoint = strings_of(member(config, "Entrypoint"), "entry point");
  parsed.config.command = strings_of(member(config, "Cmd"), "command");
  return parsed;
}

DockerManifest parse_docker_manifest(std::string_view text) {
  // A list; wrapped, so that the depth and the form are checked like everything else.
  const base::Json json =
      base::parse_json_object("{\"images\":" + std::string(text) + "}", "the archive's manifest.json");
  const base::Json& images = member(json, "images");
  if (!images.is_array() || images.empty()) throw base::Error("the archive's manifest.json names no image");
  if (images.size() > 1)
    throw base::Error("the archive has " + std::to_string(images.size()) + " images",
                      "save one image into one archive");
  const base::Json& image = images[0];
  if (!image.is_object()) throw base::Error("the archive's manifest.json is not a list of objects");
  DockerManifest manifest;
  manifest.config = string_of(member(image, "Config"), "configuration");
  manifest.layers = strings_of(member(image, "Layers"), "layers");
  if (manifest.config.empty()) throw base::Error("the archive's manifest.json names no configuration");
  if (manifest.layers.size() > kMaxLayers) throw base::Error("the archive has more than 512 layers");
  return manifest;
}

}  // namespace caisson::image
