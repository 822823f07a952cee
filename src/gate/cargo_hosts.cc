// SPDX-License-Identifier: Apache-2.0

// Cargo's registries: [registries.NAME] index, [source.NAME] registry and git of its configuration files, and the
// variables CARGO_REGISTRIES_NAME_INDEX.

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "gate/registry_search.h"
#include "gate/toml_text.h"

namespace caisson::gate {
namespace {

class CargoReader {
 public:
  explicit CargoReader(RegistrySearch& search) : search_(search) {}

  void read_variables() {
    for (const auto& [name, value] : search_.sources().environment) {
      if (name.starts_with("CARGO_REGISTRIES_") && name.ends_with("_INDEX")) add(value, name);
    }
  }

  void read(const std::string& path) {
    const auto text = search_.read(path);
    if (!text) return;
    try {
      const toml::table settings = parse_toml(ascii_of(*text));  // no URL has other bytes, paths may
      add_keys(settings, "registries", {"index"}, path);
      add_keys(settings, "source", {"registry", "git"}, path);
    } catch (const base::Error& error) {
      search_.note(error.within("cannot read " + base::in_quotes(path)).what());
    }
  }

  bool any() const { return any_; }

 private:
  // These keys of every table of the table `kind`.
  void add_keys(const toml::table& settings, std::string_view kind, std::initializer_list<std::string_view> keys,
                const std::string& path) {
    const toml::table* tables = settings[kind].as_table();
    if (tables == nullptr) return;
    for (const auto& [name, node] : *tables) {
      const toml::table* table = node.as_table();
      if (table == nullptr) continue;
      for (const std::string_view key : keys) {
        if (const auto* url = (*table)[key].as_string()) add(url->get(), base::in_quotes(path));
      }
    }
  }

  void add(std::string_view url, std::string_view where) {
    // How the index is laid out, not where.
    for (const std::string_view layout : {"sparse+", "registry+"}) {
      if (url.starts_with(layout)) url.remove_prefix(layout.size());
    }
    search_.add_url(url, where);
    any_ = true;
  }

  RegistrySearch& search_;
  bool any_ = false;
};

}  // namespace

void find_cargo(RegistrySearch& search) {
  CargoReader reader(search);
  reader.read_variables();
  const std::string folder = search.path_variable("CARGO_HOME", search.of_user(".cargo"));
  if (!folder.empty()) {
    for (const char* name : {"/config.toml", "/config"}) reader.read(folder + name);
  }
  reader.any() ? search.note_index("cargo") : search.note_unset("cargo");
}

}  // namespace caisson::gate
