// SPDX-License-Identifier: Apache-2.0

#include "changes/git_index.h"

#include <algorithm>
#include <iterator>
#include <vector>

#include "base/ascii.h"
#include "base/text.h"
#include "changes/digest.h"
#include "link/big_endian.h"
#include "link/change_format.h"

namespace caisson::changes {
namespace {

constexpr size_t kObjectNameBytes = 20;
constexpr size_t kStatBytes = 40;
constexpr size_t kModeOffset = 24;  // in them
constexpr uint16_t kAssumeValidFlag = 0x8000;
constexpr uint16_t kExtendedFlag = 0x4000;
constexpr uint16_t kSkipWorktreeFlag = 0x4000;  // of the extended ones
constexpr uint16_t kNameLength = 0x0fff;
constexpr uint32_t kPrefixCompressed = 4;  // the version

class IndexBytes {
 public:
  explicit IndexBytes(std::string_view text) : text_(text) {}

  size_t left() const { return text_.size() - at_; }
  // Nothing where there are fewer.
  std::optional<std::string_view> take(size_t count) {
    if (left() < count) return std::nullopt;
    at_ += count;
    return text_.substr(at_ - count, count);
  }
  std::optional<uint32_t> number(size_t size) {
    const auto bytes = take(size);
    if (!bytes) return std::nullopt;
    const auto* from = reinterpret_cast<const uint8_t*>(bytes->data());
    return size == 2 ? link::load16(from) : link::load32(from);
  }
  // Up to a NUL, which is taken, too.
  std::optional<std::string_view> text() {
    const size_t end = text_.find('\0', at_);
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view found = text_.substr(at_, end - at_);
    at_ = end + 1;
    return found;
  }
  // As packs have offsets: seven bits in each byte, each further one adds 1.
  std::optional<size_t> varint() {
    auto byte = take(1);
    if (!byte) return std::nullopt;
    size_t value = static_cast<uint8_t>(byte->front()) & 0x7fU;
    while ((static_cast<uint8_t>(byte->front()) & 0x80U) != 0) {
      byte = take(1);
      if (!byte || value > link::kMostChangePathBytes) return std::nullopt;
      value = ((value + 1) << 7) + (static_cast<uint8_t>(byte->front()) & 0x7fU);
    }
    return value;
  }

 private:
  std::string_view text_;
  size_t at_ = 0;
};

// What git's verify_path() would say, on any file system.
std::string flaw_of_name(std::string_view name) {
  // A folder of a sparse index.
  if (name.ends_with('/')) name.remove_suffix(1);
  std::string flaw = link::flaw_of_path(name);
  if (!flaw.empty()) return "has an entry whose path " + flaw;
  for (const std::string& part : base::split(base::ascii_lower(name), '/')) {
    const bool is_like = part.starts_with(".git");
    // What other systems take for the same name.
    if (is_like && (part.substr(4).starts_with(':') || part.find_first_not_of(" .", 4) == std::string::npos))
      return "has an entry in .git";
    if (part.starts_with("git~")) return "has an entry in .git";
  }
  return {};
}

struct IndexEntry {
  std::string_view mode;
  std::string_view object;
  uint32_t flags = 0;
  uint32_t extended = 0;
  std::string name;  // and of the one before, when the next is read
};

// What is wrong with its form.
std::string read_entry(IndexBytes& bytes, uint32_t version, IndexEntry& entry) {
  static constexpr const char* kCutOff = "is cut off";
  const size_t before = bytes.left();
  const auto stat = bytes.take(kStatBytes);
  const auto object = bytes.take(kObjectNameBytes);
  const auto flags = bytes.number(2);
  if (!stat || !object || !flags) return kCutOff;
  const auto extended = (*flags & kExtendedFlag) != 0 ? bytes.number(2) : std::optional<uint32_t>(0);
  if (!extended) return kCutOff;
  entry.mode = stat->substr(kModeOffset, 4);
  entry.object = *object;
  entry.flags = *flags;
  entry.extended = *extended;
  size_t kept = 0;
  if (version == kPrefixCompressed) {
    const auto stripped = bytes.varint();
    if (!stripped) return kCutOff;
    if (*stripped > entry.name.size()) return "has an entry with a name that is none";
    kept = entry.name.size() - *stripped;
  }
  const auto rest = bytes.text();
  if (!rest) return kCutOff;
  entry.name.resize(kept);
  entry.name += *rest;
  const size_t length = *flags & kNameLength;
  if (length == kNameLength ? entry.name.size() < kNameLength : entry.name.size() != length)
    return "has an entry with a name of another length";
  if (version == kPrefixCompressed) return {};
  // Filled up with NULs to a multiple of eight; one has been taken.
  while ((before - bytes.left()) % 8 != 0) {
    const auto fill = bytes.take(1);
    if (!fill) return kCutOff;
    if (fill->front() != '\0') return "has something between its entries";
  }
  return {};
}

std::string flaw_of_entry(const IndexEntry& entry) {
  if ((entry.flags & kAssumeValidFlag) != 0 || (entry.extended & kSkipWorktreeFlag) != 0)
    return "has an entry whose file git does not look at";
  return flaw_of_name(entry.name);
}

// All entries, each given to `visit`, which may find a flaw, too.
template <typename Visit>
std::string read_entries(IndexBytes& bytes, const Visit& visit) {
  const auto magic = bytes.take(4);
  const auto version = bytes.number(4);
  const auto entries = bytes.number(4);
  if (!entries || *magic != "DIRC" || *version < 2 || *version > kPrefixCompressed) return "is no index";
  IndexEntry entry;
  for (uint32_t i = 0; i < *entries; ++i) {
    std::string flaw = read_entry(bytes, *version, entry);
    if (flaw.empty()) flaw = visit(entry);
    if (!flaw.empty()) return flaw;
  }
  return {};
}

// Up to the checksum, which git does not look at either: the names of all.
std::string read_extension_names(IndexBytes& bytes, std::vector<std::string_view>& names) {
  while (bytes.left() > kObjectNameBytes) {
    const auto name = bytes.take(4);
    const auto size = bytes.number(4);
    if (!name || !size || bytes.left() < kObjectNameBytes || *size > bytes.left() - kObjectNameBytes)
      return "is cut off";
    names.push_back(*name);
    bytes.take(*size);
  }
  return bytes.left() == kObjectNameBytes ? "" : "is cut off";
}

// What says which files need not be looked at (FSMN, UNTR) is not among those that are known.
std::string flaw_of_extensions(IndexBytes& bytes) {
  static constexpr std::string_view kKnown[] = {"TREE", "REUC", "sdir"};
  std::vector<std::string_view> names;
  std::string flaw = read_extension_names(bytes, names);
  for (const std::string_view name : names) {
    if (std::find(std::begin(kKnown), std::end(kKnown), name) == std::end(kKnown))
      return "has the extension " + base::in_quotes(name);
  }
  return flaw;
}

}  // namespace

std::string flaw_of_index(std::string_view text) {
  IndexBytes bytes(text);
  std::string flaw = read_entries(bytes, flaw_of_entry);
  return flaw.empty() ? flaw_of_extensions(bytes) : flaw;
}

std::optional<uint64_t> entries_of_index(std::string_view text) {
  IndexBytes bytes(text);
  Digest digest;
  auto add = [&digest](const IndexEntry& entry) {
    digest.add(entry.mode).add(entry.object).add(uint64_t{entry.flags & ~kNameLength}).add(uint64_t{entry.extended});
    digest.add(entry.name).add(uint64_t{entry.name.size()});
    return std::string();
  };
  std::vector<std::string_view> extensions;
  if (!read_entries(bytes, add).empty() || !read_extension_names(bytes, extensions).empty()) return std::nullopt;
  // The entries of a split index are elsewhere.
  if (std::find(extensions.begin(), extensions.end(), "link") != extensions.end()) return std::nullopt;
  return digest.value();
}

}  // namespace caisson::changes
