// SPDX-License-Identifier: Apache-2.0

#include "keeper/ledger.h"

#include "keeper/record.h"

namespace caisson::keeper {
namespace {

constexpr size_t kMaxLineBytes = 64U << 10;

// Its longest values shortened: strings to so many bytes, and lists to a sixteenth as many items. (What is cut within a
// character is written as one that is none.)
nlohmann::ordered_json shortened(const nlohmann::ordered_json& value, size_t most_bytes) {
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    return text.size() <= most_bytes ? text : text.substr(0, most_bytes) + "…";
  }
  if (!value.is_structured()) return value;
  const size_t most_items = value.is_array() ? most_bytes / 16 : value.size();
  nlohmann::ordered_json made = value.is_array() ? nlohmann::ordered_json::array() : nlohmann::ordered_json::object();
  for (const auto& [key, item] : value.items()) {
    if (value.is_object()) {
      made[key] = shortened(item, most_bytes);
    } else if (made.size() < most_items) {
      made.push_back(shortened(item, most_bytes));
    } else {
      made.push_back("…");
      break;
    }
  }
  return made;
}

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
  for (size_t most = 4096; text.size() > kMaxLineBytes && most >= 16; most /= 4) text = line(shortened(entry, most));
  if (text.size() > kMaxLineBytes) text = line(head);
  (is_allowed_traffic(event, details) ? allowed_ : file_).append(text);
}

}  // namespace caisson::keeper
