// SPDX-License-Identifier: Apache-2.0

#include "gate/group_addresses.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include "base/text.h"

namespace caisson::gate {
namespace {

bool is_own_networks(AddressKind kind) {
  return kind == AddressKind::kPrivate || kind == AddressKind::kCarrierGrade || kind == AddressKind::kReserved;
}

struct LookUp {
  Rule rule;
  std::vector<IpAddress> addresses;
  bool done = false;
};

asio::awaitable<void> look_up(std::shared_ptr<Upstream> upstream, std::shared_ptr<LookUp> one) {
  const Resolved resolved = co_await upstream->resolve(one->rule.host.name);
  one->addresses = resolved.addresses;
  one->done = true;
}

}  // namespace

GroupRules with_own_addresses(GroupRules group, const MakeUpstream& make_upstream, std::chrono::milliseconds patience) {
  asio::io_context context(1);
  const std::shared_ptr<Upstream> upstream = make_upstream(context.get_executor());
  std::vector<std::shared_ptr<LookUp>> all;
  for (const Rule& rule : group.rules) {
    if (rule.host.kind != HostPattern::Kind::kName) continue;
    all.push_back(std::make_shared<LookUp>(LookUp{.rule = rule, .addresses = {}}));
    asio::co_spawn(context, look_up(upstream, all.back()), asio::detached);
  }
  context.run_for(patience);
  for (const std::shared_ptr<LookUp>& one : all) {
    if (!one->done)
      group.notes.push_back("the address of " + base::in_quotes(one->rule.host.name) +
                            " was not found in time; where it is a private one, allow it by --allow");
    for (const IpAddress& address : one->addresses) {
      if (!is_own_networks(classify(address))) continue;
      Rule rule = one->rule;
      rule.host = HostPattern{.kind = HostPattern::Kind::kNetwork, .name = {}, .network = Cidr(address)};
      group.rules.push_back(std::move(rule));
    }
  }
  return group;
}

}  // namespace caisson::gate
