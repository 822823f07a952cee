// SPDX-License-Identifier: Apache-2.0

#include "keeper/repeats.h"

namespace caisson::keeper {
namespace {

constexpr size_t kMaxTargetBytes = 128;  // so that the line with kMostNamed of them is one that the ledger takes

bool may_repeat(const base::Json& details) {
  const auto verdict = details.find("verdict");
  return verdict != details.end() && (*verdict == "refused" || *verdict == "failed");
}

// What makes two of one kind differ: a connection's number, and what had passed on it.
constexpr const char* kOfOne[] = {"id", "received_bytes", "sent_bytes"};

// "example.com:443", as far as it is known.
std::string target_text(const base::Json& details) {
  std::string text;
  for (const char* key : {"name", "address", "target"}) {
    if (const auto found = details.find(key); text.empty() && found != details.end() && found->is_string())
      text = *found;
  }
  if (const auto port = details.find("port"); port != details.end()) text += ":" + port->dump();
  return text.substr(0, kMaxTargetBytes);
}

}  // namespace

void Repeats::record(std::string_view event, const base::Json& details) {
  if (!may_repeat(details)) return write_(event, details);
  base::Json kind = details;
  for (const char* key : kOfOne) kind.erase(key);
  kind["of"] = std::string(event);
  const std::string key = base::to_line(kind);
  if (const auto known = kinds_.find(key); known != kinds_.end()) {
    ++known->second.more;
    return;
  }
  if (kinds_.empty()) over_.arm(window_, [this] { flush(); });
  if (kinds_.size() >= kMostLines) return count_other(details);
  kinds_.emplace(key, Kind{.details = std::move(kind), .more = 0});
  write_(event, details);
}

void Repeats::count_other(const base::Json& details) {
  ++others_;
  if (other_targets_.size() < kMostNamed) other_targets_.insert(target_text(details));
}

void Repeats::flush() {
  over_.disarm();
  for (auto& [key, kind] : kinds_) {
    if (kind.more == 0) continue;
    kind.details["count"] = kind.more;
    write_("more", kind.details);
  }
  if (others_ != 0) {
    write_("more",
           base::Json{
               {"count", others_}, {"reason", "refused or failed, and too many to tell"}, {"targets", other_targets_}});
  }
  kinds_.clear();
  others_ = 0;
  other_targets_.clear();
}

}  // namespace caisson::keeper
