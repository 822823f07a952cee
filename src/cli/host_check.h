// SPDX-License-Identifier: Apache-2.0

// What `doctor` says of a host, besides the engines: each check is a fact about it, a verdict, and the way to better
// it.
#pragma once

#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/json_reader.h"
#include "cli/host_findings.h"

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
std::vector<HostCheck> check_programs(const HostFindings& host);
// Namespaces, subordinate user ids, seccomp, Landlock, cgroups.
std::vector<HostCheck> check_kernel(const HostFindings& host);
// The proxy of the environment, where there is one.
std::vector<HostCheck> check_proxy();
// The folders' space.
std::vector<HostCheck> check_space();
// Of one: with less than `wanted` it is said, with less than `needed` it does not do.
struct Room {
  base::Bytes wanted;
  base::Bytes needed;
};
HostCheck space_check(const std::string& what, const std::string& folder, base::Bytes free, Room room);

}  // namespace caisson::cli
