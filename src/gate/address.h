// SPDX-License-Identifier: Apache-2.0

// IP addresses and networks as values, and what kind of place an address is.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace caisson::gate {

// An IPv4 or IPv6 address. An IPv4 address is kept as its mapped form (::ffff:a.b.c.d), so that the two spellings of
// one address are one value: connecting to either reaches the same host.
class IpAddress {
 public:
  // 0.0.0.0
  IpAddress() : IpAddress(v4(0)) {}
  static IpAddress v4(uint32_t host_order);
  static IpAddress v6(const std::array<uint8_t, 16>& bytes) { return IpAddress(bytes); }
  // The text form of inet_pton: no zone, no brackets, no leading zeros, no "127.1". Nothing for any other text.
  static std::optional<IpAddress> parse(std::string_view text);

  bool is_v4() const;
  // Network byte order; of an IPv4 address the mapped form.
  const std::array<uint8_t, 16>& bytes() const { return bytes_; }
  // Of an IPv4 address only.
  uint32_t v4_host_order() const;

  // The IPv4 address that packets to this one end up at, where it embeds one (NAT64 64:ff9b::/96, 6to4, Teredo), else
  // itself. What is judged about an address is judged about this one too.
  IpAddress effective() const;

  auto operator<=>(const IpAddress&) const = default;

 private:
  explicit IpAddress(const std::array<uint8_t, 16>& bytes) : bytes_(bytes) {}

  std::array<uint8_t, 16> bytes_;
};

std::string to_string(const IpAddress& address);

// A network in CIDR notation. The bits behind the prefix are zero.
class Cidr {
 public:
  // One address.
  explicit Cidr(const IpAddress& address) : network_(address), mapped_length_(128) {}
  // "10.0.0.0/8", "fd00::/8", or an address without a length. Nothing for other text, or where bits behind the prefix
  // are set ("10.0.0.1/8": whoever wrote that meant something else than what it would allow).
  static std::optional<Cidr> parse(std::string_view text);

  // An IPv6 network holds no IPv4 address: ::/0 is every IPv6 address.
  bool contains(const IpAddress& address) const;
  bool contains(const Cidr& other) const { return other.mapped_length_ >= mapped_length_ && contains(other.network_); }
  const IpAddress& network() const { return network_; }
  // As the text counts: 0 to 32 for IPv4, 0 to 128 for IPv6.
  int prefix_length() const { return network_.is_v4() ? mapped_length_ - 96 : mapped_length_; }
  bool is_one_address() const { return mapped_length_ == 128; }

  auto operator<=>(const Cidr&) const = default;

 private:
  Cidr(const IpAddress& network, int mapped_length) : network_(network), mapped_length_(mapped_length) {}

  IpAddress network_;
  int mapped_length_;  // 0 to 128, an IPv4 network's with the 96 bits of the mapped form
};

// "10.0.0.0/8"; one address without its length.
std::string to_string(const Cidr& network);

enum class AddressKind {
  kPublic,
  kPrivate,
  kLoopback,
  kLinkLocal,
  kCarrierGrade,
  kMetadata,
  kMulticast,
  kReserved,
  kOwn,  // the host's own, which no registry knows: own_address.h
};

// What the IANA special-purpose registries (RFC 6890, RFC 8190) say: whatever is not globally reachable is not
// kPublic. Judged by effective(). A cloud's metadata service is kMetadata, wherever its address is from. Never kOwn.
AddressKind classify(const IpAddress& address);

// "a private address", "the cloud's metadata service", …: for messages.
std::string_view describe(AddressKind kind);
// Of a network that its people have numbered: private, shared (carrier-grade) or reserved. What the machine's own
// settings name there is meant, as a loopback or metadata address is not.
bool is_of_own_networks(AddressKind kind);

// The registry's block that makes this address special; nothing for a public one. A rule names a special address only
// if its network lies inside that block: 0.0.0.0/0 does not open 10.0.0.0/8, and 169.254.0.0/16 not 169.254.169.254.
std::optional<Cidr> special_block(const IpAddress& address);

}  // namespace caisson::gate
