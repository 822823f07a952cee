// SPDX-License-Identifier: Apache-2.0

// A secret's bytes in memory: never swapped (mlock(2)), in no core dump (MADV_DONTDUMP), wiped when the object goes,
// between two pages that nobody may touch. It cannot be copied by accident, and nothing formats it: whoever needs the
// bytes says reveal(), so that each such place can be searched for.
//
// Not safe from several threads.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace caisson::secrets {

// What a header, or `secret-tool store`, can take.
inline constexpr size_t kMaxValueBytes = 8000;
// A shorter one could not be told from other bytes where it is looked for.
inline constexpr size_t kMinValueBytes = 8;

class Value {
 public:
  Value() = default;
  // So many bytes of zero. Throws base::Error where memory cannot be had or cannot be locked.
  explicit Value(size_t size);
  static Value copy_of(std::string_view bytes);
  Value(Value&& other) noexcept : bytes_(std::exchange(other.bytes_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  Value& operator=(Value&& other) noexcept;
  Value(const Value&) = delete;
  Value& operator=(const Value&) = delete;
  ~Value() { wipe(); }

  bool empty() const { return size_ == 0; }
  size_t size() const { return size_; }
  char* data() { return bytes_; }
  // For as long as this object is there and is not wiped.
  std::string_view reveal() const { return {bytes_, size_}; }
  // The object is empty then.
  void wipe() noexcept;

 private:
  char* bytes_ = nullptr;
  size_t size_ = 0;
};

// In a time that does not say where they differ.
bool same_value(const Value& one, const Value& other);

// All that comes from a descriptor to its end. More than `max_bytes` is an Error that names `name`.
Value read_value(int fd, size_t max_bytes, std::string_view name);

// The value without one end of line behind it. Throws a base::Error about `what` ("the value of 'github'"), without a
// byte of the value, where it is no value: too short, too long, with a control byte in it, or blanks around it.
Value checked_value(Value raw, std::string_view what);

}  // namespace caisson::secrets
