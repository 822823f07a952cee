// SPDX-License-Identifier: Apache-2.0

#include "keeper/ledger.h"

#include "keeper/record.h"

namespace caisson::keeper {
namespace {

constexpr size_t kMaxBytes = 8U << 20;
constexpr size_t kMaxLineBytes = 64U << 10;

}  // namespace

Ledger::Ledger(const std::string& folder) : file_(folder + "/ledger.jsonl", kMaxBytes) {}

void Ledger::write(std::string_view event, const base::Json& details) {
  nlohmann::ordered_json entry{{"time_unix_ms", now().time_since_epoch().count()}, {"event", event}};
  const nlohmann::ordered_json head = entry;
  for (const auto& [key, value] : details.items()) entry[key] = value;
  auto line = [](const nlohmann::ordered_json& object) {
    return object.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
  };
  std::string text = line(entry);
  if (text.size() > kMaxLineBytes) text = line(head);
  file_.append(text);
}

}  // namespace caisson::keeper
