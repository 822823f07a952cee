// SPDX-License-Identifier: Apache-2.0

#include "guest/announced_content.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/error.h"

namespace caisson::guest {

void read_announced(const base::Fd& file, uint64_t size, const std::string& name, std::span<char> buffer,
                    const std::function<void(std::string_view)>& write) {
  uint64_t left = size;
  while (left > 0) {
    const ssize_t got = ::read(file.get(), buffer.data(), std::min<uint64_t>(left, buffer.size()));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw base::system_error("cannot read", name);
    if (got == 0) break;
    write({buffer.data(), static_cast<size_t>(got)});
    left -= static_cast<uint64_t>(got);
  }
  if (left > 0) std::fill(buffer.begin(), buffer.end(), '\0');
  for (; left > 0; left -= std::min<uint64_t>(left, buffer.size()))
    write({buffer.data(), std::min<uint64_t>(left, buffer.size())});
}

}  // namespace caisson::guest
