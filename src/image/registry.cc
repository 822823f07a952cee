// SPDX-License-Identifier: Apache-2.0

#include "image/registry.h"

#include <arpa/inet.h>

#include <string>

namespace caisson::image {
namespace {

constexpr std::string_view kScheme = "docker://";

}  // namespace

bool is_loopback_registry(std::string_view reference) {
  if (!reference.starts_with(kScheme)) return false;
  reference.remove_prefix(kScheme.size());
  const size_t slash = reference.find('/');
  if (slash == std::string_view::npos) return false;  // "docker://busybox" is one of the default registry
  const std::string_view place = reference.substr(0, slash);
  if (place == "[::1]" || place.starts_with("[::1]:")) return true;
  const std::string host(place.substr(0, place.find(':')));
  if (host == "localhost") return true;
  in_addr address{};
  return ::inet_pton(AF_INET, host.c_str(), &address) == 1 && (ntohl(address.s_addr) >> 24) == 127;
}

}  // namespace caisson::image
