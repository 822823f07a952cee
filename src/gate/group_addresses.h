// SPDX-License-Identifier: Apache-2.0

// A company's package mirror is often at an address that is not public, which a rule for its name does not open. For a
// group that is read from the machine's own settings, such an address is looked up and named when the sandbox is made.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "gate/group_rules.h"
#include "gate/host_resolver.h"

namespace caisson::gate {

// The rules, and for each exact name among them a rule for each of its private, shared (carrier-grade) and reserved
// addresses, at the same ports. Never for the host's loopback, link-local or metadata addresses. What the resolver does
// not answer within `patience` is left out, with a note. Blocks.
using MakeUpstream = std::function<std::shared_ptr<Upstream>(asio::any_io_executor executor)>;
GroupRules with_own_addresses(GroupRules group, const MakeUpstream& make_upstream, std::chrono::milliseconds patience);

}  // namespace caisson::gate
