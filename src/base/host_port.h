// SPDX-License-Identifier: Apache-2.0

// "example.com:443", "[2001:db8::7]:443": how a host and a port stand together, for people and for programs.
#pragma once

#include <cstdint>
#include <string>

namespace caisson::base {

// "[2001:db8::7]" for an IPv6 address, else the host as it is.
std::string in_brackets_if_v6(const std::string& host);
std::string host_port(const std::string& host, uint16_t port);

}  // namespace caisson::base
