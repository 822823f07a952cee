// SPDX-License-Identifier: Apache-2.0

#include "base/path_walk.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

namespace caisson::base {
namespace {

constexpr int kMostLinks = 40;  // MAXSYMLINKS

// "/a//b/" as "/a" for the first component, and what is behind it.
std::string take_component(std::string& rest) {
  const size_t begin = rest.find_first_not_of('/');
  if (begin == std::string::npos) {
    rest.clear();
    return {};
  }
  const size_t end = std::min(rest.find('/', begin), rest.size());
  std::string component = rest.substr(begin, end - begin);
  rest.erase(0, end);
  return component;
}

}  // namespace

std::vector<PathStep> walk_to(const std::string& path) {
  std::vector<PathStep> steps;
  std::string folder;  // without links, without a slash at its end
  std::string rest = path;
  int links = 0;
  while (true) {
    const std::string component = take_component(rest);
    if (component.empty()) return steps;
    if (component == ".") continue;
    if (component == "..") {
      folder.resize(folder.empty() ? 0 : folder.rfind('/'));
      continue;
    }
    const std::string place = folder + "/" + component;
    steps.push_back({.place = place, .rest = rest});
    std::error_code error;
    const std::string target = std::filesystem::read_symlink(place, error).string();
    if (error) {
      folder = place;
      continue;
    }
    if (++links > kMostLinks) return steps;
    rest = target + rest;
    if (target.starts_with('/')) folder.clear();
  }
}

}  // namespace caisson::base
