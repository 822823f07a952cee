// SPDX-License-Identifier: Apache-2.0

#include "guest/users.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/error.h"
#include "base/text.h"
#include "guest/files.h"

namespace caisson::guest {
namespace {

constexpr size_t kMaxFileBytes = 4U << 20;

// Calls `use` with the fields of each line that has `Count` of them, until it returns true.
template <size_t Count, typename Use>
void each_line(std::string_view text, Use use) {
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    std::array<std::string_view, Count> fields;
    size_t found = 0;
    while (found < Count) {
      const size_t end = line.find(':');
      fields[found++] = line.substr(0, end);
      if (end == std::string_view::npos) break;
      line.remove_prefix(end + 1);
    }
    if (found == Count && use(fields)) return;
  }
}

std::optional<User> find_entry(std::string_view wish, std::string_view passwd) {
  std::optional<User> user;
  const std::optional<uid_t> wanted_uid = base::parse_number<uid_t>(wish);
  each_line<7>(passwd, [&](const auto& fields) {
    const auto uid = base::parse_number<uid_t>(fields[2]);
    const auto gid = base::parse_number<gid_t>(fields[3]);
    if (!uid || !gid || (fields[0] != wish && uid != wanted_uid)) return false;
    user.emplace();
    user->name = fields[0];
    user->uid = *uid;
    user->gid = *gid;
    if (fields[5].starts_with('/')) user->home = fields[5];
    if (fields[6].starts_with('/')) user->shell = fields[6];
    return true;
  });
  return user;
}

gid_t find_group(std::string_view wish, std::string_view group) {
  std::optional<gid_t> gid = base::parse_number<gid_t>(wish);
  each_line<4>(group, [&](const auto& fields) {
    if (fields[0] != wish) return false;
    gid = base::parse_number<gid_t>(fields[2]);
    return true;
  });
  if (!gid) throw base::Error("the group " + base::in_quotes(wish) + " does not exist in the sandbox");
  return *gid;
}

std::vector<gid_t> groups_of(const User& user, std::string_view group) {
  std::vector<gid_t> groups = {user.gid};
  if (user.name.empty()) return groups;
  each_line<4>(group, [&](const auto& fields) {
    const auto gid = base::parse_number<gid_t>(fields[2]);
    const std::vector<std::string> members = base::split(fields[3], ',');
    if (gid && *gid != user.gid && std::find(members.begin(), members.end(), user.name) != members.end())
      groups.push_back(*gid);
    return false;
  });
  return groups;
}

User user_or_throw(std::string_view wish, std::string_view passwd) {
  if (auto user = find_entry(wish, passwd)) return *user;
  User user;
  if (wish == "root" || wish == "0") {
    user.name = "root";
    user.home = "/root";
    return user;
  }
  const auto uid = base::parse_number<uid_t>(wish);
  if (!uid) throw base::Error("the user " + base::in_quotes(wish) + " does not exist in the sandbox");
  user.uid = *uid;
  return user;
}

}  // namespace

User find_user(std::string_view wish, std::string_view passwd, std::string_view group) {
  if (wish.empty()) {
    const auto agent = find_entry("agent", passwd);
    User user = agent ? *agent : user_or_throw("root", passwd);
    user.groups = groups_of(user, group);
    return user;
  }
  const size_t colon = wish.find(':');
  User user = user_or_throw(wish.substr(0, colon), passwd);
  if (colon == std::string_view::npos) {
    user.groups = groups_of(user, group);
  } else {
    user.gid = find_group(wish.substr(colon + 1), group);
    user.groups = {user.gid};
  }
  return user;
}

User find_user(std::string_view wish) {
  const auto passwd = content_of("/etc/passwd", kMaxFileBytes);
  const auto group = content_of("/etc/group", kMaxFileBytes);
  return find_user(wish, passwd.value_or(""), group.value_or(""));
}

}  // namespace caisson::guest
