// SPDX-License-Identifier: Apache-2.0

// Go's module proxies: GOPROXY from the environment, else the user's `go env` file, else the installation's go.env
// (Go 1.21 and later keep their built-in proxy there).

#include <fmt/format.h>

#include "base/text.h"
#include "gate/registry_search.h"

namespace caisson::gate {
namespace {

struct Setting {
  std::string value;
  std::string where;
};

// Lines of NAME=VALUE (cmd/go/internal/cfg).
std::optional<Setting> setting_of(RegistrySearch& search, const std::string& path) {
  const auto text = search.read(path);
  if (!text) return std::nullopt;
  for (const std::string& line : base::split(*text, '\n')) {
    constexpr std::string_view kName = "GOPROXY=";
    if (line.starts_with(kName)) {
      return Setting{std::string(base::trimmed(std::string_view(line).substr(kName.size()))), base::in_quotes(path)};
    }
  }
  return std::nullopt;
}

std::optional<Setting> find_setting(RegistrySearch& search) {
  if (std::string value = search.variable("GOPROXY"); !value.empty()) return Setting{std::move(value), "GOPROXY"};
  std::vector<std::string> files = {search.of_system("/usr/local/go/go.env"), search.of_system("/usr/lib/go/go.env")};
  if (const std::string root = search.path_variable("GOROOT", {}); !root.empty()) {
    files.insert(files.begin(), root + "/go.env");
  }
  if (search.variable("GOENV") != "off") {
    files.insert(files.begin(), search.path_variable("GOENV", search.of_user_config("go/env")));
  }
  for (const std::string& path : files) {
    if (auto setting = setting_of(search, path)) return setting;
  }
  return std::nullopt;
}

}  // namespace

void find_go(RegistrySearch& search) {
  const auto setting = find_setting(search);
  if (!setting) {
    search.note_unset("go");
    return;
  }
  // "A,B|C,direct": each is tried after the one before it.
  size_t begin = 0;
  while (begin <= setting->value.size()) {
    const size_t end = std::min(setting->value.find_first_of(",|", begin), setting->value.size());
    const std::string_view one = base::trimmed(std::string_view(setting->value).substr(begin, end - begin));
    begin = end + 1;
    if (one == "direct") {
      search.note(fmt::format("{} has 'direct': modules' own hosts are not known from it", setting->where));
    } else if (!one.empty() && one != "off") {
      search.add_url(one, setting->where);
    }
  }
}

}  // namespace caisson::gate
