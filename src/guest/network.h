// SPDX-License-Identifier: Apache-2.0

// The sandbox's network without a network card: the loopback, and a dummy device with an address and the default
// routes, so that connections have somewhere to start from; the gate takes them from there (egress.h).
#pragma once

namespace caisson::guest {

// By rtnetlink(7) and nf_tables; throws base::Error. Also writes /etc/resolv.conf.
void set_up_network();

// Throws when there is no such device.
int device_index(const char* name);

}  // namespace caisson::guest
