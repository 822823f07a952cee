// SPDX-License-Identifier: Apache-2.0

// The bytes of the FUSE protocol (linux/fuse.h), as they are read from a guest that may send anything, and as they are
// written to it. Nothing here knows files.
#pragma once

#include <linux/fuse.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "link/fuse_init.h"

namespace caisson::share {

// What one request reads or writes at most; a guest is told so (max_write, max_pages).
inline constexpr size_t kMaxDataBytes = link::kMostFuseDataBytes;
// The data, and room for the header and the fields before it.
inline constexpr size_t kMaxMessageBytes = kMaxDataBytes + 4096;
inline constexpr size_t kMaxNameBytes = 255;
inline constexpr size_t kMaxTargetBytes = 4095;
inline constexpr size_t kPageBytes = 4096;

// The fields and texts of one request, in order. What is missing, too long or not ended is a base::Error with EINVAL or
// ENAMETOOLONG.
class Body {
 public:
  explicit Body(std::span<const char> bytes) : bytes_(bytes) {}

  template <typename Fields>
  Fields take() {
    static_assert(std::is_trivially_copyable_v<Fields>);
    Fields fields;
    std::memcpy(&fields, take_bytes(sizeof(Fields)).data(), sizeof(Fields));
    return fields;
  }
  // The same, where a client of an older version leaves out the last fields: those are 0 then.
  template <typename Fields>
  Fields take_at_least(size_t bytes) {
    Fields fields{};
    const size_t size = std::min(sizeof(Fields), std::max(bytes, bytes_.size()));
    std::memcpy(&fields, take_bytes(size).data(), size);
    return fields;
  }
  // One component of a path, up to its NUL: not empty, not "." or "..", without a slash, of at most 255 bytes.
  std::string name();
  // A text up to its NUL of at most `max_bytes`.
  std::string text(size_t max_bytes);
  std::span<const char> take_bytes(size_t count);
  size_t left() const { return bytes_.size(); }

 private:
  std::span<const char> bytes_;
};

struct Request {
  fuse_in_header header;
  std::span<const char> body;
};

// The answer to one request, put together in a buffer that its thread uses again and again.
class Output {
 public:
  Output();

  // Forgets what was there.
  void clear();
  template <typename Fields>
  void put(const Fields& fields) {
    static_assert(std::is_trivially_copyable_v<Fields>);
    put_bytes({reinterpret_cast<const char*>(&fields), sizeof fields});
  }
  void put_bytes(std::string_view bytes);
  // Room for `bytes` behind what was put; grow() by how many of them were filled.
  std::span<char> room(size_t bytes);
  void grow(size_t bytes) { size_ += bytes; }
  size_t body_bytes() const { return size_ - sizeof(fuse_out_header); }

  // What the guest may keep for long is true only as long as no change was seen: `entry` and `attributes` are the
  // seconds for which it may. Both are taken back when a change is seen before the answer is sent (channel.h).
  void put_entry(const fuse_entry_out& entry);
  void put_attributes(const fuse_attr_out& attributes);
  // The number of the changes seen when the answer's facts began to be gathered.
  void set_epoch(uint64_t epoch) { epoch_ = epoch; }
  void settle(uint64_t epoch_now);

  // The whole message, its header filled in.
  std::span<const char> finish(uint64_t unique, int errnum);

 private:
  struct Validity {
    uint32_t at;  // of a pair of seconds and one of nanoseconds, or of one each
    bool entry;
  };
  std::unique_ptr<char[]> bytes_;
  size_t size_ = sizeof(fuse_out_header);
  uint64_t epoch_ = UINT64_MAX;
  std::vector<Validity> valid_;
};

}  // namespace caisson::share
