// SPDX-License-Identifier: Apache-2.0

// Files, folders and repositories of ours.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "base/fd.h"

namespace caisson::clones {

// A folder that goes with its owner.
class ScratchFolder {
 public:
  explicit ScratchFolder(const std::string& parent);
  ScratchFolder(ScratchFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  ScratchFolder& operator=(ScratchFolder&&) = delete;
  ~ScratchFolder();
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// A file without a name, for reading and writing; on the disk that the folder is on. Throws base::Error.
base::Fd nameless_file(const std::string& folder);

// Writes a file, which is new or is replaced.
void write_text(const std::string& path, std::string_view text);

// Makes a bare repository.
void make_bare(const std::string& folder, const std::string& format);

}  // namespace caisson::clones
