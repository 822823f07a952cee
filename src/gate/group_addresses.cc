// SPDX-License-Identifier: Apache-2.0

#include "gate/group_addresses.h"

#include <fmt/format.h>

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>

#include "base/text.h"
#include "gate/own_address.h"

namespace caisson::gate {
namespace {

std::string leads_here(const std::string& name, const IpAddress& address) {
  return fmt::format("{} leads to this host itself, at {}; if that is meant, allow it by --allow",
                     base::in_quotes(name), to_string(address));
}

// Shared with threads that may outlive whoever waits.
struct LookUps {
  std::mutex mutex;
  std::condition_variable more;
  std::map<std::string, Resolved> found;
};

void begin(const std::shared_ptr<LookUps>& all, const std::function<Resolved(const std::string&)>& resolve,
           const std::string& name) {
  try {
    std::thread([all, resolve, name] {
      Resolved resolved = resolve(name);
      const std::lock_guard lock(all->mutex);
      all->found[name] = std::move(resolved);
      all->more.notify_all();
    }).detach();
  } catch (const std::system_error&) {
    // Without a thread it is not found in time, which is said.
  }
}

}  // namespace

GroupRules with_own_addresses(GroupRules group, const std::function<Resolved(const std::string& name)>& resolve,
                              std::chrono::milliseconds patience) {
  const auto all = std::make_shared<LookUps>();
  std::map<std::string, std::vector<Rule>> wanted;
  for (const Rule& rule : group.rules) {
    if (rule.host.kind == HostPattern::Kind::kName) wanted[rule.host.name].push_back(rule);
  }
  for (const auto& [name, rules] : wanted) begin(all, resolve, name);
  std::unique_lock lock(all->mutex);
  all->more.wait_for(lock, patience, [&] { return all->found.size() == wanted.size(); });
  for (const auto& [name, rules] : wanted) {
    const auto found = all->found.find(name);
    if (found == all->found.end()) {
      group.notes.push_back("the address of " + base::in_quotes(name) +
                            " was not found in time; where it is a private one, allow it by --allow");
      continue;
    }
    for (const IpAddress& address : found->second.addresses) {
      const AddressKind kind = classify_here(address);
      if (kind == AddressKind::kOwn) group.notes.push_back(leads_here(name, address));
      if (!is_of_own_networks(kind)) continue;
      for (Rule rule : rules) {
        rule.host = HostPattern{.kind = HostPattern::Kind::kNetwork, .name = {}, .network = Cidr(address)};
        group.rules.push_back(std::move(rule));
      }
    }
  }
  return group;
}

}  // namespace caisson::gate
