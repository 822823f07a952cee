// SPDX-License-Identifier: Apache-2.0

// The Docker Engine's mirrors of its registry: "registry-mirrors" of daemon.json.

#include <fmt/format.h>

#include "base/error.h"
#include "base/json_reader.h"
#include "base/text.h"
#include "gate/registry_search.h"

namespace caisson::gate {
namespace {

// False: it names no mirror.
bool read_docker_settings(RegistrySearch& search, const std::string& path) {
  const auto text = search.read(path);
  if (!text) return false;
  bool any = false;
  try {
    const base::Json settings = base::parse_json_object(*text, base::in_quotes(path));
    const auto mirrors = settings.find("registry-mirrors");
    if (mirrors == settings.end()) return false;
    if (!mirrors->is_array()) throw base::Error(base::in_quotes(path) + ": registry-mirrors is not a list");
    for (const base::Json& mirror : *mirrors) {
      if (!mirror.is_string()) throw base::Error(base::in_quotes(path) + ": registry-mirrors has what is no text");
      search.add_url(mirror.get_ref<const std::string&>(), base::in_quotes(path));
      any = true;
    }
  } catch (const base::Error& error) {
    search.note(error.what());
  }
  return any;
}

}  // namespace

void find_docker(RegistrySearch& search) {
  bool any = false;
  for (const std::string& path :
       {search.of_system("/etc/docker/daemon.json"), search.of_user_config("docker/daemon.json")}) {
    any |= read_docker_settings(search, path);
  }
  if (!any) search.note_unset("docker");
}

}  // namespace caisson::gate
