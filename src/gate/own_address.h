// SPDX-License-Identifier: Apache-2.0

// Which addresses are this host's own, whatever the registries say about them.
//
// The kernel is asked for the route that a connection to the address would take (rtnetlink(7)), at each judgement. So
// the answer holds for whatever makes an address the host's (one of an interface, IPv6 anycast, a local route to a
// whole network), and there is nothing to keep up to date: a set that was read by getifaddrs(3) would miss some of
// these, be old after the next change of the network, and cost more than one question each time that it is read.
#pragma once

#include "gate/address.h"

namespace caisson::gate {

// Would packets to it, or to the IPv4 address that it embeds (IpAddress::effective), end at this host? Takes a few
// microseconds. Where the kernel cannot be asked (no descriptor is left, no memory) the answer is yes, which opens
// nothing. Any thread.
bool is_own_address(const IpAddress& address);

// What the address is on this host: kOwn where it is its own and the registries have no closer word for it (loopback,
// metadata service), else as classify() says.
AddressKind classify_here(const IpAddress& address);

}  // namespace caisson::gate
