// SPDX-License-Identifier: Apache-2.0

// The special addresses: IANA's IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890, as RFC 8190 changed it),
// the multicast and reserved space that they leave to other registries, and the clouds' metadata services.

#include <algorithm>
#include <vector>

#include "gate/address.h"

namespace caisson::gate {
namespace {

struct Block {
  Cidr network;
  AddressKind kind;
};

struct BlockText {
  const char* network;
  AddressKind kind;
};

using enum AddressKind;

constexpr BlockText kBlocks[] = {
    // Linux takes a connection to 0.0.0.0 or :: as one to itself.
    {"0.0.0.0", kLoopback},
    {"0.0.0.0/8", kReserved},
    {"10.0.0.0/8", kPrivate},
    {"100.64.0.0/10", kCarrierGrade},
    {"127.0.0.0/8", kLoopback},
    {"169.254.0.0/16", kLinkLocal},
    {"172.16.0.0/12", kPrivate},
    {"192.0.0.0/24", kReserved},
    {"192.0.0.9", kPublic},   // Port Control Protocol's anycast
    {"192.0.0.10", kPublic},  // TURN's anycast
    {"192.0.2.0/24", kReserved},
    {"192.88.99.0/24", kReserved},
    {"192.168.0.0/16", kPrivate},
    {"198.18.0.0/15", kReserved},
    {"198.51.100.0/24", kReserved},
    {"203.0.113.0/24", kReserved},
    {"224.0.0.0/4", kMulticast},
    {"240.0.0.0/4", kReserved},

    // Only 2000::/3 is global unicast; what is around it is reserved unless the registry says more.
    {"::/3", kReserved},
    {"4000::/2", kReserved},
    {"8000::/1", kReserved},
    {"::", kLoopback},
    {"::1", kLoopback},
    {"64:ff9b:1::/48", kPrivate},
    {"2001::/23", kReserved},
    {"2001:1::1", kPublic},        // Port Control Protocol's anycast
    {"2001:1::2", kPublic},        // TURN's anycast
    {"2001:1::3", kPublic},        // DNS-SD registration's anycast
    {"2001:3::/32", kPublic},      // AMT
    {"2001:4:112::/48", kPublic},  // AS112
    {"2001:20::/28", kPublic},     // ORCHIDv2
    {"2001:30::/28", kPublic},     // drone remote identification
    {"2001:db8::/32", kReserved},
    {"3fff::/20", kReserved},
    {"fc00::/7", kPrivate},
    {"fe80::/10", kLinkLocal},
    {"fec0::/10", kPrivate},  // site-local, RFC 3879
    {"ff00::/8", kMulticast},

    // Metadata services, which hand the machine's own credentials to whoever asks.
    {"169.254.169.254", kMetadata},  // AWS, Azure, Google, Oracle, DigitalOcean, OpenStack, …
    {"169.254.169.253", kMetadata},  // AWS: the VPC's resolver
    {"169.254.170.2", kMetadata},    // AWS: credentials of ECS tasks
    {"169.254.170.23", kMetadata},   // AWS: credentials of EKS pods
    {"169.254.0.23", kMetadata},     // Tencent
    {"169.254.42.42", kMetadata},    // Scaleway
    {"100.100.100.200", kMetadata},  // Alibaba
    {"168.63.129.16", kMetadata},    // Azure's host agent; the only one with a public address
    {"192.0.0.192", kMetadata},      // Oracle
    {"fd00:ec2::254", kMetadata},
    {"fd00:ec2::253", kMetadata},
    {"fd00:ec2::23", kMetadata},
    {"fd20:ce::254", kMetadata},        // Google
    {"fd00:42::42", kMetadata},         // Scaleway
    {"fd00:c1::a9fe:a9fe", kMetadata},  // Oracle
    {"fe80::a9fe:a9fe", kMetadata},     // OpenStack
};

// Of the blocks that hold an address the smallest comes first.
std::vector<Block> sorted_blocks() {
  std::vector<Block> blocks;
  for (const BlockText& block : kBlocks) blocks.push_back({Cidr::parse(block.network).value(), block.kind});
  std::stable_sort(blocks.begin(), blocks.end(), [](const Block& a, const Block& b) {
    return a.network.prefix_length() > b.network.prefix_length();
  });
  return blocks;
}

const Block* find_block(const IpAddress& address) {
  static const std::vector<Block> kSorted = sorted_blocks();
  const IpAddress judged = address.effective();
  const auto found =
      std::find_if(kSorted.begin(), kSorted.end(), [&](const Block& block) { return block.network.contains(judged); });
  return found == kSorted.end() || found->kind == kPublic ? nullptr : &*found;
}

}  // namespace

AddressKind classify(const IpAddress& address) {
  const Block* block = find_block(address);
  return block == nullptr ? kPublic : block->kind;
}

std::string_view describe(AddressKind kind) {
  switch (kind) {
    case kPublic:
      return "a public address";
    case kPrivate:
      return "a private address";
    case kLoopback:
      return "a loopback address";
    case kLinkLocal:
      return "a link-local address";
    case kCarrierGrade:
      return "a carrier-grade NAT address";
    case kMetadata:
      return "a cloud's metadata service";
    case kMulticast:
      return "a multicast address";
    case kReserved:
      return "a reserved address";
    case kOwn:
      return "this host's own address";
  }
  return "an unknown kind of address";
}

bool is_of_own_networks(AddressKind kind) {
  return kind == kPrivate || kind == kCarrierGrade || kind == kReserved;
}

std::optional<Cidr> special_block(const IpAddress& address) {
  const Block* block = find_block(address);
  if (block == nullptr) return std::nullopt;
  return block->network;
}

}  // namespace caisson::gate
