// SPDX-License-Identifier: Apache-2.0

#include "config/config_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "base/beneath.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/text.h"
#include "config/folder_config.h"
#include "image/digest.h"

namespace caisson::config {
namespace {

constexpr const char* kWithout = "--no-config runs without it";

base::Error unusable_file(const std::string& path, const std::string& why) {
  return base::Error("cannot use the configuration " + base::in_quotes(path) + ": " + why, kWithout);
}

}  // namespace

std::optional<ConfigFile> read_config_file(const std::string& folder) {
  ConfigFile file{.folder = folder, .path = (folder == "/" ? "" : folder) + "/" + std::string(kFileName)};
  // A link would have what it leads to read as the folder's: something of the user's that is no such file. Nor is one
  // on the way to the folder followed, which has been put there since the folder was looked at. Without O_NONBLOCK the
  // opening of a named pipe waits for somebody who writes.
  const base::Fd opened = base::open_without_links(file.path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (!opened) {
    if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
    if (errno == ELOOP) throw unusable_file(file.path, "it is a link, which is not followed");
    throw base::system_error("cannot use the configuration", file.path, errno, kWithout);
  }
  struct stat info {};
  if (::fstat(opened.get(), &info) != 0) throw base::system_error("cannot use the configuration", file.path);
  if (!S_ISREG(info.st_mode)) throw unusable_file(file.path, "it is not a file");
  try {
    file.bytes = base::read_all(opened.get(), kMaxFileBytes, file.path);
  } catch (const base::Error& error) {
    throw unusable_file(file.path, error.problem());
  }
  file.digest = image::sha256(file.bytes);
  return file;
}

}  // namespace caisson::config
