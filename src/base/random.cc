// SPDX-License-Identifier: Apache-2.0

#include "base/random.h"

#include <sys/random.h>

#include "base/error.h"
#include "base/text.h"

namespace caisson::base {

std::string random_bytes(size_t count) {
  std::string bytes(count, '\0');
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
    throw system_error("cannot read", "random bytes");
  return bytes;
}

std::string random_hex(size_t bytes) {
  return hex(random_bytes(bytes));
}

}  // namespace caisson::base
