// SPDX-License-Identifier: Apache-2.0

#include "guest/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/fd.h"

namespace caisson::guest {
namespace {

constexpr size_t kMaxContentBytes = 64U << 10;

}  // namespace

std::optional<std::string> content_of(const char* path) {
  // O_NONBLOCK: it might be a pipe that nobody writes to.
  const base::Fd file(::open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  std::string content(kMaxContentBytes + 1, '\0');
  const ssize_t got = file ? ::read(file.get(), content.data(), content.size()) : -1;
  if (got < 0 || static_cast<size_t>(got) > kMaxContentBytes) return std::nullopt;
  content.resize(static_cast<size_t>(got));
  return content;
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
