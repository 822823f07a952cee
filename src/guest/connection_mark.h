// SPDX-License-Identifier: Apache-2.0

// The kernel's own memory of a connection (nf_conntrack), which bears the packet filter's mark.
#pragma once

#include "guest/flow_key.h"

namespace caisson::guest {

// The next packet of the flow is a new connection's. One that is not there is forgotten already.
void forget_connection(const FlowKey& flow);

}  // namespace caisson::guest
