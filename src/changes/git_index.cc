// SPDX-License-Identifier: Apache-2.0

#include "changes/git_index.h"

#include <cstdint>
#include <optional>

#include "base/ascii.h"
#include "base/text.h"
#include "link/big_endian.h"
#include "link/change_format.h"

namespace caisson::changes {
namespace {

constexpr size_t kObjectNameBytes = 20;
constexpr size_t kStatBytes = 40;
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

// The entry's name is left in `last`.
std::string read_entry(IndexBytes& bytes, uint32_t version, std::string& last) {
  static constexpr const char* kCutOff = "is cut off";
  const size_t before = bytes.left();
  const auto stat = bytes.take(kStatBytes + kObjectNameBytes);
  const auto flags = bytes.number(2);
  if (!stat || !flags) return kCutOff;
  const auto extended = (*flags & kExtendedFlag) != 0 ? bytes.number(2) : std::optional<uint32_t>(0);
  if (!extended) return kCutOff;
  if ((*flags & kAssumeValidFlag) != 0 || (*extended & kSkipWorktreeFlag) != 0)
    return "has an entry whose file git does not look at";
  size_t kept = 0;
  if (version == kPrefixCompressed) {
    const auto stripped = bytes.varint();
    if (!stripped) return kCutOff;
    if (*stripped > last.size()) return "has an entry with a name that is none";
    kept = last.size() - *stripped;
  }
  const auto rest = bytes.text();
  if (!rest) return kCutOff;
  last.resize(kept);
  last += *rest;
  const size_t length = *flags & kNameLength;
  if (length == kNameLength ? last.size() < kNameLength : last.size() != length)
    return "has an entry with a name of another length";
  std::string flaw = flaw_of_name(last);
  if (!flaw.empty() || version == kPrefixCompressed) return flaw;
  // Filled up with NULs to a multiple of eight; one has been taken.
  while ((before - bytes.left()) % 8 != 0) {
    const auto fill = bytes.take(1);
    if (!fill) return kCutOff;
    if (fill->front() != '\0') return "has something between its entries";
  }
  return {};
}

// Up to the checksum, which git does not look at either. What says which files need not be looked at (FSMN, UNTR) is
// not among those that are known.
std::string read_extensions(IndexBytes& bytes) {
  static constexpr std::string_view kKnown[] = {"TREE", "REUC", "sdir"};
  while (bytes.left() > kObjectNameBytes) {
    const auto name = bytes.take(4);
    const auto size = bytes.number(4);
    if (!name || !size || bytes.left() < kObjectNameBytes || *size > bytes.left() - kObjectNameBytes)
      return "is cut off";
    bool known = false;
    for (const std::string_view one : kKnown) known = known || one == *name;
    if (!known) return "has the extension " + base::in_quotes(*name);
    bytes.take(*size);
  }
  return bytes.left() == kObjectNameBytes ? "" : "is cut off";
}

}  // namespace

std::string flaw_of_index(std::string_view text) {
  IndexBytes bytes(text);
  const auto magic = bytes.take(4);
  const auto version = bytes.number(4);
  const auto entries = bytes.number(4);
  if (!entries || *magic != "DIRC" || *version < 2 || *version > kPrefixCompressed) return "is no index";
  std::string name;
  for (uint32_t i = 0; i < *entries; ++i) {
    std::string flaw = read_entry(bytes, *version, name);
    if (!flaw.empty()) return flaw;
  }
  return read_extensions(bytes);
}

}  // namespace caisson::changes
