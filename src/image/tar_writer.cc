// SPDX-License-Identifier: Apache-2.0

#include "image/tar_writer.h"

#include <cstdio>
#include <cstring>

#include "base/error.h"
#include "base/text.h"

namespace caisson::image {
namespace {

constexpr size_t kBlock = 512;

// POSIX.1-2017, pax, "ustar Interchange Format".
struct Header {
  char name[100];
  char mode[8];
  char uid[8];
  char gid[8];
  char size[12];
  char mtime[12];
  char checksum[8];
  char type;
  char link[100];
  char magic[8];
  char user[32];
  char group[32];
  char dev_major[8];
  char dev_minor[8];
  char prefix[155];
  char padding[12];
};
static_assert(sizeof(Header) == kBlock);

template <size_t kSize>
void octal(char (&field)[kSize], unsigned long long number) {
  field[kSize - 1] = '\0';
  for (size_t i = kSize - 1; i-- > 0; number >>= 3) field[i] = static_cast<char>('0' + (number & 7));
}

}  // namespace

void TarWriter::entry(std::string_view path, char type, unsigned mode, std::string_view content) {
  Header header{};
  if (path.size() > sizeof header.name)
    throw base::Error("the path " + base::in_quotes(path) + " is too long for a small tar");
  std::memcpy(header.name, path.data(), path.size());
  octal(header.mode, mode);
  octal(header.uid, 0);
  octal(header.gid, 0);
  octal(header.size, content.size());
  octal(header.mtime, 0);
  header.type = type;
  std::memcpy(header.magic,
              "ustar\0"
              "00",
              sizeof header.magic);
  std::memset(header.checksum, ' ', sizeof header.checksum);
  unsigned sum = 0;
  const auto* raw = reinterpret_cast<const unsigned char*>(&header);
  for (size_t i = 0; i < kBlock; ++i) sum += raw[i];
  std::snprintf(header.checksum, sizeof header.checksum, "%06o", sum);
  bytes_.append(reinterpret_cast<const char*>(&header), kBlock);
  bytes_.append(content);
  bytes_.append((kBlock - content.size() % kBlock) % kBlock, '\0');
}

void TarWriter::file(std::string_view path, std::string_view content, unsigned mode) {
  entry(path, '0', mode, content);
}

void TarWriter::folder(std::string_view path, unsigned mode) {
  entry(std::string(path) + "/", '5', mode, {});
}

std::string TarWriter::finish() {
  bytes_.append(2 * kBlock, '\0');
  return std::move(bytes_);
}

}  // namespace caisson::image
