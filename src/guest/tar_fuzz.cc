// SPDX-License-Identifier: Apache-2.0

// An archive that init is given to unpack. Checksums are made right, or nothing behind them would be reached.

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/error.h"
#include "guest/tar.h"

namespace caisson::guest {
namespace {

constexpr size_t kChecksumAt = 148;
constexpr size_t kChecksumBytes = 8;

void require(bool holds) {
  if (!holds) std::abort();
}

// A block of zeros stays one: it ends the archive.
void make_checksum_right(std::span<char> block) {
  if (std::ranges::all_of(block, [](char byte) { return byte == 0; })) return;
  const std::span<char> field = block.subspan(kChecksumAt, kChecksumBytes);
  std::ranges::fill(field, ' ');
  unsigned sum = 0;
  for (const char byte : block) sum += static_cast<unsigned char>(byte);
  std::array<char, kChecksumBytes> text{};
  std::snprintf(text.data(), text.size(), "%06o", sum);
  std::copy_n(text.begin(), kChecksumBytes - 1, field.begin());
}

// What can be written is read as the same again.
void check_again(const TarEntry& entry) {
  const std::string header = encode_tar_header(entry);
  std::string_view left = header;
  TarReader reader([&left](std::span<char> into) {
    if (left.size() < into.size()) return false;
    std::copy_n(left.begin(), into.size(), into.begin());
    left.remove_prefix(into.size());
    return true;
  });
  const std::optional<TarEntry> again = reader.next();
  require(again && again->path == entry.path && again->link == entry.link && again->type == entry.type);
  require(again->mode == entry.mode && again->uid == entry.uid && again->gid == entry.gid);
}

void check(std::span<const uint8_t> archive) {
  TarReader reader([archive](std::span<char> into) mutable {
    if (archive.size() < into.size()) return false;
    std::copy_n(archive.begin(), into.size(), into.begin());
    archive = archive.subspan(into.size());
    if (into.size() == kTarBlock) make_checksum_right(into);
    return true;
  });
  std::array<char, 700> content{};
  try {
    while (const std::optional<TarEntry> entry = reader.next()) {
      require(entry->path.size() <= 4096 && entry->link.size() <= 4096);
      require((entry->mode & ~07777U) == 0);
      require(entry->type >= TarType::kFile && entry->type <= TarType::kPipe);
      uint64_t seen = 0;
      while (const size_t count = reader.content(content)) seen += count;
      require(seen == (entry->type == TarType::kFile ? entry->size : 0));
      if (entry->path.find('\0') == std::string::npos && entry->link.find('\0') == std::string::npos)
        check_again(*entry);
    }
  } catch (const base::Error&) {
  }
}

}  // namespace
}  // namespace caisson::guest

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  caisson::guest::check({data, size});
  return 0;
}
