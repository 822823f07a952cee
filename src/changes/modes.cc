// SPDX-License-Identifier: Apache-2.0

#include "changes/modes.h"

#include <charconv>

#include "base/error.h"
#include "base/file.h"

namespace caisson::changes {

bool is_privileged(const HostFile& file) {
  return file.type == FileType::kFile && (file.mode & 06000U) != 0;
}

// umask(2) tells it only by setting another one, for all threads; proc(5) does not.
Modes Modes::of_this_process() {
  constexpr std::string_view kLabel = "\nUmask:\t";
  const std::string status = base::read_file("/proc/self/status");
  const size_t at = status.find(kLabel);
  uint32_t umask = 0;
  const char* digits = status.data() + at + kLabel.size();
  if (at == std::string::npos || std::from_chars(digits, status.data() + status.size(), umask, 8).ec != std::errc{})
    throw base::Error("cannot tell the umask of this process from '/proc/self/status'");
  return Modes(umask);
}

}  // namespace caisson::changes
