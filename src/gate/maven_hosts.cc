// SPDX-License-Identifier: Apache-2.0

// Maven's mirrors and repositories: the <url> of each <mirror>, <repository> and <pluginRepository> of settings.xml. A
// scan for these and no XML reader: what is not understood is passed over.

#include <algorithm>

#include "base/text.h"
#include "gate/registry_search.h"

namespace caisson::gate {
namespace {

constexpr size_t kMaxDepth = 64;

// The index behind the next `end`, or the text's end.
size_t behind(std::string_view text, std::string_view end, size_t from) {
  const size_t at = text.find(end, from);
  return at == std::string_view::npos ? text.size() : at + end.size();
}

class XmlScan {
 public:
  XmlScan(RegistrySearch& search, std::string where) : search_(search), where_(std::move(where)) {}

  // False: it names no place.
  bool read(std::string_view text) {
    for (size_t at = text.find('<'); at < text.size() && open_.size() <= kMaxDepth; at = text.find('<', at)) {
      const std::string_view rest = text.substr(at);
      if (rest.starts_with("<!--")) {
        at = behind(text, "-->", at);
      } else if (rest.starts_with("<![CDATA[")) {
        at = behind(text, "]]>", at);
      } else if (rest.starts_with("<?") || rest.starts_with("<!")) {
        at = behind(text, ">", at);
      } else {
        const size_t end = behind(text, ">", at);
        read_tag(text.substr(at + 1, end - at - 2));
        if (is_url()) add(text.substr(end, text.find('<', end) - end));
        at = end;
      }
    }
    return any_;
  }

 private:
  void read_tag(std::string_view tag) {
    if (tag.starts_with('/')) {
      if (!open_.empty()) open_.pop_back();
    } else if (!tag.ends_with('/')) {
      open_.push_back(tag.substr(0, tag.find_first_of(" \t\r\n")));
    }
  }

  bool is_url() const {
    if (open_.size() < 2 || open_.back() != "url") return false;
    const std::string_view parent = open_[open_.size() - 2];
    return parent == "mirror" || parent == "repository" || parent == "pluginRepository";
  }

  void add(std::string_view url) {
    if (base::trimmed(url).empty()) return;
    search_.add_url(base::trimmed(url), where_);
    any_ = true;
  }

  RegistrySearch& search_;
  std::string where_;
  std::vector<std::string_view> open_;
  bool any_ = false;
};

}  // namespace

void find_maven(RegistrySearch& search) {
  const std::string path = search.of_user(".m2/settings.xml");
  const auto text = search.read(path);
  if (!text || !XmlScan(search, base::in_quotes(path)).read(*text)) {
    search.note_unset("maven");
  }
}

}  // namespace caisson::gate
