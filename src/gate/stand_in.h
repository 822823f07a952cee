// SPDX-License-Identifier: Apache-2.0

// What serves a name's port in the place of where the name leads: `--resolve HOST:PORT:ADDRESS[:PORT]`, after curl's
// option. The rules judge the name, as ever; nothing is resolved for it. The user has named the address, so that it
// needs no rule of its own for that host and port.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "gate/address.h"

namespace caisson::gate {

inline constexpr size_t kMaxStandIns = 1024;

struct StandIn {
  std::string name;  // normal form
  uint16_t port = 0;
  IpAddress address = {};
  uint16_t address_port = 0;

  bool operator==(const StandIn&) const = default;
};

// Without the second port that is the first one. Throws a base::Error that names the text and says how to write it.
StandIn parse_stand_in(std::string_view text);

// "example.com:443", "127.0.0.1:8443"
std::string served_place(const StandIn& one);
std::string serving_place(const StandIn& one);
// The normal form: parse_stand_in(to_string(one)) == one.
std::string to_string(const StandIn& one);

}  // namespace caisson::gate
