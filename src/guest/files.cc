// SPDX-License-Identifier: Apache-2.0

#include "guest/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.h"
#include "base/fd.h"

namespace caisson::guest {
std::optional<std::string> content_of(const char* path, size_t max_bytes) {
  const base::Fd file(::open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat info {};
  if (!file || ::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode)) return std::nullopt;
  try {
    return base::read_all(file.get(), max_bytes, path);
  } catch (const base::Error&) {
    return std::nullopt;
  }
}

bool replace_content(const char* path, std::string_view content) {
  constexpr int kFlags = O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
  base::Fd file(::open(path, kFlags, 0644));
  if (!file && errno == ELOOP && ::unlink(path) == 0) file.reset(::open(path, kFlags, 0644));
  if (!file || ::write(file.get(), content.data(), content.size()) != static_cast<ssize_t>(content.size()))
    return false;
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) return false;
  const auto size = static_cast<off_t>(content.size());
  return info.st_size <= size || ::ftruncate(file.get(), size) == 0;
}

}  // namespace caisson::guest
