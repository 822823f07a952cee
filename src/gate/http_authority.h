// SPDX-License-Identifier: Apache-2.0

// What a request's head says of where it goes, in either version of HTTP, read strictly. All throw HttpProblem.
#pragma once

#include "gate/http_head.h"

namespace caisson::gate {

struct Authority {
  std::string host;  // a name in normal form, or an address as text
  std::optional<uint16_t> port = {};

  bool operator==(const Authority&) const = default;
};

// Of Host, of :authority, or of a target in absolute form.
Authority read_authority(std::string_view text);

inline constexpr size_t kMaxMethodBytes = 32;
// A word in capitals, of kMaxMethodBytes at most, and not CONNECT.
void check_method(std::string_view method);
void check_target_bytes(std::string_view target);

}  // namespace caisson::gate
