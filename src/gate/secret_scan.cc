// SPDX-License-Identifier: Apache-2.0

#include "gate/secret_scan.h"

#include <string.h>

#include <algorithm>

namespace caisson::gate {

StreamScan::StreamScan(std::vector<std::string_view> texts) : texts_(std::move(texts)) {
  for (const std::string_view text : texts_) keep_ = std::max(keep_, text.size() - 1);
}

std::optional<size_t> StreamScan::feed(std::string_view bytes) {
  if (texts_.empty()) return std::nullopt;
  auto found_in = [this](std::string_view where) -> std::optional<size_t> {
    for (size_t which = 0; which < texts_.size(); ++which) {
      if (where.find(texts_[which]) != std::string_view::npos) return which;
    }
    return std::nullopt;
  };
  // Across the border, then in what is new.
  tail_ += bytes.substr(0, keep_);
  if (const auto found = found_in(tail_)) return found;
  if (const auto found = found_in(bytes)) return found;
  if (bytes.size() >= keep_) tail_ = bytes.substr(bytes.size() - keep_);
  if (tail_.size() > keep_) tail_.erase(0, tail_.size() - keep_);
  return std::nullopt;
}

Scrubber::~Scrubber() {
  wipe(held_);
}

// The first one; of those that begin there, the longest.
std::optional<Scrubber::Match> Scrubber::first_match(std::string_view bytes) const {
  std::optional<Match> first;
  for (const Replacement& text : texts_) {
    // No further than where one was found.
    const size_t end = first ? std::min(bytes.size(), first->position + text.from.size()) : bytes.size();
    const size_t at = bytes.substr(0, end).find(text.from);
    if (at == std::string_view::npos) continue;
    if (!first || at < first->position || text.from.size() > first->what->from.size())
      first = Match{.position = at, .what = &text};
  }
  return first;
}

// Returns what is behind the last one.
std::string_view Scrubber::replace(std::string_view bytes, std::string& out) const {
  while (const auto match = first_match(bytes)) {
    found_ = true;
    out.append(bytes.substr(0, match->position)).append(match->what->to);
    bytes.remove_prefix(match->position + match->what->from.size());
  }
  return bytes;
}

// Where the last bytes begin that could be the beginning of one.
size_t Scrubber::beginning_of_any(std::string_view bytes) const {
  size_t begin = bytes.size();
  for (const Replacement& text : texts_) {
    const size_t most = std::min(text.from.size() - 1, bytes.size());
    for (size_t at = bytes.find(text.from.front(), bytes.size() - most); at < begin;
         at = bytes.find(text.from.front(), at + 1)) {
      if (text.from.starts_with(bytes.substr(at))) begin = at;
    }
  }
  return begin;
}

void Scrubber::feed(std::string_view bytes, std::string& out) {
  std::string joined;
  if (!held_.empty()) {
    joined.reserve(held_.size() + bytes.size());
    joined.append(held_).append(bytes);
    wipe(held_);
    held_.clear();
    bytes = joined;
  }
  bytes = replace(bytes, out);
  const size_t begin = beginning_of_any(bytes);
  out += bytes.substr(0, begin);
  held_ = bytes.substr(begin);
  wipe(joined);
}

void Scrubber::end(std::string& out) {
  out += held_;
  wipe(held_);
  held_.clear();
}

std::string Scrubber::whole(std::string_view text) const {
  std::string out;
  const std::string_view rest = replace(text, out);
  return out.append(rest);
}

void wipe(std::string& text) {
  text.resize(text.capacity());
  ::explicit_bzero(text.data(), text.size());
  text.clear();
}

}  // namespace caisson::gate
