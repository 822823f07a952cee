// SPDX-License-Identifier: Apache-2.0

#include "cli/copy_place.h"

#include "base/error.h"
#include "base/text.h"
#include "spec/sandbox_spec.h"

namespace caisson::cli {

CopyPlace parse_copy_place(std::string_view text) {
  if (text.empty()) throw base::Error("a path is empty");
  const size_t colon = text.find(':');
  if (text[0] == '/' || text[0] == '.' || colon == std::string_view::npos) return {"", std::string(text)};
  CopyPlace place{std::string(text.substr(0, colon)), std::string(text.substr(colon + 1))};
  try {
    spec::validate_name(place.sandbox);
  } catch (const base::Error& error) {
    throw base::Error(error.problem(), "a file of this machine with a colon in its name is written ./" +
                                           base::escaped(text.substr(0, 80)));
  }
  if (place.path.empty()) throw base::Error("the path behind " + base::in_quotes(place.sandbox + ":") + " is missing");
  return place;
}

std::string top_name(std::string_view path) {
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  const std::string_view name = path.substr(path.rfind('/') + 1);
  return name.empty() || name == ".." ? "." : std::string(name);
}

}  // namespace caisson::cli
