// SPDX-License-Identifier: Apache-2.0

#include "gate/group_addresses.h"

#include <gtest/gtest.h>

#include <future>
#include <map>

namespace caisson::gate {
namespace {

using namespace std::chrono_literals;

Resolved from_table(const std::string& name) {
  static const std::map<std::string, std::vector<std::string>> kNames{
      {"public.example", {"93.184.216.34"}},
      {"mirror.example", {"10.1.2.3", "93.184.216.34", "100.64.0.9", "203.0.113.80"}},
      {"tricky.example", {"127.0.0.1", "169.254.169.254", "169.254.1.1", "::1", "224.0.0.1"}}};
  Resolved resolved;
  for (const std::string& text : kNames.at(name)) resolved.addresses.push_back(*IpAddress::parse(text));
  return resolved;
}

GroupRules group_of(const std::vector<std::string>& rules) {
  GroupRules group;
  for (const std::string& rule : rules) group.rules.push_back(parse_rule(rule));
  return group;
}

GroupRules resolved(const std::vector<std::string>& rules) {
  return with_own_addresses(group_of(rules), from_table, 60s);
}

std::vector<std::string> texts(const GroupRules& group) {
  std::vector<std::string> all;
  for (const Rule& rule : group.rules) all.push_back(to_string(rule));
  return all;
}

TEST(GroupAddresses, NameAMirrorsPrivateAddressAtItsPort) {
  EXPECT_EQ(texts(resolved({"mirror.example:443"})),
            (std::vector<std::string>{"mirror.example:443", "10.1.2.3:443", "100.64.0.9:443", "203.0.113.80:443"}));
}

TEST(GroupAddresses, NeverNameTheHostItselfOrItsMetadataService) {
  EXPECT_EQ(texts(resolved({"tricky.example:80", "public.example:443"})),
            (std::vector<std::string>{"tricky.example:80", "public.example:443"}));
}

TEST(GroupAddresses, SayWhatWasNotFoundInTime) {
  std::promise<void> answer;
  std::promise<void> ended;
  const auto wait = [until = answer.get_future().share(), &ended](const std::string&) {
    until.wait();
    ended.set_value();
    return Resolved();
  };
  const GroupRules group = with_own_addresses(group_of({"slow.example:443"}), wait, 1ms);
  EXPECT_EQ(texts(group), std::vector<std::string>{"slow.example:443"});
  ASSERT_EQ(group.notes.size(), 1U);
  EXPECT_NE(group.notes[0].find("slow.example"), std::string::npos);
  answer.set_value();
  ended.get_future().wait();
}

}  // namespace
}  // namespace caisson::gate
