// SPDX-License-Identifier: Apache-2.0

#include "guest/anchors.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <string_view>

namespace caisson::guest {

Anchors open_anchors() {
  Anchors anchors;
  anchors.proc = base::open_file("/proc", O_PATH | O_DIRECTORY);
  anchors.pts = base::open_if_exists("/dev/pts", O_PATH | O_DIRECTORY);
  anchors.null = base::open_file("/dev/null", O_RDWR);
  anchors.executable = base::open_file("/proc/self/exe", O_PATH);
  anchors.root = base::open_file("/", O_PATH | O_DIRECTORY);
  return anchors;
}

base::Fd open_below(const base::Fd& folder, const char* path, int flags) {
  open_how how{};
  how.flags = static_cast<uint64_t>(flags) | O_CLOEXEC;
  how.resolve = RESOLVE_NO_XDEV;
  return base::Fd(static_cast<int>(::syscall(SYS_openat2, folder.get(), path, &how, sizeof how)));
}

std::string read_small(const base::Fd& folder, const char* path) {
  const base::Fd file = open_below(folder, path, O_RDONLY);
  if (!file) return {};
  char buffer[4096];
  const ssize_t got = ::read(file.get(), buffer, sizeof buffer);
  return got > 0 ? std::string(buffer, static_cast<size_t>(got)) : std::string();
}

bool write_small(const base::Fd& folder, const char* path, std::string_view content) {
  const base::Fd file = open_below(folder, path, O_WRONLY);
  return file && ::write(file.get(), content.data(), content.size()) == static_cast<ssize_t>(content.size());
}

}  // namespace caisson::guest
