// SPDX-License-Identifier: Apache-2.0

// SHA-256 of bytes and files, as 64 lower-case hexadecimal digits.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace caisson::image {

// Digest of a stream of bytes. Not copyable; one use.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void update(std::string_view bytes);
  // The digest of everything given so far; nothing may be added afterwards.
  std::string finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string sha256(std::string_view bytes);
// Of a whole open file, from its beginning; `tick` (may be empty) is told the bytes read so far.
std::string sha256_file(int fd, std::string_view name, const std::function<void(uint64_t)>& tick = {});
std::string sha256_file(const std::string& path);

// A digest for large sparse files whose cost goes with their data, not with their size: SHA-256 over the file's size
// and, for each 64 KiB block that is not all zero, its index and its bytes. A hole and a written block of zeros count
// the same, so a copy of the file has the same digest however the file system laid it out.
std::string sparse_digest(const std::string& path);

// Whether `text` is 64 lower-case hexadecimal digits.
bool is_digest(std::string_view text);

}  // namespace caisson::image
