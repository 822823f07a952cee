// SPDX-License-Identifier: Apache-2.0

// A pack that a guest sends, as it comes: bytes in a file without a name, within bounds.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/fd.h"

namespace caisson::clones {

inline constexpr uint64_t kMostPackBytes = 1ULL << 30;

class IncomingPack {
 public:
  // In this folder, which is the sandbox's. Throws base::Error.
  explicit IncomingPack(const std::string& folder);

  // Throws base::Error beyond kMostPackBytes, and where there is not room for it and for what is made of it.
  void add(std::string_view part);
  int fd() const { return file_.get(); }

 private:
  std::string folder_;
  base::Fd file_;
  uint64_t bytes_ = 0;
};

}  // namespace caisson::clones
