// SPDX-License-Identifier: Apache-2.0

// A company's package mirror is often at an address that is not public, which a rule for its name does not open. For a
// group that is read from the machine's own settings, such an address is looked up and named when the sandbox is made.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "gate/group_rules.h"
#include "gate/host_resolver.h"

namespace caisson::gate {

// The rules, and for each exact name among them a rule for each of its private, shared (carrier-grade) and reserved
// addresses, at the same ports. Never for loopback, link-local or metadata addresses, nor for an address of the host's
// own, which is noted. What the resolver does not answer within `patience` is left out, with a note. Blocks.
// `resolve` is called on threads of their own; one that does not return in time goes on without anybody.
GroupRules with_own_addresses(GroupRules group, const std::function<Resolved(const std::string& name)>& resolve,
                              std::chrono::milliseconds patience);

}  // namespace caisson::gate
