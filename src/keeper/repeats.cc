// SPDX-License-Identifier: Apache-2.0

#include "keeper/repeats.h"

namespace caisson::keeper {
namespace {

bool may_repeat(const base::Json& details) {
  const auto verdict = details.find("verdict");
  return verdict != details.end() && (*verdict == "refused" || *verdict == "failed");
}

}  // namespace

void Repeats::record(std::string_view event, const base::Json& details, Clock::time_point now) {
  if (!kinds_.empty() && now - begin_ >= kWindow) flush();
  // The end of a connection is told with its number, which is like no other.
  if (!may_repeat(details) || event == "disconnect") return write_(event, details);
  base::Json kind = details;
  kind.erase("id");
  kind["of"] = std::string(event);
  const std::string key = base::to_line(kind);
  if (const auto known = kinds_.find(key); known != kinds_.end()) {
    ++known->second.more;
    return;
  }
  if (kinds_.empty()) begin_ = now;
  if (kinds_.size() >= kMostLines) {
    ++others_;
    return;
  }
  kinds_.emplace(key, Kind{.details = std::move(kind), .more = 0});
  write_(event, details);
}

void Repeats::flush() {
  for (auto& [key, kind] : kinds_) {
    if (kind.more == 0) continue;
    kind.details["count"] = kind.more;
    write_("more", kind.details);
  }
  if (others_ != 0)
    write_("more", base::Json{{"count", others_}, {"reason", "refused or failed, and too many to tell"}});
  kinds_.clear();
  others_ = 0;
}

}  // namespace caisson::keeper
