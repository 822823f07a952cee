// SPDX-License-Identifier: Apache-2.0

#include "image/boot_files.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "image/digest.h"
#include "image/work_folder.h"

namespace caisson::image {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxModuleBytes = 64U << 20;

std::vector<fs::path> sorted_entries(const std::string& folder) {
  std::vector<fs::path> found;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(folder, none)) found.push_back(entry.path());
  std::sort(found.begin(), found.end());
  return found;
}

uint64_t size_of(const std::string& path) {
  struct stat info {};
  return ::lstat(path.c_str(), &info) == 0 ? static_cast<uint64_t>(info.st_size) : 0;
}

std::string recorded(const std::string& path) {
  const std::string text = base::read_file_if_exists(path).value_or("");
  return std::string(base::trimmed(text));
}

std::string problem_of_kernel(const std::string& folder) {
  try {
    if (recorded(folder + "/digest") != sha256_file(folder + "/vmlinuz")) return "'vmlinuz' has changed";
    if (recorded(folder + "/modules-digest") != modules_digest(folder + "/lib/modules"))
      return "its modules have changed";
  } catch (const base::Error& error) {
    return error.problem();
  }
  return {};
}

BootFileCheck check_kernel(const std::string& folder) {
  BootFileCheck check{.what = "kernel", .digest = recorded(folder + "/digest"), .size = {}, .problem = {}};
  check.size.count = size_of(folder + "/vmlinuz");
  check.problem = problem_of_kernel(folder);
  if (!check.problem.empty() && !remove_tree(folder)) check.problem += ", and it cannot be removed";
  return check;
}

BootFileCheck check_initramfs(const fs::path& path) {
  BootFileCheck check{.what = "initramfs", .digest = path.stem().string(), .size = {}, .problem = {}};
  check.size.count = size_of(path.string());
  try {
    if (sha256_file(path.string()) != check.digest) check.problem = "its content has changed";
  } catch (const base::Error& error) {
    check.problem = error.problem();
  }
  if (!check.problem.empty() && ::unlink(path.c_str()) != 0) check.problem += ", and it cannot be removed";
  return check;
}

}  // namespace

std::string modules_digest(const std::string& folder) {
  std::vector<std::string> files;
  std::error_code none;
  for (auto entry = fs::recursive_directory_iterator(folder, none);
       !none && entry != fs::recursive_directory_iterator(); entry.increment(none)) {
    std::error_code unknown;
    if (entry->is_regular_file(unknown)) files.push_back(entry->path().string());
  }
  if (none) throw base::system_error("cannot list", folder, none.value());
  std::sort(files.begin(), files.end());
  Sha256 digest;
  for (const std::string& file : files) {
    const std::string content = base::read_file(file, kMaxModuleBytes);
    digest.update(file.substr(folder.size()) + '\0' + std::to_string(content.size()) + '\0');
    digest.update(content);
  }
  return digest.finish();
}

std::vector<BootFileCheck> verify_boot_files(const std::string& cache) {
  std::vector<BootFileCheck> checks;
  if (const std::string kernels = cache + "/kernels"; fs::is_directory(kernels)) {
    const base::FileLock lock = base::FileLock::acquire(kernels + "/lock");
    for (const fs::path& entry : sorted_entries(kernels)) {
      if (fs::is_directory(entry)) checks.push_back(check_kernel(entry.string()));
    }
  }
  if (const std::string initramfs = cache + "/initramfs"; fs::is_directory(initramfs)) {
    const base::FileLock lock = base::FileLock::acquire(initramfs + "/lock");
    for (const fs::path& entry : sorted_entries(initramfs)) {
      if (entry.extension() == ".cpio") checks.push_back(check_initramfs(entry));
    }
  }
  return checks;
}

}  // namespace caisson::image
