// SPDX-License-Identifier: Apache-2.0

// The synthetic addresses that stand for names inside a sandbox: a connection to one of them says which name its client
// had resolved, so the gate judges the name itself and not what an address might belong to.
//
// Addresses are from 198.18.0.0/15 (RFC 2544: never on the Internet). 198.18.0.0/24 is kept for the gate's own; the
// resolver is 198.18.0.1. Not safe from several threads.
#pragma once

#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "gate/address.h"

namespace caisson::gate {

inline constexpr uint32_t kSyntheticNetwork = 0xC6120000;  // 198.18.0.0
inline constexpr int kSyntheticPrefixLength = 15;
inline constexpr uint32_t kResolverAddress = 0xC6120001;  // 198.18.0.1

// True for every address of 198.18.0.0/15, given to a name or not.
bool is_synthetic(const IpAddress& address);

class NameTable {
 public:
  static constexpr size_t kCapacity = 65536;
  // The addresses that can be given: all but the first 256 and the last (a broadcast address).
  static constexpr uint32_t kAddresses = (1U << 17) - 256 - 1;

  // `start`: any number; decides which address is the first to be given. `capacity`: 1 to kAddresses, less than that if
  // forgotten addresses are to rest.
  explicit NameTable(uint32_t start, size_t capacity = kCapacity);

  // The name's address, the same for as long as the table knows the name. A full table forgets the name that was not
  // used for the longest time and has no connection; nothing where every name has one. `name`: normal form.
  std::optional<IpAddress> address_of(std::string_view name);
  // Nothing where no name has this address (any more). Counts as a use.
  std::optional<std::string> name_of(const IpAddress& address);

  // A name that is pinned (as often as there are open connections to it) is not forgotten. pin: false where no name has
  // this address. unpin: once for each pin that gave true
  // (once more does nothing).
  bool pin(const IpAddress& address);
  void unpin(const IpAddress& address);

  size_t size() const { return by_name_.size(); }

 private:
  struct Known {
    std::string name;
    uint32_t address;  // host order
    size_t pins = 0;
  };
  using Names = std::list<Known>;

  std::optional<Names::iterator> find(const IpAddress& address);
  void forget_oldest();
  uint32_t next_free();

  size_t capacity_;
  uint32_t next_;   // 0 to kAddresses - 1: where the search for a free address goes on
  Names unpinned_;  // the one used last is at the end
  Names pinned_;
  std::unordered_map<std::string_view, Names::iterator> by_name_;  // the keys are the names in the lists
  std::unordered_map<uint32_t, Names::iterator> by_address_;
};

}  // namespace caisson::gate
