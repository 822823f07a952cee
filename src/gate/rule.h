// SPDX-License-Identifier: Apache-2.0

// One rule of the gate, as a user writes it:
//
//   [tcp:|udp:]HOST[:PORT[-PORT]][ METHOD[,METHOD] PATH]
//
//   HOST     example.com        that name
//            *.example.com      names of one label more
//            **.example.com     names of any number of labels more (not example.com itself)
//            *                  every name (no address)
//            192.0.2.7, 2001:db8::7 or [2001:db8::7], 10.0.0.0/8, fd00::/8 or [fd00::/8]
//   PORT     1 to 65535; none means every port
//   METHOD   GET, POST, …, or * for every one
//   PATH     begins with '/'; see http_path.h
//
// Without a protocol a rule that allows is for TCP, and one that denies for TCP and UDP: what is denied by its name
// alone is not reached by QUIC. A rule with a method and path is for what can be read, which over UDP nothing is: it
// closes its ports there.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "gate/address.h"
#include "gate/http_path.h"

namespace caisson::gate {

inline constexpr size_t kMaxRuleBytes = 2048;

enum class Protocol : uint8_t { kTcp, kUdp };
std::string_view to_string(Protocol protocol);

struct PortRange {
  uint16_t first = 1;
  uint16_t last = 65535;

  bool contains(uint16_t port) const { return port >= first && port <= last; }
  bool is_every() const { return first <= 1 && last == 65535; }
  bool operator==(const PortRange&) const = default;
};

struct HostPattern {
  enum class Kind : uint8_t { kName, kOneLabel, kAnyDepth, kAnyName, kNetwork };
  Kind kind = Kind::kAnyName;
  std::string name = {};             // kName: the name; kOneLabel, kAnyDepth: what is behind the star and dot
  std::optional<Cidr> network = {};  // of kNetwork

  bool operator==(const HostPattern&) const = default;
};

struct RequestPattern {
  std::vector<std::string> methods = {};  // empty: every method
  std::string path;

  bool operator==(const RequestPattern&) const = default;
};

struct Rule {
  std::optional<Protocol> protocol = {};  // as it is written
  HostPattern host = {};
  PortRange ports = {};
  std::optional<RequestPattern> request = {};

  bool operator==(const Rule&) const = default;
};

// A rule for each of a set of hosts that is found when a sandbox starts: "@registries" (the machine's package managers'
// settings), "@git" (the workspace's remotes).
struct GroupName {
  std::string name;  // without the '@'

  bool operator==(const GroupName&) const = default;
};

// Throw a base::Error that names the text and says how to write it.
Rule parse_rule(std::string_view text);
std::variant<Rule, GroupName> parse_rule_or_group(std::string_view text);

// How a rule that allows this protocol is written: TCP goes without saying.
inline std::optional<Protocol> written(Protocol protocol) {
  return protocol == Protocol::kTcp ? std::nullopt : std::optional(protocol);
}

// The normal form: parse_rule(to_string(rule)) == rule for what parse_rule has read.
std::string to_string(const Rule& rule);

// `name` is in normal form (host_name.h).
bool matches_name(const HostPattern& pattern, std::string_view name);

}  // namespace caisson::gate
