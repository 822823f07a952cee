// SPDX-License-Identifier: Apache-2.0

#include "base/install.h"

#include <unistd.h>

#include <climits>
#include <filesystem>

#include "base/error.h"
#include "base/text.h"

namespace caisson::base {

std::string own_executable() {
  char path[PATH_MAX];
  const ssize_t length = ::readlink("/proc/self/exe", path, sizeof path);
  if (length <= 0) throw system_error("cannot read", "/proc/self/exe");
  return std::string(path, static_cast<size_t>(length));
}

std::string helper_program(const std::string& name) {
  const std::filesystem::path folder = std::filesystem::path(own_executable()).parent_path();
  for (const std::filesystem::path& candidate : {folder / name, folder.parent_path() / "libexec" / "caisson" / name}) {
    if (::access(candidate.c_str(), X_OK) == 0) return candidate.lexically_normal().string();
  }
  throw Error("cannot find Caisson's own program " + in_quotes(name),
              "the installation is not complete; install it again");
}

std::string shared_file(const std::string& name) {
  const std::filesystem::path folder = std::filesystem::path(own_executable()).parent_path();
  const std::filesystem::path path = (folder.parent_path() / "share" / "caisson" / name).lexically_normal();
  if (::access(path.c_str(), R_OK) == 0) return path.string();
  throw Error("cannot find Caisson's own file " + in_quotes(path.string()),
              "the installation is not complete; install it again");
}

}  // namespace caisson::base
