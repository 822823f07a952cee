// SPDX-License-Identifier: Apache-2.0

#include "image/oci.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/text.h"
#include "image/digest.h"

namespace caisson::image {
namespace {

constexpr size_t kMaxJson = 4U << 20;
// An index may name an index (of platforms); more than that is nobody's practice.
constexpr int kMaxIndexDepth = 3;

// A regular file of the image's folder. Links that lead out of it are refused, so a blob can't be any file of the host.
base::Fd open_inside(const base::Fd& folder, const std::string& path) {
  open_how how{};
  how.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  base::Fd file(static_cast<int>(::syscall(SYS_openat2, folder.get(), path.c_str(), &how, sizeof how)));
  if (!file) throw base::system_error("cannot open the image's file", path, errno, "is the image complete?");
  struct stat info {};
  if (::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode))
    throw base::Error("the image's " + base::in_quotes(path) + " is not a regular file");
  return file;
}

class Layout {
 public:
  Layout(const std::string& path, const std::function<void(uint64_t)>& tick)
      : path_(path), folder_(base::open_file(path, O_RDONLY | O_DIRECTORY)), tick_(tick) {}

  std::string text(const std::string& name) const {
    return base::read_all(open_inside(folder_, name).get(), kMaxJson, name);
  }

  // A blob whose digest is checked, as text.
  std::string blob_text(const Descriptor& descriptor) const {
    std::string content = text(blob_name(descriptor));
    if (content.size() != descriptor.size || sha256(content) != descriptor.digest) throw changed(descriptor);
    return content;
  }

  std::string checked_blob(const Descriptor& descriptor) {
    const std::string name = blob_name(descriptor);
    const base::Fd file = open_inside(folder_, name);
    struct stat info {};
    if (::fstat(file.get(), &info) != 0) throw base::system_error("cannot look at", name);
    if (static_cast<uint64_t>(info.st_size) != descriptor.size) throw changed(descriptor);
    const std::string found = sha256_file(file.get(), name, [&](uint64_t so_far) {
      if (tick_) tick_(before_ + so_far);
    });
    before_ += descriptor.size;
    if (found != descriptor.digest) throw changed(descriptor);
    return path_ + "/" + name;
  }

  std::string plain_file(const std::string& name, uint64_t& size) const {
    const base::Fd file = open_inside(folder_, name);
    struct stat info {};
    if (::fstat(file.get(), &info) == 0) size = static_cast<uint64_t>(info.st_size);
    return path_ + "/" + name;
  }

 private:
  static std::string blob_name(const Descriptor& descriptor) { return "blobs/sha256/" + descriptor.digest; }
  static base::Error changed(const Descriptor& descriptor) {
    return base::Error("the image's blob sha256:" + descriptor.digest + " does not have this digest or its size",
                       "the image is damaged; get it again");
  }

  std::string path_;
  base::Fd folder_;
  std::function<void(uint64_t)> tick_;
  uint64_t before_ = 0;
};

bool is_index(const Descriptor& descriptor) {
  return descriptor.media_type == "application/vnd.oci.image.index.v1+json" ||
         descriptor.media_type == "application/vnd.docker.distribution.manifest.list.v2+json";
}

void check_layout_version(const Layout& layout) {
  const base::Json json = base::parse_json_object(layout.text("oci-layout"), "the image's oci-layout");
  const auto version = json.find("imageLayoutVersion");
  if (version == json.end() || !version->is_string() || *version != "1.0.0")
    throw base::Error("the image's layout has a version that is not 1.0.0");
}

void require_same_count(size_t layers, size_t diff_ids) {
  if (layers != diff_ids)
    throw base::Error("the image has " + std::to_string(layers) + " layers, but its configuration speaks of " +
                      std::to_string(diff_ids));
}

}  // namespace

std::string oci_architecture() {
  utsname names{};
  ::uname(&names);
  const std::string_view machine = names.machine;
  if (machine == "x86_64") return "amd64";
  if (machine == "aarch64") return "arm64";
  return std::string(machine);
}

OciImage read_oci_layout(const std::string& folder, std::string_view tag, std::string_view architecture,
                         const std::function<void(uint64_t)>& tick) {
  Layout layout(folder, tick);
  check_layout_version(layout);
  Descriptor chosen = choose(parse_index(layout.text("index.json")), tag, architecture);
  for (int depth = 0; is_index(chosen); ++depth) {
    if (depth == kMaxIndexDepth) throw base::Error("the image's indexes are too deep");
    chosen = choose(parse_index(layout.blob_text(chosen)), "", architecture);
  }
  const Manifest manifest = parse_manifest_v2(layout.blob_text(chosen));
  const Configuration configuration = parse_configuration(layout.blob_text(manifest.config));
  require_same_count(manifest.layers.size(), configuration.diff_ids.size());
  OciImage image;
  image.config = configuration.config;
  for (size_t i = 0; i < manifest.layers.size(); ++i) {
    const Descriptor& layer = manifest.layers[i];
    image.layers.push_back({layout.checked_blob(layer), configuration.diff_ids[i], layer.size});
  }
  return image;
}

OciImage read_docker_archive(const std::string& folder) {
  const Layout layout(folder, {});
  const DockerManifest manifest = parse_docker_manifest(layout.text("manifest.json"));
  const std::string text = layout.text(manifest.config);
  // "<digest>.json" or "blobs/sha256/<digest>"
  std::string digest = manifest.config.substr(manifest.config.rfind('/') + 1);
  if (digest.ends_with(".json")) digest.resize(digest.size() - 5);
  if (!is_digest(digest) || sha256(text) != digest)
    throw base::Error(
        "the archive's configuration " + base::in_quotes(manifest.config) + " does not have the digest it is named by",
        "the archive is damaged; save it again");
  const Configuration configuration = parse_configuration(text);
  require_same_count(manifest.layers.size(), configuration.diff_ids.size());
  OciImage image;
  image.config = configuration.config;
  for (size_t i = 0; i < manifest.layers.size(); ++i) {
    OciLayer layer;
    layer.path = layout.plain_file(manifest.layers[i], layer.size);
    layer.diff_id = configuration.diff_ids[i];
    image.layers.push_back(std::move(layer));
  }
  return image;
}

}  // namespace caisson::image
