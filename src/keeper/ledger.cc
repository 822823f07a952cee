// SPDX-License-Identifier: Apache-2.0

#include "keeper/ledger.h"

#include "keeper/record.h"

namespace caisson::keeper {
namespace {

constexpr size_t kMaxLineBytes = 64U << 10;

// Its longest values shortened: strings to so many bytes, and lists to a sixteenth as many items. (What is cut within a
// character is written as one that is none.)
base::Json shortened(const base::Json& value, size_t most_bytes) {
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    return text.size() <= most_bytes ? text : text.substr(0, most_bytes) + "…";
  }
  if (!value.is_structured()) return value;
  const size_t most_items = value.is_array() ? most_bytes / 16 : value.size();
  base::Json made = value.is_array() ? base::Json::array() : base::Json::object();
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

std::string line_of(std::string_view event, const base::Json& details) {
  nlohmann::ordered_json entry{{"time_unix_ms", now().time_since_epoch().count()}, {"event", event}};
  for (const auto& [key, value] : details.items()) entry[key] = value;
  return entry.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace

Ledger::Ledger(const std::string& folder, size_t max_bytes)
    : file_(folder + "/ledger.jsonl", max_bytes), allowed_(folder + "/allowed.jsonl", max_bytes) {}

std::vector<std::string> Ledger::notes() const {
  if (lost_ == 0) return {};
  return {"the ledger has no room for " + std::to_string(lost_) + (lost_ == 1 ? " line: it is" : " lines: they are") +
          " lost (free some space on the disk of the sandbox's folder)"};
}

// The number of those that are missing comes before what comes after them.
void Ledger::append(File& file, const std::string& line) {
  if (file.missing != 0 && file.lines.append_line(line_of("lost", base::Json{{"lines", file.missing}})))
    file.missing = 0;
  if (file.missing == 0 && file.lines.append_line(line)) return;
  ++file.missing;
  ++lost_;
}

void Ledger::write(std::string_view event, const base::Json& details) {
  std::string line = line_of(event, details);
  for (size_t most = 4096; line.size() > kMaxLineBytes && most >= 16; most /= 4)
    line = line_of(event, shortened(details, most));
  if (line.size() > kMaxLineBytes) line = line_of(event, base::Json::object());
  append(is_allowed_traffic(event, details) ? allowed_ : file_, line);
}

}  // namespace caisson::keeper
