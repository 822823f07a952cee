// SPDX-License-Identifier: Apache-2.0

#include "link/change_format.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "base/text.h"
#include "link/big_endian.h"

namespace caisson::link {
namespace {

using base::Error;

constexpr uint8_t kOpaqueFlag = 1;
constexpr size_t kMostTargetBytes = 4095;
constexpr size_t kMostErrorBytes = 2048;

uint64_t load64(const uint8_t* from) {
  return static_cast<uint64_t>(load32(from)) << 32 | load32(from + 4);
}

void append16(size_t value, std::string& into) {
  uint8_t bytes[2];
  store16(static_cast<uint16_t>(value), bytes);
  into.append(reinterpret_cast<const char*>(bytes), sizeof bytes);
}

void append32(uint32_t value, std::string& into) {
  uint8_t bytes[4];
  store32(value, bytes);
  into.append(reinterpret_cast<const char*>(bytes), sizeof bytes);
}

void append64(uint64_t value, std::string& into) {
  append32(static_cast<uint32_t>(value >> 32), into);
  append32(static_cast<uint32_t>(value), into);
}

[[noreturn]] void refuse(const ChangeRecord& record, const std::string& why) {
  throw Error("the sandbox's list of changes is refused: " + base::in_quotes(record.path) + " " + why);
}

[[noreturn]] void refuse(const std::string& why) {
  throw Error("the sandbox's list of changes is refused: " + why);
}

// Fields that a kind does not have must be 0, so that a record has one form only.
void check_fields(const ChangeRecord& record) {
  const bool folder = record.kind == ChangeKind::kFolder;
  const bool file = record.kind == ChangeKind::kFile;
  const bool symlink = record.kind == ChangeKind::kSymlink;
  if (record.opaque && !folder) refuse(record, "is opaque and no folder");
  if (record.mode > 0777 || (record.mode != 0 && !folder && !file))
    refuse(record, "has the mode bits " + std::to_string(record.mode));
  if (record.mtime_ns != 0 && !folder && !file && !symlink) refuse(record, "has a time and no file");
  if ((record.size != 0 || record.real_size != 0) && !file) refuse(record, "has content and is no file");
  if (record.size != 0 && record.size != record.real_size) refuse(record, "has two sizes");
  if (record.kind == ChangeKind::kEnd) {
    if (!record.path.empty()) refuse(record, "ends the list and has a name");
    if (record.target.size() > kMostErrorBytes) refuse("the error at its end is too long");
    return;
  }
  if (!record.target.empty() && !folder && !symlink) refuse(record, "has a target and is no link");
  if (symlink && record.target.empty()) refuse(record, "is a link to nothing");
  if (record.target.find('\0') != std::string::npos) refuse(record, "has a target with a NUL byte");
  if (folder && record.opaque && !record.target.empty()) refuse(record, "is opaque and renamed");
  if (folder && !record.target.empty()) {
    const std::string flaw = flaw_of_path(record.target);
    if (!flaw.empty()) refuse(record, "was renamed from a folder whose path " + flaw);
  }
}

}  // namespace

std::string flaw_of_path(std::string_view path) {
  if (path.empty()) return "is empty";
  if (path.size() > kMostChangePathBytes) return "has more than " + std::to_string(kMostChangePathBytes) + " bytes";
  if (path.find('\0') != std::string_view::npos) return "has a NUL byte";
  if (path.front() == '/') return "is absolute";
  while (true) {
    const size_t slash = path.find('/');
    const std::string_view name = path.substr(0, slash);
    if (name.empty()) return "has an empty name in it";
    if (name.size() > 255) return "has a name of more than 255 bytes in it";
    if (name == "." || name == "..") return "has '" + std::string(name) + "' in it";
    if (slash == std::string_view::npos) return {};
    path.remove_prefix(slash + 1);
  }
}

bool comes_before(std::string_view first, std::string_view second) {
  // What paths of one folder begin with is long where the guest makes it so.
  constexpr size_t kBlock = 64;
  while (first.size() >= kBlock && second.size() >= kBlock && std::memcmp(first.data(), second.data(), kBlock) == 0) {
    first.remove_prefix(kBlock);
    second.remove_prefix(kBlock);
  }
  const auto rank = [](char byte) { return byte == '/' ? 0 : static_cast<int>(static_cast<unsigned char>(byte)); };
  return std::lexicographical_compare(first.begin(), first.end(), second.begin(), second.end(),
                                      [&](char a, char b) { return rank(a) < rank(b); });
}

void encode_change(const ChangeRecord& record, std::string& into) {
  into.push_back(static_cast<char>(record.kind));
  into.push_back(static_cast<char>(record.opaque ? kOpaqueFlag : 0));
  append32(record.mode, into);
  append64(static_cast<uint64_t>(record.mtime_ns), into);
  append64(record.size, into);
  append64(record.real_size, into);
  append16(record.path.size(), into);
  append16(record.target.size(), into);
  into += record.path;
  into += record.target;
}

void ChangeDecoder::feed(std::span<const uint8_t> bytes) {
  while (!bytes.empty()) {
    if (ended_) refuse("something follows its end");
    if (content_left_ > 0) {
      const size_t part = std::min<uint64_t>(content_left_, bytes.size());
      if (sink_.content) sink_.content(bytes.first(part));
      content_left_ -= part;
      bytes = bytes.subspan(part);
      if (content_left_ == 0) finish_content();
      continue;
    }
    const size_t part = std::min(wanted_ - pending_.size(), bytes.size());
    pending_.insert(pending_.end(), bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(part));
    bytes = bytes.subspan(part);
    if (pending_.size() < wanted_) return;
    if (in_names_) {
      decode_names();
    } else {
      decode_header();
    }
  }
}

void ChangeDecoder::decode_header() {
  const uint8_t* from = pending_.data();
  record_ = {};
  if (from[0] < static_cast<uint8_t>(ChangeKind::kFolder) || from[0] > static_cast<uint8_t>(ChangeKind::kEnd))
    refuse("it has a record of the unknown kind " + std::to_string(from[0]));
  record_.kind = static_cast<ChangeKind>(from[0]);
  if (from[1] > kOpaqueFlag) refuse("it has a record with unknown flags");
  record_.opaque = (from[1] & kOpaqueFlag) != 0;
  record_.mode = load32(from + 2);
  record_.mtime_ns = static_cast<int64_t>(load64(from + 6));
  record_.size = load64(from + 14);
  record_.real_size = load64(from + 22);
  path_bytes_ = load16(from + 30);
  const size_t target_bytes = load16(from + 32);
  if (path_bytes_ > kMostChangePathBytes || target_bytes > kMostTargetBytes) refuse("it has a name that is too long");
  pending_.clear();
  wanted_ = path_bytes_ + target_bytes;
  in_names_ = true;
  if (wanted_ == 0) decode_names();
}

void ChangeDecoder::decode_names() {
  const auto* names = reinterpret_cast<const char*>(pending_.data());
  record_.path.assign(names, path_bytes_);
  record_.target.assign(names + path_bytes_, pending_.size() - path_bytes_);
  pending_.clear();
  wanted_ = kChangeHeaderBytes;
  in_names_ = false;
  take(std::move(record_));
}

void ChangeDecoder::take(ChangeRecord record) {
  check_fields(record);
  if (record.kind == ChangeKind::kEnd) {
    ended_ = true;
    sink_.record(record);
    return;
  }
  const std::string flaw = flaw_of_path(record.path);
  if (!flaw.empty()) refuse(record, flaw);
  check_place(record);
  if (++records_ > kMostChangeRecords) refuse("it has more than " + std::to_string(kMostChangeRecords) + " entries");
  name_bytes_ += record.path.size() + record.target.size();
  if (name_bytes_ > kMostChangeNameBytes)
    refuse("its names have more than " + std::to_string(kMostChangeNameBytes) + " bytes");
  // Each on its own first: their sum must not wrap.
  if (record.real_size > INT64_MAX || record.size > kMostChangeContentBytes ||
      content_bytes_ + record.size > kMostChangeContentBytes) {
    refuse(record, "announces content beyond the bound of " + std::to_string(kMostChangeContentBytes) + " bytes");
  }
  content_bytes_ += record.size;
  content_left_ = record.size;
  sink_.record(record);
  if (content_left_ == 0) finish_content();
}

// Of a walk in order, what may come next is in the folder of the last record's or in one above it.
void ChangeDecoder::check_place(const ChangeRecord& record) {
  const size_t slash = record.path.rfind('/');
  const std::string_view parent(record.path.data(), slash == std::string::npos ? 0 : slash);
  while (folder_ != parent) {
    if (folder_.empty()) refuse(record, "is not in a folder that was named before it");
    const size_t up = folder_.rfind('/');
    folder_.resize(up == std::string::npos ? 0 : up);
  }
  if (!last_path_.empty() && !comes_before(last_path_, record.path)) refuse(record, "comes twice or out of its order");
  last_path_ = record.path;
  if (record.kind == ChangeKind::kFolder) folder_ = record.path;
}

void ChangeDecoder::finish_content() {
  if (sink_.whole) sink_.whole();
}

}  // namespace caisson::link
