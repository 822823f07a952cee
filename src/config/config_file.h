// SPDX-License-Identifier: Apache-2.0

// The file itself: read once, and never again. What is shown, accepted, kept by its digest and used are these bytes.
#pragma once

#include <optional>
#include <string>

namespace caisson::config {

struct ConfigFile {
  std::string folder;  // absolute, without links
  std::string path;    // folder/.caisson.toml
  std::string bytes = {};
  std::string digest = {};  // SHA-256 of the bytes, as 64 hexadecimal digits
};

// `folder` is absolute and without links. Nothing where the folder has no such file; folders above it are not looked
// into. Throws base::Error for one that is a link, no regular file, too large or not to be read: it is not passed over,
// for it may deny what would be allowed without it.
std::optional<ConfigFile> read_config_file(const std::string& folder);

}  // namespace caisson::config
