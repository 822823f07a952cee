// SPDX-License-Identifier: Apache-2.0

// The tar format, as much of it as copying needs: POSIX ustar with pax records for what does not fit (pax(1)), read as
// well with GNU's long names. Both ends are other programs: the host packs and unpacks with libarchive.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace caisson::guest {

inline constexpr size_t kTarBlock = 512;

enum class TarType : char {
  kFile = '0',
  kHardLink = '1',
  kSymlink = '2',
  kCharacterDevice = '3',
  kBlockDevice = '4',
  kFolder = '5',
  kPipe = '6',
};

struct TarEntry {
  TarType type = TarType::kFile;
  std::string path;
  std::string link;      // of a hard link or symlink
  unsigned mode = 0644;  // permission bits
  uint64_t uid = 0;
  uint64_t gid = 0;
  uint64_t size = 0;  // of a file's content, which follows
  int64_t mtime_s = 0;
  unsigned device_major = 0;
  unsigned device_minor = 0;
};

// The header blocks of an entry: a pax header first where something does not fit the ustar fields.
std::string encode_tar_header(const TarEntry& entry);
// Zeros from the end of `size` bytes of content to the next block.
size_t tar_padding(uint64_t size);

// Reads entries one after the other; `read` fills the span completely, or returns false at the end of the stream.
class TarReader {
 public:
  using Read = std::function<bool(std::span<char>)>;
  explicit TarReader(Read read) : read_(std::move(read)) {}

  // The next entry, or nothing after the archive's end. What is left of the last one's content is passed over. Throws
  // base::Error for what is not a tar archive, names over 4096 bytes, or an unknown kind of entry.
  std::optional<TarEntry> next();
  // Up to into.size() bytes of the entry's content; 0 at its end.
  size_t content(std::span<char> into);

 private:
  using Records = std::map<std::string, std::string, std::less<>>;
  void read_exactly(std::span<char> into);
  std::string small_content(uint64_t size);
  void skip_rest();

  Read read_;
  Records global_;
  uint64_t left_ = 0;
  size_t padding_ = 0;
};

}  // namespace caisson::guest
