// SPDX-License-Identifier: Apache-2.0

// Any text as a repository's configuration: read as none, or as remotes that are written and read as themselves. And
// each of these as a URL: where it leads, written as a URL, leads to the same place.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/host_port.h"
#include "gate/git_remotes.h"
#include "gate/url.h"

namespace caisson::gate {
namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

// In quotes nothing but these two is escaped; a value has no end of a line.
std::string as_config(const std::vector<std::string>& urls) {
  std::string text;
  for (const std::string& url : urls) {
    text += "[remote \"r\"]\n\tpushUrl = \"";
    for (const char c : url) text += c == '"' || c == '\\' ? std::string("\\") + c : std::string(1, c);
    text += "\"\n";
  }
  return text;
}

void check_place(const std::string& url) {
  const auto place = place_of_url(url);
  if (!place) return;
  require(place->host.kind == HostPattern::Kind::kName || place->host.network->is_one_address());
  if (place->port == 0) return;
  const auto again = place_of_url(place->scheme + "://" + base::host_port(to_string(place->host), place->port) + "/");
  require(again && again->host == place->host && again->port == place->port && again->scheme == place->scheme);
}

void check(std::string_view text) {
  const auto urls = remote_urls(text);
  if (!urls) return;
  require(urls->size() <= kMaxRemotes + 1);
  require(remote_urls(as_config(*urls)) == urls);
  for (const std::string& url : *urls) check_place(url);
}

}  // namespace
}  // namespace caisson::gate

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  caisson::gate::check({reinterpret_cast<const char*>(data), size});
  return 0;
}
