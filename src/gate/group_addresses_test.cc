// SPDX-License-Identifier: Apache-2.0

#include "gate/group_addresses.h"

#include <gtest/gtest.h>

#include <map>

#include "link/event.h"

namespace caisson::gate {
namespace {

using namespace std::chrono_literals;

class Table final : public Upstream {
 public:
  explicit Table(asio::any_io_executor executor) : never_(std::move(executor)) {}
  asio::awaitable<Resolved> resolve(std::string name) override {
    static const std::map<std::string, std::vector<std::string>> kNames{
        {"public.example", {"93.184.216.34"}},
        {"mirror.example", {"10.1.2.3", "93.184.216.34", "100.64.0.9", "203.0.113.80"}},
        {"tricky.example", {"127.0.0.1", "169.254.169.254", "169.254.1.1", "::1", "224.0.0.1"}}};
    Resolved resolved;
    if (name == "slow.example") co_await never_.wait();
    for (const std::string& text : kNames.at(name)) resolved.addresses.push_back(*IpAddress::parse(text));
    co_return resolved;
  }
  asio::awaitable<std::string> query(std::string) override { co_return std::string(); }

 private:
  link::Event never_;
};

GroupRules resolved(const std::vector<std::string>& rules, std::chrono::milliseconds patience = 10s) {
  GroupRules group;
  for (const std::string& rule : rules) group.rules.push_back(parse_rule(rule));
  return with_own_addresses(
      group, [](asio::any_io_executor executor) { return std::make_shared<Table>(std::move(executor)); }, patience);
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
  const GroupRules group = resolved({"slow.example:443"}, 1ms);
  EXPECT_EQ(texts(group), std::vector<std::string>{"slow.example:443"});
  ASSERT_EQ(group.notes.size(), 1U);
  EXPECT_NE(group.notes[0].find("slow.example"), std::string::npos);
}

}  // namespace
}  // namespace caisson::gate
