// SPDX-License-Identifier: Apache-2.0

// The rules of a group (@registries, @git), gathered one place at a time, and what the user should know about them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "gate/rule.h"

namespace caisson::gate {

struct GroupRules {
  std::vector<Rule> rules;
  // For people, each a line that begins with the group's name; printable whatever the settings hold.
  std::vector<std::string> notes;
};

// Who could have written a place down.
enum class WrittenBy : uint8_t {
  kUser,       // the machine's or the user's own settings
  kWorkspace,  // a file that the sandbox itself may have changed in an earlier run
};

class GroupCollector {
 public:
  GroupCollector(std::string group, WrittenBy writer) : group_(std::move(group)), writer_(writer) {}

  // A rule for TCP to that port. Left out, with a note: what would lead to this host itself or to what only looks like
  // a place (loopback, link-local, metadata, multicast, reserved), whoever wrote it; and of the workspace's, whatever
  // is not of the Internet. `where` names the setting, in quotes where it is a file.
  void add(const HostPattern& host, uint16_t port, std::string_view where);
  // The URL's place. Files and discs are passed over; what is no URL or of an unknown scheme is noted, never shown.
  void add_url(std::string_view url, std::string_view where);
  void note(std::string_view text);

  // Nothing is added behind these; that it is so is a note.
  static constexpr size_t kMaxRules = 256;
  static constexpr size_t kMaxNotes = 64;

  GroupRules take() { return std::move(result_); }
  bool empty() const { return result_.rules.empty(); }

 private:
  std::string group_;
  WrittenBy writer_;
  GroupRules result_;
};

}  // namespace caisson::gate
