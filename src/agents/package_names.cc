// SPDX-License-Identifier: Apache-2.0

#include "agents/package_names.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "base/error.h"
#include "base/text.h"

namespace caisson::agents {
namespace {

constexpr size_t kMaxPackageBytes = 214;  // npm's bound for a name
constexpr std::string_view kLower = "abcdefghijklmnopqrstuvwxyz0123456789";
constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

// Begins with one of `first`, and has nothing but those and `more`.
bool consists_of(std::string_view text, std::string_view first, std::string_view more) {
  return !text.empty() && first.find(text[0]) != std::string_view::npos &&
         std::all_of(text.begin(), text.end(), [&](char c) {
           return first.find(c) != std::string_view::npos || more.find(c) != std::string_view::npos;
         });
}

struct NameAndVersion {
  std::string_view name;
  std::string_view version;
  bool pinned = false;
};

NameAndVersion cut_version(std::string_view text, std::string_view sign, size_t from = 0) {
  const size_t at = text.find(sign, from);
  if (at == std::string_view::npos) return {.name = text, .version = {}};
  return {.name = text.substr(0, at), .version = text.substr(at + sign.size()), .pinned = true};
}

void require_form(bool holds, std::string_view kind, std::string_view text, std::string_view form) {
  if (holds && text.size() <= kMaxPackageBytes) return;
  throw base::Error(fmt::format("{} is no package of {}", base::in_quotes(text.substr(0, 80)), kind),
                    fmt::format("write {}", form));
}

}  // namespace

// Debian Policy 5.6.1 and 5.6.12. apt-get would take a '-' at the end for the wish to remove it.
void check_apt_package(std::string_view text) {
  const NameAndVersion parts = cut_version(text, "=");
  require_form(parts.name.size() >= 2 && consists_of(parts.name, kLower, "+-.") && !text.ends_with('-') &&
                   (!parts.pinned || consists_of(parts.version, kLetters, ".+-:~")),
               "apt", text, "\"name\" or \"name=version\"");
}

// docs.npmjs.com, package.json, "name".
void check_npm_package(std::string_view text) {
  const bool scoped = text.starts_with('@');
  const NameAndVersion parts = cut_version(text, "@", scoped ? 1 : 0);
  const size_t slash = parts.name.find('/');
  const std::string_view scope = scoped ? parts.name.substr(1, slash - 1) : "x";
  const std::string_view name = scoped && slash != std::string_view::npos ? parts.name.substr(slash + 1) : parts.name;
  require_form((!scoped || slash != std::string_view::npos) && consists_of(scope, kLower, "-_.~") &&
                   consists_of(name, kLower, "-_.~") && (!parts.pinned || consists_of(parts.version, kLetters, ".+-")),
               "npm", text, "\"name\", \"@scope/name\", or one of them with @version behind it");
}

// PEP 508 and 440, without extras, markers and URLs.
void check_pip_package(std::string_view text) {
  const NameAndVersion parts = cut_version(text, "==");
  require_form(
      consists_of(parts.name, kLetters, "-_.") && (!parts.pinned || consists_of(parts.version, kLetters, ".+!-_")),
      "pip", text, "\"name\" or \"name==version\"");
}

}  // namespace caisson::agents
