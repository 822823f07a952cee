// SPDX-License-Identifier: Apache-2.0

#include "gate/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <utility>

#include "base/text.h"

namespace caisson::gate {
namespace {

using Bytes16 = std::array<uint8_t, 16>;

constexpr Bytes16 kMappedPrefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
constexpr int kMappedBits = 96;

bool begins_with(const Bytes16& bytes, const Bytes16& prefix, int bits) {
  const auto whole = bits / 8;
  if (!std::equal(prefix.begin(), prefix.begin() + whole, bytes.begin())) return false;
  if (bits % 8 == 0) return true;
  const auto mask = static_cast<uint8_t>(0xFF << (8 - bits % 8));
  return (bytes[whole] & mask) == (prefix[whole] & mask);
}

bool has_bits_behind(const Bytes16& bytes, int bits) {
  for (int bit = bits; bit < 128; ++bit) {
    if ((bytes[bit / 8] >> (7 - bit % 8) & 1) != 0) return true;
  }
  return false;
}

uint32_t load_v4(const Bytes16& bytes, size_t at) {
  return static_cast<uint32_t>(bytes[at]) << 24 | static_cast<uint32_t>(bytes[at + 1]) << 16 |
         static_cast<uint32_t>(bytes[at + 2]) << 8 | bytes[at + 3];
}

}  // namespace

IpAddress IpAddress::v4(uint32_t host_order) {
  Bytes16 bytes = kMappedPrefix;
  for (size_t i = 0; i < 4; ++i) bytes[12 + i] = static_cast<uint8_t>(host_order >> (24 - 8 * i));
  return IpAddress(bytes);
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  // inet_pton stops at a NUL, which must not hide what is behind it.
  if (text.size() > INET6_ADDRSTRLEN || text.find('\0') != std::string_view::npos) return std::nullopt;
  const std::string terminated(text);
  in_addr four{};
  if (inet_pton(AF_INET, terminated.c_str(), &four) == 1) return v4(ntohl(four.s_addr));
  Bytes16 six{};
  if (inet_pton(AF_INET6, terminated.c_str(), six.data()) == 1) return v6(six);
  return std::nullopt;
}

bool IpAddress::is_v4() const {
  return begins_with(bytes_, kMappedPrefix, kMappedBits);
}

uint32_t IpAddress::v4_host_order() const {
  return load_v4(bytes_, 12);
}

IpAddress IpAddress::effective() const {
  static constexpr Bytes16 kNat64 = {0, 0x64, 0xFF, 0x9B};  // RFC 6052
  static constexpr Bytes16 kSixToFour = {0x20, 0x02};       // RFC 3056: the address is behind the prefix
  static constexpr Bytes16 kTeredo = {0x20, 0x01};          // RFC 4380: the client's address, inverted, at the end
  if (begins_with(bytes_, kNat64, 96)) return v4(load_v4(bytes_, 12));
  if (begins_with(bytes_, kSixToFour, 16)) return v4(load_v4(bytes_, 2));
  if (begins_with(bytes_, kTeredo, 32)) return v4(~load_v4(bytes_, 12));
  return *this;
}

std::string to_string(const IpAddress& address) {
  char text[INET6_ADDRSTRLEN];
  if (address.is_v4()) {
    inet_ntop(AF_INET, address.bytes().data() + 12, text, sizeof text);
  } else {
    inet_ntop(AF_INET6, address.bytes().data(), text, sizeof text);
  }
  return text;
}

std::optional<Cidr> Cidr::parse(std::string_view text) {
  const size_t slash = text.find('/');
  const auto network = IpAddress::parse(text.substr(0, slash));
  if (!network) return std::nullopt;
  if (slash == std::string_view::npos) return Cidr(*network);
  const std::string_view digits = text.substr(slash + 1);
  const auto length = base::parse_number<int>(digits);
  // "::ffff:10.0.0.0/104" counts as IPv6 text does, "10.0.0.0/8" as IPv4 text does.
  const int offset = text.substr(0, slash).find(':') == std::string_view::npos ? kMappedBits : 0;
  if (!length || *length < 0 || *length + offset > 128 || digits != std::to_string(*length)) return std::nullopt;
  if (has_bits_behind(network->bytes(), *length + offset)) return std::nullopt;
  return Cidr(*network, *length + offset);
}

bool Cidr::contains(const IpAddress& address) const {
  return address.is_v4() == network_.is_v4() && begins_with(address.bytes(), network_.bytes(), mapped_length_);
}

std::string to_string(const Cidr& network) {
  std::string text = to_string(network.network());
  if (!network.is_one_address()) text += "/" + std::to_string(network.prefix_length());
  return text;
}

}  // namespace caisson::gate
