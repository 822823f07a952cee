// SPDX-License-Identifier: Apache-2.0

// Sandboxes as rows of `ls`.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "keeper/record.h"

namespace caisson::cli {

// "12 seconds", "5 minutes", "3 hours", "2 days": two units of the smaller kind at least.
std::string age_text(std::chrono::seconds age);
// "127.0.0.1:8080->80, [::1]:8443->443"
std::string ports_text(const std::vector<spec::PortPublish>& ports);
// "running for 5 minutes", "stopped 2 days ago (exit 3)", "created", "broken"
std::string status_text(const keeper::Sandbox& sandbox, keeper::Time now);
std::string list_text(const std::vector<keeper::Sandbox>& sandboxes, keeper::Time now);

}  // namespace caisson::cli
