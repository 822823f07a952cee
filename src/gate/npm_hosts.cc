// SPDX-License-Identifier: Apache-2.0

// npm's registries: `registry` and `@scope:registry` of its npmrc files and its variables; where none names the
// unscoped one, npm is asked for its built-in one.

#include <fmt/format.h>

#include <algorithm>

#include "base/ascii.h"
#include "base/text.h"
#include "gate/registry_search.h"

namespace caisson::gate {
namespace {

class NpmReader {
 public:
  explicit NpmReader(RegistrySearch& search) : search_(search), in_script_(is_in_script()) {}

  void read_variables() {
    constexpr std::string_view kPrefix = "npm_config_";
    for (const auto& [name, value] : search_.sources().environment) {
      const std::string key = base::ascii_lower(name);
      if (key.starts_with(kPrefix) && !in_script_) add(std::string_view(key).substr(kPrefix.size()), value, name);
    }
    if (in_script_) search_.note("started by an npm script: its variables npm_config_… may be the project's, not read");
  }

  void read_files() {
    read(path_of("userconfig", search_.of_user(".npmrc")));
    read(path_of("globalconfig", {}));
    for (const char* path : {"/etc/npmrc", "/usr/etc/npmrc", "/usr/local/etc/npmrc"}) read(search_.of_system(path));
  }

  bool has_default() const { return has_default_; }

 private:
  // npm gives its scripts what it knows of its settings in variables, those of the project's own .npmrc too.
  bool is_in_script() const {
    return !search_.variable("npm_lifecycle_event").empty() || !search_.variable("npm_command").empty();
  }

  std::string path_of(const std::string& key, std::string otherwise) const {
    if (in_script_) return otherwise;
    std::string upper = "NPM_CONFIG_" + key;
    std::transform(upper.begin(), upper.end(), upper.begin(),
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    return search_.path_variable("npm_config_" + key, search_.path_variable(upper, std::move(otherwise)));
  }

  void read(const std::string& path) {
    const auto text = search_.read(path);
    if (!text) return;
    for (const std::string& line : base::split(*text, '\n')) {
      const std::string_view content = base::trimmed(line);
      if (content.starts_with('[')) return;  // a section's keys are not npm's
      if (content.starts_with(';') || content.starts_with('#')) continue;
      const size_t equals = content.find('=');
      if (equals == std::string_view::npos) continue;
      add(base::trimmed(content.substr(0, equals)), base::trimmed(content.substr(equals + 1)), base::in_quotes(path));
    }
  }

  void add(std::string_view key, std::string_view value, std::string_view where) {
    const bool is_default = key == "registry";
    if (!is_default && !(key.starts_with('@') && key.ends_with(":registry"))) return;
    const bool quoted = value.size() >= 2 && (value[0] == '"' || value[0] == '\'') && value.back() == value[0];
    const std::string url = expanded(quoted ? value.substr(1, value.size() - 2) : value);
    if (url.empty()) return;
    search_.add_url(url, where);
    has_default_ |= is_default;
  }

  // ${NAME} as npm expands it: what is not set stays, and then is no URL.
  std::string expanded(std::string_view text) const {
    std::string out;
    while (true) {
      const size_t open = text.find("${");
      const size_t close = open == std::string_view::npos ? open : text.find('}', open);
      if (close == std::string_view::npos) return out.append(text);
      const std::string value = search_.variable(text.substr(open + 2, close - open - 2));
      out.append(text.substr(0, open)).append(value.empty() ? text.substr(open, close - open + 1) : value);
      text.remove_prefix(close + 1);
    }
  }

  RegistrySearch& search_;
  bool in_script_;
  bool has_default_ = false;
};

}  // namespace

void find_npm(RegistrySearch& search) {
  NpmReader reader(search);
  reader.read_variables();
  reader.read_files();
  if (reader.has_default()) return;
  const auto& ask = search.sources().ask_npm;
  const auto answer = ask ? ask(search.sources()) : std::nullopt;
  if (answer) {
    search.add_url(*answer, "npm");
  } else {
    search.note_unset("npm");
  }
}

}  // namespace caisson::gate
