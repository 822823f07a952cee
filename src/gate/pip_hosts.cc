// SPDX-License-Identifier: Apache-2.0

// pip's indexes: its variables and its configuration files (INI as Python's configparser reads it).

#include <algorithm>
#include <sstream>

#include "base/text.h"
#include "gate/registry_search.h"

namespace caisson::gate {
namespace {

// Those whose commands fetch packages; [global] is for all.
constexpr std::string_view kSections[] = {"global", "install", "download", "wheel"};

bool is_index_key(std::string key) {
  std::replace(key.begin(), key.end(), '_', '-');
  return key == "index-url" || key == "extra-index-url";
}

// Several URLs of one setting are divided by blanks. False: there is none.
bool add_urls(RegistrySearch& search, const std::string& value, const std::string& where) {
  std::istringstream stream(value);
  bool any = false;
  for (std::string url; stream >> url; any = true) search.add_url(url, where);
  return any;
}

// False: it names no index.
bool read_pip_settings(RegistrySearch& search, const std::string& path) {
  const auto text = search.read(path);
  if (!text) return false;
  bool any = false;
  bool in_section = false;
  bool in_value = false;  // lines that begin with a blank go on with the value above
  for (const std::string& line : base::split(*text, '\n')) {
    const std::string_view content = base::trimmed(line);
    if (content.empty() || content.starts_with('#') || content.starts_with(';')) continue;
    if (line[0] == ' ' || line[0] == '\t') {
      if (in_value) any |= add_urls(search, std::string(content), base::in_quotes(path));
      continue;
    }
    in_value = false;
    if (content.starts_with('[')) {
      const std::string_view name = content.substr(1, content.find(']') - 1);
      in_section = std::find(std::begin(kSections), std::end(kSections), name) != std::end(kSections);
    } else if (const size_t at = content.find_first_of("=:"); in_section && at != std::string_view::npos) {
      in_value = is_index_key(std::string(base::trimmed(content.substr(0, at))));
      if (in_value) any |= add_urls(search, std::string(content.substr(at + 1)), base::in_quotes(path));
    }
  }
  return any;
}

}  // namespace

void find_pip(RegistrySearch& search) {
  bool any = false;
  for (const char* name : {"PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"}) {
    any |= add_urls(search, search.variable(name), name);
  }
  for (const std::string& path :
       {search.of_system("/etc/xdg/pip/pip.conf"), search.of_system("/etc/pip.conf"), search.of_user(".pip/pip.conf"),
        search.of_user_config("pip/pip.conf"), search.path_variable("PIP_CONFIG_FILE", {})}) {
    any |= read_pip_settings(search, path);
  }
  any ? search.note_index("pip") : search.note_unset("pip");
}

}  // namespace caisson::gate
