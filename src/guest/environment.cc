// SPDX-License-Identifier: Apache-2.0

#include "guest/environment.h"

#include <algorithm>

#include "base/text.h"

namespace caisson::guest {
namespace {

constexpr const char* kPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

std::string_view name_of(std::string_view entry) {
  return entry.substr(0, entry.find('='));
}

}  // namespace

std::vector<std::string> base_environment(const User& user, bool terminal) {
  const std::string name = user.name.empty() ? std::to_string(user.uid) : user.name;
  std::vector<std::string> environment = {
      std::string("PATH=") + kPath, "HOME=" + user.home, "USER=" + name, "LOGNAME=" + name,
      "SHELL=" + user.shell,        "LANG=C.UTF-8"};
  if (terminal) environment.push_back("TERM=xterm");
  return environment;
}

std::vector<std::string> merge_environment(const std::vector<std::vector<std::string>>& layers) {
  std::vector<std::string> merged;
  for (const std::vector<std::string>& layer : layers) {
    for (const std::string& entry : layer) {
      const auto same =
          std::find_if(merged.begin(), merged.end(), [&](const auto& have) { return name_of(have) == name_of(entry); });
      const bool removes = entry.find('=') == std::string::npos;
      if (same == merged.end()) {
        if (!removes) merged.push_back(entry);
      } else if (removes) {
        merged.erase(same);
      } else {
        *same = entry;
      }
    }
  }
  return merged;
}

std::string_view environment_value(const std::vector<std::string>& environment, std::string_view name) {
  for (const std::string& entry : environment) {
    if (name_of(entry) == name && entry.size() > name.size()) return std::string_view(entry).substr(name.size() + 1);
  }
  return {};
}

std::vector<std::string> program_candidates(const std::string& command, std::string_view path) {
  if (command.find('/') != std::string::npos || command.empty()) return {command};
  std::vector<std::string> candidates;
  for (const std::string& folder : base::split(path, ':'))
    candidates.push_back((folder.empty() ? "." : folder) + "/" + command);
  return candidates;
}

}  // namespace caisson::guest
