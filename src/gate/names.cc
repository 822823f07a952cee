// SPDX-License-Identifier: Apache-2.0

#include "gate/names.h"

namespace caisson::gate {
namespace {

constexpr uint32_t kFirstGiven = kSyntheticNetwork + 256;
constexpr uint32_t kMask = ~0U << (32 - kSyntheticPrefixLength);

}  // namespace

bool is_synthetic(const IpAddress& address) {
  return address.is_v4() && (address.v4_host_order() & kMask) == kSyntheticNetwork;
}

NameTable::NameTable(uint32_t start, size_t capacity) : capacity_(capacity), next_(start % kAddresses) {}

std::optional<IpAddress> NameTable::address_of(std::string_view name) {
  if (const auto found = by_name_.find(name); found != by_name_.end()) {
    const Names::iterator known = found->second;
    if (known->pins == 0) unpinned_.splice(unpinned_.end(), unpinned_, known);
    return IpAddress::v4(known->address);
  }
  if (by_name_.size() >= capacity_) {
    if (unpinned_.empty()) return std::nullopt;
    forget_oldest();
  }
  const Names::iterator known = unpinned_.insert(unpinned_.end(), Known{std::string(name), next_free()});
  by_name_.emplace(known->name, known);
  by_address_.emplace(known->address, known);
  return IpAddress::v4(known->address);
}

std::optional<std::string> NameTable::name_of(const IpAddress& address) {
  const auto known = find(address);
  if (!known) return std::nullopt;
  if ((*known)->pins == 0) unpinned_.splice(unpinned_.end(), unpinned_, *known);
  return (*known)->name;
}

bool NameTable::pin(const IpAddress& address) {
  const auto known = find(address);
  if (!known) return false;
  if ((*known)->pins++ == 0) pinned_.splice(pinned_.end(), unpinned_, *known);
  return true;
}

void NameTable::unpin(const IpAddress& address) {
  const auto known = find(address);
  if (!known || (*known)->pins == 0) return;
  if (--(*known)->pins == 0) unpinned_.splice(unpinned_.end(), pinned_, *known);
}

std::optional<NameTable::Names::iterator> NameTable::find(const IpAddress& address) {
  if (!address.is_v4()) return std::nullopt;
  const auto found = by_address_.find(address.v4_host_order());
  if (found == by_address_.end()) return std::nullopt;
  return found->second;
}

void NameTable::forget_oldest() {
  const Names::iterator oldest = unpinned_.begin();
  by_name_.erase(oldest->name);
  by_address_.erase(oldest->address);
  unpinned_.erase(oldest);
}

// Going round all addresses is what keeps a forgotten name's address out of use the longest. There are more addresses
// than names, so one is free.
uint32_t NameTable::next_free() {
  while (true) {
    const uint32_t address = kFirstGiven + next_;
    next_ = (next_ + 1) % kAddresses;
    if (!by_address_.contains(address)) return address;
  }
}

}  // namespace caisson::gate
