// SPDX-License-Identifier: Apache-2.0

#include "image/kernel.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <optional>

#include "base/error.h"
#include "base/file.h"
#include "base/json_reader.h"
#include "base/paths.h"
#include "base/process.h"
#include "base/text.h"
#include "image/boot_files.h"
#include "image/digest.h"
#include "image/lock_wait.h"
#include "image/work_folder.h"

namespace caisson::image {
namespace {

namespace fs = std::filesystem;

constexpr const char* kMetaPackage = "linux-image-cloud-amd64";
constexpr const char* kAptLists = "/var/lib/apt/lists";
constexpr const char* kAptHint = "run `sudo apt-get update`, and see that the machine reaches its Debian mirror";

// What the metapackage depends on: the package with the kernel itself, and its version. The same package name gets
// several versions (security fixes that keep the module ABI), so both name a kernel in the cache.
struct Offer {
  std::string package;  // "linux-image-6.1.0-56-cloud-amd64"
  std::string version;  // "6.1.192-2"

  std::string release() const { return package.substr(std::string_view("linux-image-").size()); }
  std::string folder_name() const { return release() + "_" + version; }
};

// cache/kernels/current.json: the kernel in use, and the state of apt's lists when apt was asked for it. Asking apt
// costs more than a whole start of a sandbox, so it is asked again only after an `apt-get update`.
struct Current {
  Offer offer;
  int64_t lists_changed_ns = 0;
};

int64_t lists_changed_ns() {
  struct stat info {};
  if (::stat(kAptLists, &info) != 0) return 0;
  return int64_t{info.st_mtim.tv_sec} * 1'000'000'000 + info.st_mtim.tv_nsec;
}

// Names from apt and from the record become paths and arguments: only what Debian's policy allows in them passes.
bool is_plain(std::string_view text) {
  return !text.empty() && text[0] != '.' && text[0] != '-' &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.+~:-") == text.npos;
}

std::optional<Current> read_current(const std::string& kernels) {
  const auto text = base::read_file_if_exists(kernels + "/current.json");
  if (!text) return std::nullopt;
  try {
    const base::Json json = base::parse_json_object(*text, "current.json");
    base::JsonReader reader(json, "current.json");
    Current current;
    current.offer.package = reader.required<std::string>("package");
    current.offer.version = reader.required<std::string>("version");
    current.lists_changed_ns = reader.required<int64_t>("lists_changed_ns");
    if (!current.offer.package.starts_with("linux-image-") || !is_plain(current.offer.package) ||
        !is_plain(current.offer.version))
      return std::nullopt;
    return current;
  } catch (const base::Error&) {
    return std::nullopt;  // a damaged cache is made again
  }
}

void write_current(const std::string& kernels, const Current& current) {
  base::Json json;
  json["package"] = current.offer.package;
  json["version"] = current.offer.version;
  json["lists_changed_ns"] = current.lists_changed_ns;
  base::write_file_atomic(kernels + "/current.json", base::to_line(json) + "\n");
}

std::optional<Kernel> load(const std::string& kernels, const Offer& offer) {
  const std::string folder = kernels + "/" + offer.folder_name();
  const auto digest = base::read_file_if_exists(folder + "/digest");
  if (!digest) return std::nullopt;
  Kernel kernel;
  kernel.vmlinuz = folder + "/vmlinuz";
  kernel.release = offer.release();
  kernel.modules_folder = folder + "/lib/modules/" + kernel.release;
  kernel.digest = std::string(base::trimmed(*digest));
  if (!is_digest(kernel.digest) || ::access(kernel.vmlinuz.c_str(), R_OK) != 0 ||
      ::access((folder + "/modules-digest").c_str(), R_OK) != 0)
    return std::nullopt;
  return kernel;
}

// "Depends: linux-image-6.1.0-56-cloud-amd64 (= 6.1.192-2)"
Offer ask_apt() {
  const std::string text = base::run_checked({"apt-cache", "show", "--no-all-versions", kMetaPackage});
  for (const std::string& line : base::split(text, '\n')) {
    if (!line.starts_with("Depends: linux-image-")) continue;
    const std::vector<std::string> words = base::split(line, ' ');
    if (words.size() < 4 || words[2] != "(=") break;
    Offer offer{.package = words[1], .version = words[3].substr(0, words[3].find(')'))};
    if (!is_plain(offer.package) || !is_plain(offer.version)) break;
    return offer;
  }
  throw base::Error("cannot tell which kernel '" + std::string(kMetaPackage) +
                    "' stands for: apt knows no such package");
}

void download(const Offer& offer, const std::string& into) {
  const base::ProgramResult result =
      base::run_program({.argv = {"apt-get", "-q", "download", offer.package + "=" + offer.version}, .folder = into});
  if (!result.status.ok())
    throw base::Error("cannot download '" + offer.package + "': apt-get " + result.status.text() + ": " +
                          base::escaped(base::trimmed(result.err)),
                      kAptHint);
}

std::string downloaded_file(const std::string& folder) {
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".deb") return entry.path().string();
  }
  throw base::Error("cannot find the kernel package that apt-get downloaded", kAptHint);
}

// Leaves kernels/<release>_<version> complete, or does not make it.
void make(const std::string& cache, const std::string& kernels, const Offer& offer, base::Progress& progress) {
  const WorkFolder work(cache, "kernel");
  progress.step("getting the guest's kernel " + offer.release());
  progress.update(-1, offer.version);
  download(offer, work.path());
  progress.update(0.6, "unpacking");
  const std::string unpacked = work.path() + "/unpacked";
  base::run_checked({"dpkg-deb", "-x", downloaded_file(work.path()), unpacked});

  const std::string made = work.path() + "/made";
  base::make_folders(made + "/lib/modules");
  fs::rename(unpacked + "/boot/vmlinuz-" + offer.release(), made + "/vmlinuz");
  // Since the merge of /usr the modules may be in either place.
  const std::string modules = "/lib/modules/" + offer.release();
  fs::rename(unpacked + (fs::exists(unpacked + modules) ? "" : "/usr") + modules, made + modules);
  base::write_file_atomic(made + "/modules-digest", modules_digest(made + "/lib/modules") + "\n");
  base::write_file_atomic(made + "/digest", sha256_file(made + "/vmlinuz") + "\n");

  const std::string target = kernels + "/" + offer.folder_name();
  if (fs::exists(target)) remove_tree(target);  // incomplete, or it would have been loaded
  fs::rename(made, target);
}

}  // namespace

Kernel ensure_kernel(base::Progress& progress) {
  const std::string cache = base::cache_folder();
  const std::string kernels = cache + "/kernels";
  base::make_folders(kernels);
  const int64_t changed = lists_changed_ns();
  if (const auto current = read_current(kernels); current && current->lists_changed_ns == changed) {
    if (const auto kernel = load(kernels, current->offer)) return *kernel;
  }

  const base::FileLock lock =
      acquire_with_progress(kernels + "/lock", "waiting for another caisson that makes the guest's kernel", progress);
  const std::optional<Current> current = read_current(kernels);  // another process may have made it meanwhile
  try {
    const Offer offer = ask_apt();
    if (!load(kernels, offer)) make(cache, kernels, offer, progress);
    write_current(kernels, {.offer = offer, .lists_changed_ns = changed});
    if (const auto kernel = load(kernels, offer)) return *kernel;
    throw base::Error("cannot use the kernel that was just unpacked into '" + kernels + "'");
  } catch (const fs::filesystem_error& error) {
    throw base::Error("cannot unpack the guest's kernel: " + base::escaped(error.what()));
  } catch (const base::Error& error) {
    // The older kernel does until apt's lists change again: an unreachable mirror is not asked at every start.
    if (current) {
      if (const auto kernel = load(kernels, current->offer)) {
        write_current(kernels, {.offer = current->offer, .lists_changed_ns = changed});
        progress.note("cannot look for a newer kernel for the guest, and stays with " + current->offer.folder_name() +
                      " until the next `apt-get update`: " + error.problem());
        return *kernel;
      }
    }
    throw base::Error("cannot get the guest's kernel: " + error.problem(),
                      error.hint().empty() ? kAptHint : error.hint());
  }
}

std::string current_kernel_release(const std::string& cache) {
  const auto current = read_current(cache + "/kernels");
  return current ? current->offer.release() : std::string();
}

}  // namespace caisson::image
