// SPDX-License-Identifier: Apache-2.0

#include "base/host_port.h"

namespace caisson::base {

std::string in_brackets_if_v6(const std::string& host) {
  return host.find(':') == std::string::npos ? host : "[" + host + "]";
}

std::string host_port(const std::string& host, uint16_t port) {
  return in_brackets_if_v6(host) + ":" + std::to_string(port);
}

}  // namespace caisson::base
