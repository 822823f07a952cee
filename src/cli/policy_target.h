// SPDX-License-Identifier: Apache-2.0

// What users write for rules and targets of a network policy.
#pragma once

#include <string>
#include <string_view>

#include "gate/policy.h"

namespace caisson::cli {

// HOST:PORT, tcp:HOST:PORT, udp:HOST:PORT, or a URL, of which GET of its path is judged too where a rule speaks of
// methods and paths. Throws base::Error.
gate::Verdict judge_target(const gate::Policy& policy, const std::string& target);

}  // namespace caisson::cli
