// SPDX-License-Identifier: Apache-2.0

#include "gate/url.h"

#include <algorithm>

#include "base/ascii.h"
#include "base/text.h"
#include "gate/host_name.h"

namespace caisson::gate {
namespace {

// RFC 3986 has none of these in a URL. A backslash is a slash to browsers and a byte of the user's name to others, so
// that "https://a\@b" leads to a or to b.
bool is_odd(char c) {
  return c <= ' ' || c >= 0x7f || c == '\\';
}

bool is_scheme_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
}

struct UrlAuthority {
  std::string_view host;
  std::optional<std::string_view> port;
};

std::optional<UrlAuthority> split_authority(std::string_view text) {
  // Behind the last '@': one in a password is written so by people who should not.
  if (const size_t at = text.rfind('@'); at != std::string_view::npos) text.remove_prefix(at + 1);
  std::string_view host = text;
  std::string_view behind;
  if (text.starts_with('[')) {
    const size_t close = text.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    host = text.substr(1, close - 1);
    behind = text.substr(close + 1);
    if (host.find(':') == std::string_view::npos) return std::nullopt;
  } else if (const size_t colon = text.find(':'); colon != std::string_view::npos) {
    host = text.substr(0, colon);
    behind = text.substr(colon);
  }
  if (behind.empty()) return UrlAuthority{host, std::nullopt};
  if (behind[0] != ':') return std::nullopt;
  // RFC 3986, 3.2.3: an empty port is the scheme's.
  if (behind.size() == 1) return UrlAuthority{host, std::nullopt};
  return UrlAuthority{host, behind.substr(1)};
}

}  // namespace

std::string scheme_of_url(std::string_view text) {
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0 || colon > 32) return {};
  std::string scheme = base::ascii_lower(text.substr(0, colon));
  return std::all_of(scheme.begin(), scheme.end(), is_scheme_byte) ? scheme : std::string();
}

uint16_t default_port(std::string_view scheme) {
  if (scheme == "http") return 80;
  if (scheme == "https") return 443;
  if (scheme == "git") return 9418;
  if (scheme == "ssh") return 22;
  return 0;
}

std::optional<HostPattern> exact_host(std::string_view text) {
  if (const auto address = IpAddress::parse(text)) {
    return HostPattern{.kind = HostPattern::Kind::kNetwork, .network = Cidr(*address)};
  }
  auto name = normal_name(text);
  if (!name) return std::nullopt;
  return HostPattern{.kind = HostPattern::Kind::kName, .name = std::move(*name)};
}

std::optional<UrlPlace> place_of_url(std::string_view text) {
  if (text.size() > kMaxUrlBytes || std::any_of(text.begin(), text.end(), is_odd)) return std::nullopt;
  std::string scheme = scheme_of_url(text);
  if (scheme.empty() || text.substr(scheme.size(), 3) != "://") return std::nullopt;
  text.remove_prefix(scheme.size() + 3);
  const auto authority = split_authority(text.substr(0, text.find_first_of("/?#")));
  if (!authority) return std::nullopt;
  auto host = exact_host(authority->host);
  if (!host) return std::nullopt;
  uint16_t port = default_port(scheme);
  if (authority->port) {
    const auto number = base::parse_number<uint16_t>(*authority->port);
    if (!number || *number == 0) return std::nullopt;
    port = *number;
  }
  return UrlPlace{.scheme = std::move(scheme), .host = std::move(*host), .port = port};
}

std::string to_string(const HostPattern& host) {
  return to_string(Rule{.host = host});
}

}  // namespace caisson::gate
