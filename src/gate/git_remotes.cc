// SPDX-License-Identifier: Apache-2.0

#include "gate/git_remotes.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/git_folder.h"
#include "gate/url.h"

namespace caisson::gate {
namespace {

constexpr std::string_view kWhere = "a remote";

// [USER@]HOST:PATH, git-clone(1): a colon with no slash before it. A path otherwise.
std::optional<HostPattern> scp_like_host(std::string_view url) {
  const size_t colon = url.find(':');
  if (colon == std::string_view::npos || url.substr(0, colon).find('/') != std::string_view::npos) return std::nullopt;
  std::string_view host = url.substr(0, colon);
  if (const size_t at = host.rfind('@'); at != std::string_view::npos) host.remove_prefix(at + 1);
  return exact_host(host);
}

void add_remote(std::string_view url, GroupCollector& found) {
  if (url.size() > kMaxUrlBytes) {
    found.note("a remote's URL is too long");
  } else if (url.find("://") != std::string_view::npos) {
    found.add_url(url, kWhere);
  } else if (const auto host = scp_like_host(url)) {
    found.add(*host, default_port("ssh"), kWhere);
  } else if (const size_t colon = url.find(':'); colon < url.find('/')) {
    found.note("a remote has something that is not the URL of a host");
  }
}

void add_remotes(const std::string& workspace, GroupCollector& found) {
  const auto folders = base::find_git_folders(workspace);
  const auto config = folders ? base::read_git_file(folders->common, "config", kMaxGitConfigBytes) : std::nullopt;
  if (!config) {
    found.note("the workspace is not the top of a git repository");
    return;
  }
  const auto urls = remote_urls(*config);
  if (!urls) {
    found.note("the workspace's git configuration is malformed");
    return;
  }
  if (urls->empty()) found.note("the workspace's repository has no remote");
  if (urls->size() > kMaxRemotes) {
    found.note(
        fmt::format("the workspace's repository has more than {} remotes, the others are left out", kMaxRemotes));
  }
  for (size_t i = 0; i < std::min(urls->size(), kMaxRemotes); ++i) add_remote((*urls)[i], found);
}

}  // namespace

GroupRules git_rules(const std::string& workspace) {
  GroupCollector found("git", WrittenBy::kWorkspace);
  try {
    if (workspace.empty()) {
      found.note("there is no workspace");
    } else {
      add_remotes(workspace, found);
    }
  } catch (const base::Error& error) {
    found.note(error.what());
  }
  return found.take();
}

}  // namespace caisson::gate
