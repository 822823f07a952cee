// SPDX-License-Identifier: Apache-2.0

#include "image/initramfs.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/install.h"
#include "base/paths.h"
#include "base/text.h"
#include "image/cpio.h"
#include "image/digest.h"
#include "image/modules.h"

namespace caisson::image {
namespace {

constexpr size_t kMaxProgramBytes = 64U << 20;

// What the initramfs is made from, cheap to compare: reading and hashing init at every start of a sandbox would cost
// more than all else that is checked then. One line; the file of this name holds the initramfs's name and size.
std::string ingredients(const Kernel& kernel, const std::string& init) {
  struct stat info {};
  if (::stat(init.c_str(), &info) != 0) throw base::system_error("cannot look at", init);
  return base::join(
      {"2", kernel.digest, kernel.release, init, std::to_string(info.st_size), std::to_string(info.st_ino),
       std::to_string(info.st_mtim.tv_sec), std::to_string(info.st_mtim.tv_nsec)},
      " ");
}

std::string build(const Kernel& kernel, const std::string& init) {
  const auto files = find_modules(kernel.modules_folder);
  Dependencies known;
  for (const auto& [name, path] : files) known[name] = module_dependencies(base::read_file(path), name);

  CpioWriter archive;
  // The kernel opens /dev/console for init's first three descriptors before anything is mounted.
  archive.folder("dev");
  archive.character_device("dev/console", 5, 1);
  for (const char* folder : {"proc", "sys", "lower", "disk", "root", "modules"}) archive.folder(folder);
  archive.file("init", base::read_file(init, kMaxProgramBytes), 0755);
  std::string order;
  for (const std::string& name : load_order(known, wanted_modules())) {
    order += name + ".ko\n";
    archive.file("modules/" + name + ".ko", base::read_file(files.at(name)));
  }
  archive.file("modules/order", order);
  return archive.finish();
}

}  // namespace

void record_initramfs(const std::string& record, const std::string& digest, size_t size) {
  base::write_file_atomic(record, digest + " " + std::to_string(size) + "\n");
}

std::string recorded_initramfs(const std::string& folder, const std::string& record) {
  const std::string text = base::read_file_if_exists(record).value_or("");
  const std::vector<std::string> words = base::split(std::string(base::trimmed(text)), ' ');
  if (words.size() != 2 || !is_digest(words[0])) return {};
  std::string path = folder + "/" + words[0] + ".cpio";
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0 || std::to_string(info.st_size) != words[1]) return {};
  return ::access(path.c_str(), R_OK) == 0 ? path : std::string();
}

std::string ensure_initramfs(const Kernel& kernel) {
  const std::string folder = base::cache_folder() + "/initramfs";
  base::make_folders(folder);
  const std::string init = base::helper_program("caisson-init");
  const std::string made_from = ingredients(kernel, init);
  const std::string record = folder + "/" + sha256(made_from) + ".made";
  if (std::string path = recorded_initramfs(folder, record); !path.empty()) return path;

  const base::FileLock lock = base::FileLock::acquire(folder + "/lock");
  if (std::string path = recorded_initramfs(folder, record); !path.empty()) return path;
  const std::string archive = build(kernel, init);
  const std::string digest = sha256(archive);
  std::string path = folder + "/" + digest + ".cpio";
  base::write_file_atomic(path, archive);
  record_initramfs(record, digest, archive.size());
  return path;
}

}  // namespace caisson::image
