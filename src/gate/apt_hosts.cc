// SPDX-License-Identifier: Apache-2.0

// apt's sources: sources.list(5), the one-line form and the deb822 form. Every enabled entry counts, whoever publishes
// it and for whichever suite: what a sandbox installs is not known yet.

#include <fmt/format.h>

#include <map>
#include <sstream>

#include "base/ascii.h"
#include "base/text.h"
#include "gate/registry_search.h"

namespace caisson::gate {
namespace {

std::vector<std::string> words_of(std::string_view text) {
  std::istringstream stream{std::string(text)};
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

class AptReader {
 public:
  AptReader(RegistrySearch& search, const std::string& path) : search_(search), where_(base::in_quotes(path)) {}

  void read_one_line_form(std::string_view text) {
    for (std::string line : base::split(text, '\n')) {
      line = line.substr(0, line.find('#'));
      const size_t open = line.find('[');
      const size_t close = line.find(']');
      // "[arch=amd64]" in front of the URI; an IPv6 address has brackets too, and follows "://".
      if (open != std::string::npos && close != std::string::npos && open < close && line.find("://") > open) {
        line.erase(open, close - open + 1);
      }
      const std::vector<std::string> words = words_of(line);
      if (words.size() >= 3 && (words[0] == "deb" || words[0] == "deb-src")) add(words[1]);
    }
  }

  void read_deb822_form(std::string_view text) {
    std::map<std::string, std::string> fields;
    std::string last;
    for (const std::string& line : base::split(std::string(text) + "\n\n", '\n')) {
      if (line.starts_with('#')) continue;
      if (base::trimmed(line).empty()) {
        add_stanza(fields);
        fields.clear();
        last.clear();
      } else if (line[0] == ' ' || line[0] == '\t') {
        if (!last.empty()) fields[last] += " " + line;
      } else if (const size_t colon = line.find(':'); colon != std::string::npos) {
        last = base::ascii_lower(base::trimmed(std::string_view(line).substr(0, colon)));
        fields[last] = line.substr(colon + 1);
      }
    }
  }

 private:
  void add_stanza(std::map<std::string, std::string>& fields) {
    const std::string enabled = base::ascii_lower(base::trimmed(fields["enabled"]));
    if (enabled == "no" || enabled == "false" || enabled == "0" || enabled == "off" || enabled == "without") return;
    for (const std::string& uri : words_of(fields["uris"])) add(uri);
  }

  void add(const std::string& uri) {
    constexpr std::string_view kMirror = "mirror";
    if (!uri.starts_with(kMirror)) {
      search_.add_url(uri, where_);
      return;
    }
    // apt-transport-mirror(1): a list of mirrors, in a file (Debian's cloud images) or at another place.
    const size_t colon = uri.find(':');
    std::string transport = colon == std::string::npos ? std::string() : uri.substr(0, colon);
    transport = transport.starts_with("mirror+") ? transport.substr(7) : "http";
    if (transport == "file") {
      add_mirrors_of(uri.substr(colon + 1));
    } else if (colon != std::string::npos) {
      search_.add_url(transport + uri.substr(colon), where_);
      search_.note(fmt::format("{} names a list of mirrors, whose hosts are known to its server only", where_));
    }
  }

  void add_mirrors_of(std::string path) {
    while (path.starts_with("//")) path.erase(0, 1);
    const auto text = search_.read(search_.of_system(path));
    if (!text) return;
    for (const std::string& line : base::split(*text, '\n')) {
      const std::vector<std::string> words = words_of(line);
      if (!words.empty() && !words[0].starts_with('#')) search_.add_url(words[0], base::in_quotes(path));
    }
  }

  RegistrySearch& search_;
  std::string where_;
};

}  // namespace

void find_apt(RegistrySearch& search) {
  std::vector<std::string> files = search.files_of(search.of_system("/etc/apt/sources.list.d"));
  files.insert(files.begin(), search.of_system("/etc/apt/sources.list"));
  files.push_back(search.sources().own_apt_list);
  for (const std::string& path : files) {
    const bool is_deb822 = path.ends_with(".sources");
    if (!is_deb822 && !path.ends_with(".list")) continue;
    const auto text = search.read(path);
    if (!text) continue;
    AptReader reader(search, path);
    if (is_deb822) {
      reader.read_deb822_form(*text);
    } else {
      reader.read_one_line_form(*text);
    }
  }
}

}  // namespace caisson::gate
