// SPDX-License-Identifier: Apache-2.0

// The one thing that the gate wants of a URL: where it leads. User, password, path and query are dropped unread, so
// that no credential of a settings file can get into a rule, a note or a log.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "gate/rule.h"

namespace caisson::gate {

inline constexpr size_t kMaxUrlBytes = 4096;

struct UrlPlace {
  std::string scheme;  // lower-case
  HostPattern host;    // a name or one address
  uint16_t port = 0;   // the scheme's where the URL has none; 0: neither has one
};

// Nothing for what is no SCHEME://HOST[:PORT]… or can be read in two ways (blanks, control bytes, backslashes).
std::optional<UrlPlace> place_of_url(std::string_view text);

// "HTTPS" of "HTTPS://…" and "file" of "file:…", in lower case; "" where there is none.
std::string scheme_of_url(std::string_view text);

// 80, 443, 9418, 22; 0 for other schemes.
uint16_t default_port(std::string_view scheme);

// A name or an address (an IPv6 one without brackets) as the pattern that it alone fits.
std::optional<HostPattern> exact_host(std::string_view text);

// "example.com", "192.0.2.7"
std::string to_string(const HostPattern& host);

}  // namespace caisson::gate
