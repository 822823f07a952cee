// SPDX-License-Identifier: Apache-2.0

#include "gate/stand_in.h"

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "base/host_port.h"
#include "base/text.h"
#include "gate/host_name.h"
#include "gate/policy.h"

namespace caisson::gate {
namespace {

using base::Error;

constexpr size_t kMaxStandInBytes = 512;
constexpr const char* kStandInForm = "write HOST:PORT:ADDRESS[:PORT], for example api.example.com:443:127.0.0.1:8443";
constexpr const char* kStandInBrackets = "write an IPv6 address in brackets: api.example.com:443:[::1]:8443";

std::string quoted(std::string_view text) {
  return base::in_quotes(text.substr(0, 80));
}

Error address_cannot_be_served(std::string_view text) {
  return Error(quoted(text) + " is an address, and only a name is led elsewhere",
               "write the name that the sandbox asks for");
}

std::string read_name(std::string_view text) {
  if (IpAddress::parse(text)) throw address_cannot_be_served(text);
  if (text.find('*') != std::string_view::npos)
    throw Error(quoted(text) + " stands for many names", "write --resolve once for each name");
  std::string name = checked_name(text);
  if (name == "localhost" || name.ends_with(".localhost"))
    throw Error(quoted(text) + " is the sandbox itself and never leaves it", "choose another name");
  if (name == kHostName) throw Error(quoted(text) + " is this machine and leads nowhere else", "choose another name");
  return name;
}

uint16_t read_port(std::string_view text) {
  const auto port = base::parse_number<uint16_t>(text);
  if (!port || *port == 0) throw Error(quoted(text) + " is not a port", "a port is 1 to 65535");
  return *port;
}

IpAddress read_address(std::string_view text) {
  const std::optional<IpAddress> address = IpAddress::parse(text);
  if (!address)
    throw Error(quoted(text) + " is not an IP address", "write one in full, as 127.0.0.1; names are not looked up");
  const bool unspecified = *address == IpAddress::v4(0) || *address == IpAddress::v6({});
  if (unspecified || classify(*address) == AddressKind::kMulticast)
    throw Error(quoted(text) + " is not the address of a server", "this machine's own are 127.0.0.1 and [::1]");
  return *address;
}

// ADDRESS[:PORT]
void read_serving_place(std::string_view text, StandIn& one) {
  std::string_view port;
  if (text.starts_with('[')) {
    const size_t close = text.find(']');
    if (close == std::string_view::npos) throw Error("the ']' behind the address is missing", kStandInBrackets);
    const std::string_view address = text.substr(1, close - 1);
    port = text.substr(close + 1);
    if (address.find(':') == std::string_view::npos || (!port.empty() && port[0] != ':'))
      throw Error("brackets are for an IPv6 address alone", kStandInBrackets);
    one.address = read_address(address);
  } else {
    const size_t colon = std::min(text.find(':'), text.size());
    port = text.substr(colon);
    if (port.find(':', 1) != std::string_view::npos)
      throw Error(quoted(text) + " is not an IPv4 address with a port", kStandInBrackets);
    one.address = read_address(text.substr(0, colon));
  }
  one.address_port = port.empty() ? one.port : read_port(port.substr(1));
}

StandIn read_stand_in(std::string_view text) {
  if (text.size() > kMaxStandInBytes) throw Error("it has more than 512 bytes", kStandInForm);
  if (text.find("://") != std::string_view::npos) throw Error("it has a URL in it", kStandInForm);
  if (text.starts_with('[')) throw address_cannot_be_served(text.substr(1, text.find(']') - 1));
  const size_t first = text.find(':');
  const size_t second = first == std::string_view::npos ? first : text.find(':', first + 1);
  if (second == std::string_view::npos) throw Error("it is not a host, a port and an address", kStandInForm);
  StandIn one;
  one.name = read_name(text.substr(0, first));
  one.port = read_port(text.substr(first + 1, second - first - 1));
  read_serving_place(text.substr(second + 1), one);
  return one;
}

}  // namespace

StandIn parse_stand_in(std::string_view text) {
  try {
    return read_stand_in(text);
  } catch (const Error& error) {
    throw error.within("cannot read " + quoted(text));
  }
}

std::string served_place(const StandIn& one) {
  return base::host_port(one.name, one.port);
}

std::string serving_place(const StandIn& one) {
  return base::host_port(to_string(one.address), one.address_port);
}

std::string to_string(const StandIn& one) {
  return served_place(one) + ":" + serving_place(one);
}

}  // namespace caisson::gate
