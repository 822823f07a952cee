// SPDX-License-Identifier: Apache-2.0

// Settings that anybody may have written, on any bytes. The first byte chooses: a git configuration, or else a policy
// file, whose text is read again from what was understood of it.

#include <cstdint>
#include <cstdlib>

#include "base/error.h"
#include "gate/git_remotes.h"
#include "gate/policy_file.h"
#include "gate/url.h"

namespace {

using namespace caisson;

void require(bool holds) {
  if (!holds) std::abort();
}

void try_git_config(std::string_view text) {
  const auto urls = gate::remote_urls(text);
  if (!urls) return;
  require(urls->size() <= gate::kMaxRemotes + 1);
  for (const std::string& url : *urls) {
    const auto place = gate::place_of_url(url);
    if (place) require(gate::parse_rule(gate::to_string(gate::Rule{.host = place->host})).host == place->host);
  }
}

void try_policy_file(std::string_view text) {
  const gate::PolicyFile file = gate::parse_policy_file(text, "p.toml");
  std::vector<gate::Rule> rules;
  for (const auto& what : file.allow) {
    if (const auto* rule = std::get_if<gate::Rule>(&what)) rules.push_back(*rule);
  }
  const gate::PolicyFile again = gate::parse_policy_file(gate::policy_file_text("locked", rules), "p.toml");
  require(again.allow.size() == rules.size());
  for (size_t i = 0; i < rules.size(); ++i) require(std::get<gate::Rule>(again.allow[i]) == rules[i]);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  try {
    if (data[0] == 'g') {
      try_git_config(text);
    } else {
      try_policy_file(text);
    }
  } catch (const caisson::base::Error&) {
    // Refused, in words.
  }
  return 0;
}
