// SPDX-License-Identifier: Apache-2.0

#include "guest/tar.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/error.h"
#include "base/text.h"

namespace caisson::guest {
namespace {

constexpr uint64_t kMaxNameBytes = 4096;
constexpr uint64_t kMaxRecordsBytes = 1U << 20;
constexpr uint64_t kMaxOctal8 = 07777777;       // 7 digits and a NUL
constexpr uint64_t kMaxOctal12 = 077777777777;  // 11 digits and a NUL

// POSIX ustar (pax(1), "ustar Interchange Format").
struct Block {
  char name[100];
  char mode[8];
  char uid[8];
  char gid[8];
  char size[12];
  char mtime[12];
  char checksum[8];
  char type;
  char link[100];
  char magic[6];
  char version[2];
  char user[32];
  char group[32];
  char major[8];
  char minor[8];
  char prefix[155];
  char unused[12];
};
static_assert(sizeof(Block) == kTarBlock);

template <size_t Size>
void put_octal(char (&field)[Size], uint64_t value) {
  const std::string text = fmt::format("{:0{}o}", value, Size - 1);
  std::memcpy(field, text.c_str(), Size);
}

template <size_t Size>
std::string text_of(const char (&field)[Size]) {
  return std::string(field, ::strnlen(field, Size));
}

[[noreturn]] void not_tar(const char* why) {
  throw base::Error(std::string("not a tar archive: ") + why);
}

// Octal digits, or base 256 with the highest bit set (GNU, for what octal can't hold).
template <size_t Size>
uint64_t number_of(const char (&field)[Size]) {
  const auto first = static_cast<unsigned char>(field[0]);
  uint64_t value = 0;
  if ((first & 0x80U) != 0) {
    if (first == 0xFF) return 0;  // negative: only times before 1970
    for (size_t i = 1; i < Size; ++i) {
      if (value >> 56 != 0) not_tar("a number is too large");
      value = value << 8 | static_cast<unsigned char>(field[i]);
    }
    return value;
  }
  size_t i = 0;
  while (i < Size && field[i] == ' ') ++i;
  for (; i < Size && field[i] != '\0' && field[i] != ' '; ++i) {
    if (field[i] < '0' || field[i] > '7') not_tar("a number is not octal");
    value = value << 3 | static_cast<uint64_t>(field[i] - '0');
  }
  return value;
}

uint64_t checksum_of(const Block& block) {
  Block copy = block;
  std::memset(copy.checksum, ' ', sizeof copy.checksum);
  uint64_t sum = 0;
  for (const char byte : std::span(reinterpret_cast<const char*>(&copy), sizeof copy))
    sum += static_cast<unsigned char>(byte);
  return sum;
}

std::string finish(Block& block) {
  std::memcpy(block.magic, "ustar", 6);
  std::memcpy(block.version, "00", 2);
  const std::string sum = fmt::format("{:06o}", checksum_of(block));
  std::memcpy(block.checksum, sum.c_str(), 7);
  block.checksum[7] = ' ';
  return std::string(reinterpret_cast<const char*>(&block), sizeof block);
}

// "LENGTH KEY=VALUE\n", where LENGTH counts itself.
std::string pax_record(std::string_view key, std::string_view value) {
  const size_t rest = key.size() + value.size() + 3;
  size_t length = rest + 1;
  while (std::to_string(length).size() + rest != length) length = std::to_string(length).size() + rest;
  return fmt::format("{} {}={}\n", length, key, value);
}

std::map<std::string, std::string, std::less<>> parse_records(std::string_view text) {
  std::map<std::string, std::string, std::less<>> records;
  while (!text.empty()) {
    const size_t blank = text.find(' ');
    const auto length = base::parse_number<size_t>(text.substr(0, blank));
    if (blank == text.npos || !length || *length > text.size() || *length <= blank + 1)
      not_tar("a pax record is damaged");
    const std::string_view record = text.substr(blank + 1, *length - blank - 1);
    const size_t equals = record.find('=');
    if (equals == record.npos || record.back() != '\n') not_tar("a pax record is damaged");
    records[std::string(record.substr(0, equals))] = record.substr(equals + 1, record.size() - equals - 2);
    text.remove_prefix(*length);
  }
  return records;
}

uint64_t record_number(std::string_view text) {
  const auto number = base::parse_number<uint64_t>(text.substr(0, text.find('.')));
  return number.value_or(0);
}

bool is_zero(const Block& block) {
  const auto bytes = std::span(reinterpret_cast<const char*>(&block), sizeof block);
  return std::all_of(bytes.begin(), bytes.end(), [](char byte) { return byte == 0; });
}

TarEntry entry_of(const Block& block) {
  if (number_of(block.checksum) != checksum_of(block)) not_tar("a header's checksum is wrong");
  TarEntry entry;
  entry.path = text_of(block.name);
  // GNU's old format has other things where ustar has the prefix; its magic is "ustar ".
  if (std::memcmp(block.magic, "ustar\0", 6) == 0 && block.prefix[0] != '\0')
    entry.path = text_of(block.prefix) + "/" + entry.path;
  entry.link = text_of(block.link);
  entry.mode = number_of(block.mode) & 07777U;
  entry.uid = number_of(block.uid);
  entry.gid = number_of(block.gid);
  entry.size = number_of(block.size);
  entry.mtime_s = static_cast<int64_t>(number_of(block.mtime));
  entry.device_major = static_cast<unsigned>(number_of(block.major));
  entry.device_minor = static_cast<unsigned>(number_of(block.minor));
  entry.type = static_cast<TarType>(block.type);
  return entry;
}

}  // namespace

size_t tar_padding(uint64_t size) {
  return (kTarBlock - size % kTarBlock) % kTarBlock;
}

std::string encode_tar_header(const TarEntry& entry) {
  std::string records;
  if (entry.path.size() > sizeof(Block::name)) records += pax_record("path", entry.path);
  if (entry.link.size() > sizeof(Block::link)) records += pax_record("linkpath", entry.link);
  if (entry.size > kMaxOctal12) records += pax_record("size", std::to_string(entry.size));
  if (entry.uid > kMaxOctal8) records += pax_record("uid", std::to_string(entry.uid));
  if (entry.gid > kMaxOctal8) records += pax_record("gid", std::to_string(entry.gid));

  std::string out;
  if (!records.empty()) {
    Block pax{};
    std::memcpy(pax.name, "pax", 3);
    pax.type = 'x';
    put_octal(pax.mode, 0644);
    put_octal(pax.size, records.size());
    out = finish(pax) + records + std::string(tar_padding(records.size()), '\0');
  }
  Block block{};
  entry.path.copy(block.name, sizeof block.name);
  entry.link.copy(block.link, sizeof block.link);
  put_octal(block.mode, entry.mode & 07777U);
  put_octal(block.uid, std::min(entry.uid, kMaxOctal8));
  put_octal(block.gid, std::min(entry.gid, kMaxOctal8));
  put_octal(block.size, std::min(entry.size, kMaxOctal12));
  put_octal(block.mtime, static_cast<uint64_t>(std::clamp<int64_t>(entry.mtime_s, 0, int64_t{kMaxOctal12})));
  put_octal(block.major, std::min<uint64_t>(entry.device_major, kMaxOctal8));
  put_octal(block.minor, std::min<uint64_t>(entry.device_minor, kMaxOctal8));
  block.type = static_cast<char>(entry.type);
  return out + finish(block);
}

void TarReader::read_exactly(std::span<char> into) {
  if (!read_(into)) not_tar("it ends too early");
}

std::string TarReader::small_content(uint64_t size) {
  if (size > kMaxRecordsBytes) not_tar("an extended header is too large");
  std::string content(size + tar_padding(size), '\0');
  read_exactly(content);
  content.resize(size);
  return content;
}

void TarReader::skip_rest() {
  std::array<char, 16384> buffer;
  while (content(buffer) > 0) {
  }
  read_exactly(std::span(buffer).first(padding_));
  padding_ = 0;
}

size_t TarReader::content(std::span<char> into) {
  const size_t now = std::min<uint64_t>(left_, into.size());
  if (now > 0) read_exactly(into.first(now));
  left_ -= now;
  return now;
}

std::optional<TarEntry> TarReader::next() {
  skip_rest();
  Records local;
  std::optional<std::string> long_name;
  std::optional<std::string> long_link;
  while (true) {
    Block block;
    if (!read_(std::span(reinterpret_cast<char*>(&block), sizeof block)) || is_zero(block)) return std::nullopt;
    TarEntry entry = entry_of(block);
    if (block.type == 'x' || block.type == 'g') {
      Records records = parse_records(small_content(entry.size));
      records.merge(block.type == 'g' ? global_ : local);
      (block.type == 'g' ? global_ : local) = std::move(records);
      continue;
    }
    if (block.type == 'L' || block.type == 'K') {
      std::string text = small_content(entry.size);
      text.resize(::strnlen(text.data(), text.size()));
      (block.type == 'L' ? long_name : long_link) = std::move(text);
      continue;
    }
    local.merge(Records(global_));
    if (block.type == '\0' || block.type == '7') entry.type = TarType::kFile;
    if (block.type != '\0' && (block.type < '0' || block.type > '7')) not_tar("an entry is of an unknown kind");
    if (long_name) entry.path = *long_name;
    if (long_link) entry.link = *long_link;
    if (const auto found = local.find("path"); found != local.end()) entry.path = found->second;
    if (const auto found = local.find("linkpath"); found != local.end()) entry.link = found->second;
    if (const auto found = local.find("size"); found != local.end()) entry.size = record_number(found->second);
    if (const auto found = local.find("uid"); found != local.end()) entry.uid = record_number(found->second);
    if (const auto found = local.find("gid"); found != local.end()) entry.gid = record_number(found->second);
    if (const auto found = local.find("mtime"); found != local.end())
      entry.mtime_s = static_cast<int64_t>(record_number(found->second));
    if (entry.path.size() > kMaxNameBytes || entry.link.size() > kMaxNameBytes) not_tar("a name is too long");
    // Old archives mark a folder by its name's end.
    if (entry.type == TarType::kFile && entry.path.ends_with('/')) entry.type = TarType::kFolder;
    if (entry.type != TarType::kFile) entry.size = 0;
    left_ = entry.size;
    padding_ = tar_padding(entry.size);
    return entry;
  }
}

}  // namespace caisson::guest
