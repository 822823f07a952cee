// SPDX-License-Identifier: Apache-2.0

#include "image/apt_sources.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <sstream>

#include "base/ascii.h"
#include "base/error.h"
#include "base/file.h"
#include "base/process.h"
#include "base/text.h"

namespace caisson::image {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> words_of(std::string_view text) {
  std::istringstream stream{std::string(text)};
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

bool wanted_suite(std::string_view found, std::string_view suite) {
  if (!found.starts_with(suite)) return false;
  const std::string_view rest = found.substr(suite.size());
  return rest.empty() || rest == "-updates" || rest == "-security" || rest == "/updates";
}

// Publishers that are not Debian use Debian's suite names too, with other components or a key of their own.
bool has_main(const std::vector<std::string>& components) {
  return std::find(components.begin(), components.end(), "main") != components.end();
}

bool has_foreign_key(std::string_view options) {
  const size_t key = options.find("signed-by=");
  return key != std::string_view::npos && options.find("debian-archive", key) == std::string_view::npos;
}

// Debian's cloud images name a file with mirrors, which a sandbox would not have: its first mirror is taken.
std::string first_mirror(const std::string& uri) {
  constexpr std::string_view kPrefix = "mirror+file:";
  if (!uri.starts_with(kPrefix)) return uri;
  std::string path = uri.substr(kPrefix.size());
  while (path.starts_with("//")) path.erase(0, 1);
  for (const std::string& line : base::split(base::read_file_if_exists(path).value_or(""), '\n')) {
    const std::vector<std::string> words = words_of(line);
    if (!words.empty() && !words[0].starts_with("#")) return words[0];
  }
  return {};
}

std::string entry(const std::string& options, const std::string& uri, const std::string& suite,
                  const std::vector<std::string>& components) {
  const std::string from = first_mirror(uri);
  if (from.empty() || from.starts_with("cdrom:")) return {};
  return "deb " + (options.empty() ? "" : "[" + options + "] ") + from + " " + suite + " " +
         base::join(components, " ");
}

using Fields = std::map<std::string, std::string>;

void add_stanza(const Fields& fields, std::string_view suite, std::vector<std::string>& found) {
  const auto field = [&](const char* name) {
    const auto at = fields.find(name);
    return at == fields.end() ? std::string() : at->second;
  };
  const std::vector<std::string> types = words_of(field("types"));
  const std::string enabled = base::ascii_lower(base::trimmed(field("enabled")));
  const std::vector<std::string> components = words_of(field("components"));
  if (std::find(types.begin(), types.end(), "deb") == types.end() || enabled == "no" || enabled == "false" ||
      enabled == "0" || !has_main(components))
    return;
  std::string options;
  const std::vector<std::string> keys = words_of(field("signed-by"));
  // A key that stands in the field itself can't be said in one line; apt's own keyring is used then.
  if (!keys.empty() && keys[0].starts_with("/")) options = "signed-by=" + base::join(keys, ",");
  for (const std::string& one : words_of(field("suites"))) {
    if (!wanted_suite(one, suite)) continue;
    for (const std::string& uri : words_of(field("uris"))) {
      if (std::string line = entry(options, uri, one, components); !line.empty()) found.push_back(std::move(line));
    }
  }
}

}  // namespace

std::vector<std::string> parse_one_line_sources(std::string_view text, std::string_view suite) {
  std::vector<std::string> found;
  for (std::string line : base::split(text, '\n')) {
    line = line.substr(0, line.find('#'));
    std::string options;
    const size_t open = line.find('[');
    const size_t close = line.find(']');
    if (open != std::string::npos && close != std::string::npos && open < close) {
      options = base::join(words_of(line.substr(open + 1, close - open - 1)), " ");
      line.erase(open, close - open + 1);
    }
    const std::vector<std::string> words = words_of(line);
    if (words.size() < 4 || words[0] != "deb" || !wanted_suite(words[2], suite)) continue;
    const std::vector<std::string> components(words.begin() + 3, words.end());
    if (!has_main(components)) continue;
    if (std::string one = entry(options, words[1], words[2], components); !one.empty()) found.push_back(std::move(one));
  }
  return found;
}

std::vector<std::string> parse_deb822_sources(std::string_view text, std::string_view suite) {
  std::vector<std::string> found;
  Fields fields;
  std::string last;
  for (const std::string& line : base::split(std::string(text) + "\n\n", '\n')) {
    if (line.starts_with("#")) continue;
    if (base::trimmed(line).empty()) {
      add_stanza(fields, suite, found);
      fields.clear();
    } else if (line[0] == ' ' || line[0] == '\t') {
      if (!last.empty()) fields[last] += " " + line;
    } else if (const size_t colon = line.find(':'); colon != std::string::npos) {
      last = base::ascii_lower(base::trimmed(std::string_view(line).substr(0, colon)));
      fields[last] = line.substr(colon + 1);
    }
  }
  return found;
}

std::vector<std::string> debian_sources(const std::string& etc_apt, const std::string& own_folder,
                                        std::string_view suite) {
  const std::string own = own_folder + "/apt.list";
  std::vector<std::string> found;
  if (const auto text = base::read_file_if_exists(own)) {
    found = parse_one_line_sources(*text, suite);
  } else {
    std::vector<std::string> files = {etc_apt + "/sources.list"};
    std::error_code error;
    for (const auto& file : fs::directory_iterator(etc_apt + "/sources.list.d", error)) files.push_back(file.path());
    std::sort(files.begin() + 1, files.end());
    for (const std::string& file : files) {
      const bool deb822 = file.ends_with(".sources");
      if (!deb822 && !file.ends_with(".list")) continue;
      const std::string content = base::read_file_if_exists(file).value_or("");
      for (std::string& line : deb822 ? parse_deb822_sources(content, suite) : parse_one_line_sources(content, suite))
        found.push_back(std::move(line));
    }
    if (!std::all_of(found.begin(), found.end(), has_foreign_key)) std::erase_if(found, has_foreign_key);
  }
  if (found.empty())
    throw base::Error("the apt sources of this machine have none for Debian " + std::string(suite),
                      "write 'deb URL " + std::string(suite) +
                          " main', with the URL of a Debian mirror, into the file '" + base::escaped(own) + "'");
  return found;
}

std::vector<std::string> apt_fetch_settings() {
  if (base::find_program("apt-config").empty()) return {};
  const base::ProgramResult dump = base::run_program({.argv = {"apt-config", "dump"}});
  std::vector<std::string> settings;
  for (const std::string& line : base::split(dump.out, '\n')) {
    for (const std::string_view key : {"Acquire::http::Proxy", "Acquire::https::Proxy", "Acquire::https::CAInfo",
                                       "Acquire::https::Verify", "Acquire::Check-Valid-Until", "Acquire::Check-Date"}) {
      if (line.starts_with(key) && line.find("\"\"") == std::string::npos) settings.push_back(line);
    }
  }
  return settings;
}

}  // namespace caisson::image
