// SPDX-License-Identifier: Apache-2.0

// The sandbox's network without a network card: the loopback, and a dummy device with an address and the default route,
// so that connections have somewhere to start from; the gate takes them from there.
#pragma once

namespace caisson::guest {

// By rtnetlink(7); throws base::Error. Also writes /etc/resolv.conf.
void set_up_network();

}  // namespace caisson::guest
