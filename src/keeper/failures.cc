// SPDX-License-Identifier: Apache-2.0

#include "keeper/failures.h"

#include "base/host_port.h"
#include "base/text.h"

namespace caisson::keeper {
namespace {

constexpr size_t kMostFailuresShown = 4;

std::string target_of(const base::Json& details) {
  const std::string host = details.contains("name") ? details.value("name", "") : details.value("address", "");
  const std::string udp = details.value("protocol", "") == "udp" ? "udp:" : "";
  return udp + base::host_port(host, details.value("port", uint16_t{0}));
}

}  // namespace

void Failures::note(std::string_view event, const base::Json& details) {
  if (event != "connect" || details.value("verdict", "") != "failed") return;
  ++count_;
  if (reasons_.size() < kMostTargets) reasons_.emplace(target_of(details), details.value("reason", ""));
}

std::vector<std::string> Failures::notes() const {
  if (count_ == 0) return {};
  std::vector<std::string> shown;
  for (const auto& [target, reason] : reasons_) {
    if (shown.size() == kMostFailuresShown) break;
    shown.push_back(base::escaped(target) + " (" + base::escaped(reason) + ")");
  }
  std::string line =
      std::to_string(count_) + (count_ == 1 ? " connection" : " connections") + " failed: " + base::join(shown, ", ");
  if (const size_t more = reasons_.size() - shown.size(); more != 0) line += " and " + std::to_string(more) + " more";
  return {line};
}

}  // namespace caisson::keeper
