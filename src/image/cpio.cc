// SPDX-License-Identifier: Apache-2.0

#include "image/cpio.h"

#include <fmt/format.h>
#include <sys/stat.h>

namespace caisson::image {

void CpioWriter::pad() {
  bytes_.append((4 - bytes_.size() % 4) % 4, '\0');
}

void CpioWriter::entry(const std::string& path, std::string_view content, const Header& header) {
  // magic, inode, mode, uid, gid, links, time, size, device of the file (2), device it is (2), name's size with its
  // NUL, checksum (0: "070701" has none); each 8 hexadecimal digits. Header with name, and content, end on a multiple
  // of 4.
  bytes_ += fmt::format("070701{:08X}{:08X}{:08X}{:08X}{:08X}{:08X}{:08X}{:08X}{:08X}{:08X}{:08X}{:08X}{:08X}",
                        next_inode_++, header.mode, 0, 0, header.links, 0, content.size(), 0, 0, header.device_major,
                        header.device_minor, path.size() + 1, 0);
  bytes_ += path;
  bytes_ += '\0';
  pad();
  bytes_ += content;
  pad();
}

void CpioWriter::folder(const std::string& path, unsigned mode) {
  entry(path, {}, {.mode = S_IFDIR | mode, .links = 2});
}

void CpioWriter::file(const std::string& path, std::string_view content, unsigned mode) {
  entry(path, content, {.mode = S_IFREG | mode});
}

void CpioWriter::character_device(const std::string& path, unsigned major, unsigned minor, unsigned mode) {
  entry(path, {}, {.mode = S_IFCHR | mode, .device_major = major, .device_minor = minor});
}

std::string CpioWriter::finish() {
  entry("TRAILER!!!", {}, {});
  return std::move(bytes_);
}

}  // namespace caisson::image
