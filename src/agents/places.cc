// SPDX-License-Identifier: Apache-2.0

#include "agents/places.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "agents/definition.h"
#include "base/error.h"
#include "base/text.h"
#include "spec/workspace.h"

namespace caisson::agents {
namespace {

using base::Error;
using base::in_quotes;

// Of many programs, with the credentials of each.
constexpr std::array<std::string_view, 6> kOfMany = {".cache",       ".config",      ".local",
                                                     ".local/share", ".local/state", ".mozilla"};

bool has_control_bytes(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

// What is behind `top` ("~/"), which has to be clean as it is: nothing of it is looked up anywhere.
bool is_clean_below(std::string_view path, std::string_view top) {
  if (!path.starts_with(top) || path.size() > kMaxFilePathBytes || has_control_bytes(path)) return false;
  const std::vector<std::string> parts = base::split(path.substr(top.size()), '/');
  return std::none_of(parts.begin(), parts.end(),
                      [](const std::string& part) { return part.empty() || part == "." || part == ".."; });
}

Error bad_place(std::string_view path, const char* problem, const char* remedy) {
  return Error(in_quotes(path.substr(0, 80)) + problem, remedy);
}

}  // namespace

void check_file_path(std::string_view path) {
  if (is_clean_below(path, "~/") || is_clean_below(path, "/etc/")) return;
  throw bad_place(path, " is no place for a file", "write \"~/name\" or \"/etc/name\", without '..'");
}

void check_config_folder(std::string_view path) {
  if (!is_clean_below(path, "~/"))
    throw bad_place(path, " is no folder of settings", "write \"~/folder\", without '..'");
  const std::string_view below = path.substr(2);
  if (std::find(kOfMany.begin(), kOfMany.end(), below) != kOfMany.end())
    throw bad_place(path, " holds the settings of many programs", "name the folder of the agent alone");
  for (const std::string& mask : spec::default_masks()) {
    if (below == mask || below.starts_with(mask + "/"))
      throw bad_place(path, " is for credentials, which no sandbox sees", "leave it out");
  }
}

}  // namespace caisson::agents
