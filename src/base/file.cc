// SPDX-License-Identifier: Apache-2.0

#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "base/error.h"
#include "base/scope.h"
#include "base/text.h"

namespace caisson::base {
namespace {

struct flock whole_file() {
  struct flock whole {};
  whole.l_type = F_WRLCK;
  whole.l_whence = SEEK_SET;
  return whole;
}

}  // namespace

std::string read_file(const std::string& path, size_t max_bytes) {
  return read_all(open_file(path, O_RDONLY).get(), max_bytes, path);
}

std::optional<std::string> read_file_if_exists(const std::string& path, size_t max_bytes) {
  const Fd file = open_if_exists(path, O_RDONLY);
  if (!file) return std::nullopt;
  return read_all(file.get(), max_bytes, path);
}

std::string last_line(int fd, size_t max_bytes) {
  std::string end(max_bytes, '\0');
  const off_t size = ::lseek(fd, 0, SEEK_END);
  const ssize_t got = ::pread(fd, end.data(), end.size(), std::max<off_t>(0, size - static_cast<off_t>(max_bytes)));
  const std::string_view text = trimmed(std::string_view(end).substr(0, got > 0 ? static_cast<size_t>(got) : 0));
  return std::string(trimmed(text.substr(text.rfind('\n') + 1)));
}

void write_file_atomic(const std::string& path, std::string_view content, unsigned mode) {
  const std::filesystem::path target(path);
  const std::string folder = target.has_parent_path() ? target.parent_path().string() : ".";
  std::string beside = path + ".XXXXXX";
  Fd file(::mkostemp(beside.data(), O_CLOEXEC));
  if (!file) throw system_error("cannot write", path);
  Scope remove([&] { ::unlink(beside.c_str()); });
  if (::fchmod(file.get(), mode) != 0) throw system_error("cannot set the mode of", beside);
  write_all(file.get(), {content.data(), content.size()}, path);
  if (::fsync(file.get()) != 0) throw system_error("cannot sync", path);
  if (::rename(beside.c_str(), path.c_str()) != 0) throw system_error("cannot replace", path);
  remove.dismiss();
  const Fd parent = open_file(folder, O_RDONLY | O_DIRECTORY);
  if (::fsync(parent.get()) != 0) throw system_error("cannot sync", folder);
}

void make_folders(const std::string& path) {
  const std::filesystem::path whole(path);
  std::filesystem::path so_far;
  for (const auto& part : whole) {
    so_far /= part;
    if (::mkdir(so_far.c_str(), 0700) == 0) continue;
    // EEXIST may be a file, and a folder that exists may give EROFS or EACCES instead.
    const int errnum = errno;
    struct stat info {};
    if (::stat(so_far.c_str(), &info) != 0 || !S_ISDIR(info.st_mode))
      throw system_error("cannot make the folder", so_far.string(), errnum == EEXIST ? ENOTDIR : errnum);
  }
}

FileLock FileLock::acquire(const std::string& path) {
  Fd file = open_file(path, O_RDWR | O_CREAT);
  struct flock whole = whole_file();
  while (::fcntl(file.get(), F_OFD_SETLKW, &whole) != 0) {
    if (errno != EINTR) throw system_error("cannot lock", path);
  }
  return FileLock(std::move(file));
}

std::optional<FileLock> FileLock::try_acquire(const std::string& path) {
  Fd file = open_file(path, O_RDWR | O_CREAT);
  struct flock whole = whole_file();
  if (::fcntl(file.get(), F_OFD_SETLK, &whole) == 0) return FileLock(std::move(file));
  if (errno == EAGAIN || errno == EACCES) return std::nullopt;
  throw system_error("cannot lock", path);
}

bool FileLock::is_held(const std::string& path) {
  const Fd file = open_if_exists(path, O_RDONLY);
  if (!file) return false;
  struct flock whole = whole_file();
  if (::fcntl(file.get(), F_OFD_GETLK, &whole) != 0) throw system_error("cannot look at the lock", path);
  return whole.l_type != F_UNLCK;
}

}  // namespace caisson::base
