// SPDX-License-Identifier: Apache-2.0

#include "keeper/ledger.h"

#include "keeper/record.h"

namespace caisson::keeper {
namespace {

constexpr size_t kMaxLineBytes = 64U << 10;

// Of the gate's events that a guest makes as it likes: what was allowed, and how it ended.
bool is_allowed_traffic(std::string_view event, const base::Json& details) {
  const std::string verdict = details.value("verdict", "");
  if (event == "disconnect") return verdict.empty();
  return verdict == "allowed" && (event == "connect" || event == "name" || event == "request");
}

}  // namespace

Ledger::Ledger(const std::string& folder, size_t max_bytes)
    : file_(folder + "/ledger.jsonl", max_bytes), allowed_(folder + "/allowed.jsonl", max_bytes) {}

void Ledger::write(std::string_view event, const base::Json& details) {
  nlohmann::ordered_json entry{{"time_unix_ms", now().time_since_epoch().count()}, {"event", event}};
  const nlohmann::ordered_json head = entry;
  for (const auto& [key, value] : details.items()) entry[key] = value;
  auto line = [](const nlohmann::ordered_json& object) {
    return object.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
  };
  std::string text = line(entry);
  if (text.size() > kMaxLineBytes) text = line(head);
  (is_allowed_traffic(event, details) ? allowed_ : file_).append(text);
}

}  // namespace caisson::keeper
