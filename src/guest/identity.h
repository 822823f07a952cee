// SPDX-License-Identifier: Apache-2.0

// What makes this sandbox another one than the template it was thawed from: name, machine-id, clock and randomness.
#pragma once

#include <string>
#include <string_view>

#include "link/services.h"

namespace caisson::guest {

// Applies it to the running machine, randomness first; everything is a write to a file that exists or a system call, no
// program is run. Throws base::Error for entropy, clock and name; false when a file cannot be written, which in a fresh
// clone would make two sandboxes alike, and in a sandbox that ran before is its user's doing (a full disk, a folder in
// its place).
bool take_identity(const link::Configure& configuration);

// Removes what names this machine in files, before a template is frozen.
void forget_identity();

// /etc/hosts with `hostname` as the name of 127.0.1.1 (Debian's convention), the rest as it was.
std::string hosts_with(std::string_view hosts, std::string_view hostname);

}  // namespace caisson::guest
