// SPDX-License-Identifier: Apache-2.0

#include "gate/npm_says.h"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <vector>

#include "base/error.h"
#include "base/process.h"
#include "base/scope.h"
#include "base/text.h"
#include "gate/registry_search.h"
#include "gate/url.h"

namespace caisson::gate {
namespace {

using Clock = std::chrono::steady_clock;

// npm, and what may run it: it is a script.
constexpr const char* kPrograms[] = {"npm", "node", "nodejs", "env", "sh", "bash", "dash"};

// The absolute folders of PATH that no sandbox writes to, and that have none of the programs from where one does.
std::vector<std::string> trusted_folders(const RegistrySearch& search) {
  std::vector<std::string> folders = base::split(search.variable("PATH"), ':');
  std::erase_if(folders, [&](const std::string& folder) {
    return !folder.starts_with('/') || search.in_workspace(folder) ||
           std::any_of(std::begin(kPrograms), std::end(kPrograms),
                       [&](const char* program) { return search.in_workspace(folder + "/" + program); });
  });
  return folders;
}

std::string find_npm_in(const std::vector<std::string>& folders) {
  for (const std::string& folder : folders) {
    std::string path = folder + "/npm";
    if (::access(path.c_str(), X_OK) == 0) return path;
  }
  return {};
}

// Its own environment and no more: a variable may be a setting, or code (NODE_OPTIONS). Its two settings files must not
// be the same one.
std::vector<std::string> environment_for(const RegistrySources& sources, const std::vector<std::string>& folders) {
  return {
      "PATH=" + base::join(folders, ":"), "HOME=" + sources.home,
      "npm_config_userconfig=/dev/null",  "npm_config_globalconfig=/nonexistent/npmrc",
      "npm_config_update_notifier=false", "npm_config_logs_max=0",
      "npm_config_offline=true",
  };
}

// What the program writes until it closes its output; nothing past the bound or the time.
std::optional<std::string> read_until(int fd, Clock::time_point deadline) {
  std::string out;
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    if (left.count() <= 0) return std::nullopt;
    pollfd wait{.fd = fd, .events = POLLIN, .revents = 0};
    const int ready = ::poll(&wait, 1, static_cast<int>(left.count()));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return std::nullopt;
    char buffer[4096];
    const ssize_t got = ::read(fd, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 || out.size() + static_cast<size_t>(got) > kMaxUrlBytes) return std::nullopt;
    if (got == 0) return out;
    out.append(buffer, static_cast<size_t>(got));
  }
}

}  // namespace

std::optional<std::string> npm_says(const RegistrySources& sources) {
  return npm_says_within(sources, kNpmTime);
}

std::optional<std::string> npm_says_within(const RegistrySources& sources, std::chrono::milliseconds time) {
  const RegistrySearch search(sources);
  if (!sources.home.starts_with('/') || search.in_workspace(sources.home)) return std::nullopt;
  const std::vector<std::string> folders = trusted_folders(search);
  const std::string npm = find_npm_in(folders);
  if (npm.empty()) return std::nullopt;
  try {
    base::FdPair pipe = base::make_pipe();
    base::Child child = base::spawn({.argv = {npm, "config", "get", "registry"},
                                     .environment = environment_for(sources, folders),
                                     .descriptors = {{pipe.second.get(), 1}},
                                     .folder = "/",
                                     .new_session = true});
    pipe.second.reset();
    // What it started may still live when it does not; its process group is its session's, and it is not reaped yet.
    base::Scope end_all([&] { ::kill(-child.pid(), SIGKILL); });
    const auto out = read_until(pipe.first.get(), Clock::now() + time);
    if (!out) return std::nullopt;
    const std::string url(base::trimmed(*out));
    if (!place_of_url(url)) return std::nullopt;
    return url;
  } catch (const base::Error&) {
    return std::nullopt;  // it can't be started: npm can't say
  }
}

}  // namespace caisson::gate
