// SPDX-License-Identifier: Apache-2.0

// What `doctor` looks at, besides the engines: each check is a fact about this host, a verdict, and the way to better
// it.
#pragma once

#include <string>
#include <vector>

#include "base/json_reader.h"

namespace caisson::cli {

enum class Verdict { kOk, kWarn, kFail };
std::string_view to_string(Verdict verdict);  // "ok", "warn", "fail"

struct HostCheck {
  std::string name;
  Verdict verdict = Verdict::kOk;
  std::string detail;
  std::string remedy;  // "" when ok
};
base::Json to_json(const HostCheck& check);

// The external programs that Caisson runs: where each is, or which package has it.
std::vector<HostCheck> check_programs();
// Namespaces, subordinate user ids, seccomp, Landlock, cgroups.
std::vector<HostCheck> check_kernel();
// The proxy of the environment, where there is one.
std::vector<HostCheck> check_proxy();
// The folders' space.
std::vector<HostCheck> check_space();

}  // namespace caisson::cli
