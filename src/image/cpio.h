// SPDX-License-Identifier: Apache-2.0

// Writing a newc cpio archive, as the kernel unpacks it into its first root file system (Linux,
// Documentation/driver-api/early-userspace/buffer-format.rst).
#pragma once

#include <string>
#include <string_view>

namespace caisson::image {

// Entries get the time 0 and owner root, so equal input makes equal bytes. Paths are relative, without a leading '/',
// and a folder comes before what is in it.
class CpioWriter {
 public:
  void folder(const std::string& path, unsigned mode = 0755);
  void file(const std::string& path, std::string_view content, unsigned mode = 0644);
  void character_device(const std::string& path, unsigned major, unsigned minor, unsigned mode = 0600);
  // The whole archive with its trailer.
  std::string finish();

 private:
  struct Header {
    unsigned mode = 0;
    unsigned links = 1;
    unsigned device_major = 0;
    unsigned device_minor = 0;
  };
  void entry(const std::string& path, std::string_view content, const Header& header);
  void pad();

  std::string bytes_;
  unsigned next_inode_ = 1;
};

}  // namespace caisson::image
