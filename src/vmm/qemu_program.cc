// SPDX-License-Identifier: Apache-2.0

#include "vmm/qemu_program.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/process.h"
#include "base/text.h"
#include "vmm/machine.h"

namespace caisson::vmm {
namespace {

#if defined(__x86_64__)
constexpr const char* kTriplet = "x86_64-linux-gnu";
#elif defined(__aarch64__)
constexpr const char* kTriplet = "aarch64-linux-gnu";
#endif

}  // namespace

std::string find_qemu(Accelerator accelerator) {
  if (accelerator == Accelerator::kKvm) {
    if (std::string small = base::find_program("qemu-system-x86_64-microvm"); !small.empty()) return small;
  }
  std::string full = base::find_program("qemu-system-x86_64");
  if (full.empty())
    throw base::Error("cannot find the program 'qemu-system-x86_64'",
                      "install QEMU: sudo apt-get install qemu-system-x86", ENOENT);
  return full;
}

std::vector<std::string> qemu_files(const std::string& qemu) {
  // PREFIX/bin/qemu-…: QEMU looks for its modules and firmware from there.
  const std::string bin = qemu.substr(0, qemu.rfind('/'));
  const std::string prefix = bin.substr(0, bin.rfind('/'));
  const std::string libraries = "/usr/lib/" + std::string(kTriplet);
  std::vector<std::string> files = {qemu, "/etc/ld.so.cache", "/lib64", "/usr/lib64"};
  if (::access(libraries.c_str(), F_OK) == 0) {
    files.push_back("/lib/" + std::string(kTriplet));
    files.push_back(libraries);
  } else {
    files.push_back("/lib");
    files.push_back("/usr/lib");
  }
  if (prefix != "/usr" && !prefix.empty()) {
    files.push_back(prefix + "/lib");
    files.push_back(prefix + "/lib64");
    files.push_back(prefix + "/share/qemu");
  }
  files.push_back("/usr/share/qemu");
  files.push_back("/usr/share/seabios");
  return files;
}

bool has_own_filter(const std::string& qemu) {
  return !qemu.ends_with("-microvm");
}

sys::WallPart own_filter_part(const std::string& qemu) {
  if (has_own_filter(qemu))
    return {"QEMU's seccomp", true, "-sandbox on: no new privileges, processes or obsolete calls"};
  return {"QEMU's seccomp", false,
          base::in_quotes(qemu) + " is built without it; the filter above forbids all of that"};
}

std::string qemu_identity(const std::string& qemu) {
  struct stat status {};
  if (::stat(qemu.c_str(), &status) != 0) throw base::system_error("cannot look at", qemu);
  return qemu + ", " + std::to_string(status.st_size) + " bytes of " + std::to_string(status.st_mtim.tv_sec) + "." +
         std::to_string(status.st_mtim.tv_nsec);
}

}  // namespace caisson::vmm
