// SPDX-License-Identifier: Apache-2.0

// Whether an archive that passes by is whole: two blocks of zeros end one (pax(1)). The end of its bytes says nothing,
// since that of a copy that was cut off looks the same.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace caisson::cli {

class ArchiveEnd {
 public:
  void see(std::string_view bytes) {
    const size_t last_other = bytes.find_last_not_of('\0');
    const size_t zeros = last_other == std::string_view::npos ? zeros_ + bytes.size() : bytes.size() - last_other - 1;
    zeros_ = std::min(zeros, kEndBytes);
  }
  bool seen() const { return zeros_ == kEndBytes; }

 private:
  static constexpr size_t kEndBytes = 1024;
  size_t zeros_ = 0;
};

constexpr const char* kCutOff = "the copy from the sandbox was cut off";
constexpr const char* kCutOffHint = "the sandbox has ended, or does not go on with the copy: see `caisson ls`";

}  // namespace caisson::cli
