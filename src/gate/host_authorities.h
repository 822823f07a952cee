// SPDX-License-Identifier: Apache-2.0

// The certificate authorities that the administrator of this machine has added to its system's (a company's, most
// often, whose proxy or mirrors answer with their certificates): what is to be reached from this machine is to be
// reached from its sandboxes. Sources: update-ca-certificates(8), update-ca-trust(8).
#pragma once

#include <string>
#include <vector>

#include "gate/ca.h"
#include "link/services.h"

namespace caisson::gate {

// Those of files "*.crt", "*.pem" and "*.cer" in these folders, in the order of their names: each file's first, when it
// can be read and is of its time; at most what a configuration has room for, beside one. Never throws.
std::vector<link::Authority> authorities_in(const std::vector<std::string>& folders);
std::vector<link::Authority> host_authorities();
// Those, and before them the one as which the gate answers: whom a sandbox is told to trust.
std::vector<link::Authority> authorities_for_guests(const LocalAuthority& own);

}  // namespace caisson::gate
