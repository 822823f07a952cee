// SPDX-License-Identifier: Apache-2.0

#include "gate/preset.h"

#include <algorithm>
#include <string>

#include "base/error.h"
#include "base/text.h"

namespace caisson::gate {
namespace {

// Where public code is: hosts of repositories, with what they serve archives and raw files from. Where packages come
// from is not written down here but read from the machine's own settings (@registries).
constexpr const char* kCodeHosts[] = {
    "github.com",        "api.github.com",       "codeload.github.com",
    "gist.github.com",   "ssh.github.com",       "*.githubusercontent.com",
    "gitlab.com",        "altssh.gitlab.com",    "bitbucket.org",
    "api.bitbucket.org", "altssh.bitbucket.org", "codeberg.org",
    "git.sr.ht",         "salsa.debian.org",     "gitlab.freedesktop.org",
    "gitlab.gnome.org",  "git.kernel.org",       "git.savannah.gnu.org",
    "sourceware.org",
};

std::vector<Rule> code_host_rules() {
  std::vector<Rule> rules;
  for (const char* host : kCodeHosts) {
    for (const char* port : {":443", ":22"}) rules.push_back(parse_rule(std::string(host) + port));
  }
  return rules;
}

}  // namespace

const std::vector<Preset>& presets() {
  static const std::vector<Preset> kAll = {
      {.name = kNoNetwork, .summary = "no network at all", .has_network = false},
      {.name = "locked", .summary = "only what --allow names"},
      {.name = "balanced",
       .summary = "the machine's package registries, the workspace's git remotes, well-known public code hosts",
       .rules = code_host_rules(),
       .groups = {{"registries"}, {"git"}}},
      {.name = "ask",
       .summary = "asks on the terminal about what no rule speaks of; no private address",
       .fallback = Default::kAsk},
      {.name = "open", .summary = "everything public; no private address", .fallback = Default::kAllow},
  };
  return kAll;
}

const Preset& find_preset(std::string_view name) {
  const std::vector<Preset>& all = presets();
  const auto found = std::find_if(all.begin(), all.end(), [&](const Preset& preset) { return preset.name == name; });
  if (found != all.end()) return *found;
  std::vector<std::string> names;
  for (const Preset& preset : all) names.emplace_back(preset.name);
  throw base::Error("there is no network preset " + base::in_quotes(name.substr(0, 80)),
                    "the presets are " + base::join(names, ", "));
}

}  // namespace caisson::gate
