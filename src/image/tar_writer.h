// SPDX-License-Identifier: Apache-2.0

// Writes small tar archives (POSIX ustar) into memory, always the same bytes for the same entries: owner root, time 0.
#pragma once

#include <string>
#include <string_view>

namespace caisson::image {

class TarWriter {
 public:
  // Paths up to 100 bytes; the content must be smaller than 8 GiB. Throws.
  void file(std::string_view path, std::string_view content, unsigned mode = 0644);
  void folder(std::string_view path, unsigned mode = 0755);
  // The whole archive with its end marker.
  std::string finish();

 private:
  void entry(std::string_view path, char type, unsigned mode, std::string_view content);
  std::string bytes_;
};

}  // namespace caisson::image
