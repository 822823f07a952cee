// SPDX-License-Identifier: Apache-2.0

#include "gate/http_authority.h"

#include <algorithm>

#include "base/text.h"
#include "gate/address.h"
#include "gate/host_name.h"

namespace caisson::gate {

Authority read_authority(std::string_view text) {
  Authority authority;
  std::string_view host = text;
  size_t colon = text.find(':');
  if (text.starts_with('[')) {
    const size_t close = text.find(']');
    if (close == std::string_view::npos) throw HttpProblem("its host is no name and no address");
    host = text.substr(1, close - 1);
    colon = close + 1 < text.size() ? close + 1 : std::string_view::npos;
    if (colon != std::string_view::npos && text[colon] != ':') throw HttpProblem("its host is no name and no address");
  } else {
    host = text.substr(0, colon);
  }
  if (colon != std::string_view::npos) {
    authority.port = base::parse_number<uint16_t>(text.substr(colon + 1));
    if (!authority.port || *authority.port == 0) throw HttpProblem("its host has a port that is none");
  }
  const auto address = IpAddress::parse(host);
  const auto name = normal_name(host);
  if (!address && !name) throw HttpProblem("its host is no name and no address");
  authority.host = address ? to_string(*address) : *name;
  return authority;
}

void check_method(std::string_view method) {
  if (!is_http_token(method)) throw HttpProblem("its method is no word");
  if (method.size() > kMaxMethodBytes)
    throw HttpProblem("its method is longer than " + std::to_string(kMaxMethodBytes) + " bytes");
  if (method == "CONNECT") throw HttpProblem("its method is CONNECT");
  if (!std::all_of(method.begin(), method.end(), [](char c) { return (c >= 'A' && c <= 'Z') || c == '-'; })) {
    throw HttpProblem("its method is not in capitals");
  }
}

void check_target_bytes(std::string_view target) {
  if (std::any_of(target.begin(), target.end(), [](char c) { return c <= 0x20 || c >= 0x7F || c == '#'; })) {
    throw HttpProblem("its target has a byte that is not allowed there");
  }
}

}  // namespace caisson::gate
