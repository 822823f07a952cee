// SPDX-License-Identifier: Apache-2.0

#include "image/base_image.h"

#include <filesystem>

#include "base/disk_space.h"
#include "base/error.h"
#include "base/file.h"
#include "base/paths.h"
#include "base/text.h"
#include "image/apt_sources.h"
#include "image/bootstrap.h"
#include "image/digest.h"
#include "image/hello_image.h"
#include "image/image_builder.h"
#include "image/lock_wait.h"
#include "image/tar_writer.h"
#include "image/work_folder.h"

namespace caisson::image {
namespace {

constexpr const char* kSuite = "bookworm";
// Raised when something of the image changes that the recipe does not show.
constexpr int kRecipeVersion = 1;

// In the new system, after the packages. "$1" is its root.
const std::vector<std::string>& hooks() {
  static const std::vector<std::string> kHooks = {
      "chroot \"$1\" groupadd --gid 1000 agent",
      "chroot \"$1\" useradd --uid 1000 --gid 1000 --groups docker --create-home --shell /bin/bash agent",
      // Settings that only this run needed: see apt_fetch_settings().
      "rm -f \"$1\"/etc/apt/apt.conf.d/99mmdebstrap",
  };
  return kHooks;
}

// A sandbox's disk need not survive a power cut in the middle of an installation, and the fsync after each file is most
// of the time that dpkg takes.
const std::vector<std::string>& dpkg_settings() {
  static const std::vector<std::string> kSettings = {"force-unsafe-io"};
  return kSettings;
}

// What lies over the system that mmdebstrap made.
std::string overlay_tar() {
  TarWriter overlay;
  overlay.file("etc/hostname", "caisson\n");
  overlay.file("etc/hosts", "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n");
  overlay.file("etc/machine-id", "", 0444);  // init writes each sandbox's own
  overlay.file("etc/resolv.conf", "");       // likewise; a plain file, never a link
  overlay.file("etc/sudoers.d/caisson", "agent ALL=(ALL:ALL) NOPASSWD: ALL\n", 0440);
  overlay.folder("usr/share/caisson");
  overlay.file(kHelloArchive.substr(1), make_hello_archive());
  return overlay.finish();
}

ImageConfig base_config() {
  ImageConfig config;
  config.environment = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"};
  config.user = kBaseUser;
  config.working_dir = "/home/agent";
  return config;
}

// Nothing also for a record that cannot be read: it is made again.
std::optional<ImageRecord> current_base(const ImageStore& store) {
  try {
    auto record = store.find(kBaseName);
    if (record && record->recipe == base_recipe()) return record;
  } catch (const BadRecord&) {
  }
  return std::nullopt;
}

// A truncated file would be noticed only by the guest, as errors of reading somewhere. Its size is what a start can
// afford to compare; `caisson image verify` reads it.
ImageRecord whole(const ImageStore& store, ImageRecord record) {
  std::error_code error;
  const std::string path = store.path_of(record.digest);
  const uint64_t size = std::filesystem::file_size(path, error);
  if (error) throw base::Error("cannot look at the image " + base::in_quotes(record.name) + ": " + error.message());
  if (size == record.size.count) return record;
  throw base::Error("the image " + base::in_quotes(record.name) + " is damaged: its file has " + std::to_string(size) +
                        " bytes instead of " + std::to_string(record.size.count),
                    (record.name == kBaseName ? std::string("`caisson image build --again` makes it again")
                                              : "import it again: caisson image import " + record.name + " SOURCE") +
                        "; `caisson image verify` checks all that is stored");
}

ImageRecord make_base(ImageStore& store, base::Progress& progress) {
  base::require_space(store.cache(), kBootstrapSpace, "the base image", kBootstrapRoom);
  progress.step("making the base image");
  WorkFolder work(store.cache(), "base");
  const std::string overlay = work.path() + "/overlay.tar";
  base::write_file_atomic(overlay, overlay_tar());

  BootstrapOptions options;
  options.suite = kSuite;
  options.packages = base_packages();
  options.sources = debian_sources("/etc/apt", base::config_folder(), kSuite);
  options.settings = apt_fetch_settings();
  options.dpkg_settings = dpkg_settings();
  options.hooks = hooks();
  Bootstrap bootstrap(options, work, progress);

  UnpackJob job;
  job.tree = work.path() + "/tree";
  job.out = work.path() + "/image.erofs";
  job.layers = {{.path = "-", .whiteouts = false, .require_end = true, .diff_id = ""},
                {.path = overlay, .whiteouts = true, .require_end = true, .diff_id = ""}};
  std::filesystem::create_directory(job.tree);
  RunOptions run;
  run.input = bootstrap.tar();
  run.watch = {.fd = bootstrap.messages(), .readable = [&] { return bootstrap.read_messages(); }};
  run.idle = [&] { bootstrap.tick(); };
  std::optional<base::Error> failure;
  UnpackResult result;
  try {
    result = run_unpack(job, work, run, progress);
  } catch (const base::Error& error) {
    failure = error;
  }
  bootstrap.close_tar();
  while (bootstrap.read_messages()) {
  }
  // The maker's own failure comes first: a cut off archive is only what follows from it.
  bootstrap.finish();
  if (failure) throw *failure;

  ImageRecord record;
  record.name = kBaseName;
  record.source = std::string("Debian ") + kSuite;
  record.has_dockerd = result.has_dockerd;
  record.recipe = base_recipe();
  record.config = base_config();
  const auto size = static_cast<double>(std::filesystem::file_size(job.out));
  return store.add(record, job.out, [&](uint64_t so_far) {
    progress.update(static_cast<double>(so_far) / size, "computing its digest");
  });
}

ImageRecord make_or_find(ImageStore& store, base::Progress& progress, const std::optional<std::string>& other_than) {
  base::make_folders(store.cache());
  const base::FileLock lock = acquire_with_progress(store.cache() + "/base.lock",
                                                    "waiting for another caisson that makes the base image", progress);
  auto record = current_base(store);
  // Somebody may have made it while we waited.
  if (!record || (other_than && record->digest == *other_than)) record = make_base(store, progress);
  progress.done();
  return *record;
}

}  // namespace

const std::vector<std::string>& base_packages() {
  static const std::vector<std::string> kPackages = {"git",
                                                     "curl",
                                                     "ca-certificates",
                                                     "python3",
                                                     "python3-pip",
                                                     "nodejs",
                                                     "npm",
                                                     "build-essential",
                                                     "jq",
                                                     "ripgrep",
                                                     "less",
                                                     "sudo",
                                                     "procps",
                                                     "iproute2",
                                                     "nftables",
                                                     "iptables",
                                                     "docker.io",
                                                     "docker-compose",
                                                     "openssh-client"};
  return kPackages;
}

std::string base_recipe() {
  const base::Json recipe = {{"version", kRecipeVersion},        {"suite", kSuite},
                             {"packages", base_packages()},      {"hooks", hooks()},
                             {"dpkg_settings", dpkg_settings()}, {"config", to_json(base_config())},
                             {"overlay", sha256(overlay_tar())}};
  return sha256(base::to_line(recipe));
}

ImageRecord ensure_base(ImageStore& store, base::Progress& progress) {
  if (auto record = current_base(store)) return whole(store, std::move(*record));
  return make_or_find(store, progress, std::nullopt);
}

ImageRecord rebuild_base(ImageStore& store, base::Progress& progress) {
  const auto record = current_base(store);
  return make_or_find(store, progress, record ? record->digest : std::string());
}

ImageRecord ensure_image(ImageStore& store, std::string_view name_or_digest, base::Progress& progress) {
  if (name_or_digest == kBaseName) return ensure_base(store, progress);
  return whole(store, store.require(name_or_digest));
}

}  // namespace caisson::image
