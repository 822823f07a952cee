// SPDX-License-Identifier: Apache-2.0

#include "cli/configuration.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/question.h"
#include "config/trust.h"

namespace caisson::cli {
namespace {

using config::Effect;

constexpr size_t kMostSaid = 8;
constexpr const char* kRunWithout = "--no-config runs without it";

// What counts without a question is not done in silence.
void say_narrowing(const config::ConfigFile& file, const std::vector<Effect>& effects) {
  std::vector<std::string> lines = effect_lines(effects, false);
  if (lines.empty()) return;
  const size_t more = lines.size() > kMostSaid ? lines.size() - kMostSaid : 0;
  lines.resize(lines.size() - more);
  warn(base::in_quotes(file.path) + ": " + base::join(lines, "; ") +
       (more > 0 ? fmt::format("; and {} more", more) : ""));
}

bool was_another_accepted(const config::TrustStore& store, const std::string& folder) {
  const std::vector<config::Trusted> all = store.list();
  return std::any_of(all.begin(), all.end(), [&](const config::Trusted& one) { return one.folder == folder; });
}

void see_to_acceptance(const config::ConfigFile& file, const std::vector<Effect>& effects) {
  if (!config::widens(effects)) return;
  config::TrustStore store;
  if (store.accepts(file.folder, file.digest)) return;
  const std::vector<std::string> lines = effect_lines(effects, true);
  const std::string name = "the configuration " + base::in_quotes(file.path);
  // So that nobody brings back an older state that was accepted.
  const bool was_another = was_another_accepted(store, file.folder) && store.forget(file.folder);
  warn(name + (was_another ? " has changed since it was accepted. " : " is new. ") +
       "It gives a sandbox more than it has by itself:");
  for (const std::string& line : lines) warn("  " + line);
  if (!can_ask())
    throw base::Error(name + " was not accepted",
                      "caisson trust " + shell_word(file.folder) + " shows it and accepts it; " + kRunWithout);
  if (!ask_yes(lines.size() == 1 ? "Accept it?" : fmt::format("Accept these {}?", lines.size())))
    throw base::Error(name + " was not accepted", kRunWithout);
  store.accept(file.folder, file.digest);
}

}  // namespace

std::optional<Configuration> accepted_configuration(const std::vector<spec::Workspace>& workspaces) {
  const auto first =
      std::find_if(workspaces.begin(), workspaces.end(), [](const spec::Workspace& one) { return !one.file; });
  if (first == workspaces.end()) return std::nullopt;
  const std::optional<config::ConfigFile> file = config::read_config_file(first->host);
  if (!file) return std::nullopt;
  // From here on there is no file but these bytes.
  Configuration found{.wishes = config::parse_folder_config(file->bytes, file->path),
                      .source = {.path = file->path, .digest = file->digest},
                      .folder = first->guest};
  const std::vector<Effect> effects = config::effects_of(found.wishes);
  see_to_acceptance(*file, effects);
  say_narrowing(*file, effects);
  return found;
}

void set_wishes(spec::SandboxSpec& spec, const Configuration& configuration) {
  const config::FolderConfig& wishes = configuration.wishes;
  spec.image = wishes.image.value_or(spec.image);
  spec.cpus = wishes.cpus.value_or(spec.cpus);
  spec.memory = wishes.memory.value_or(spec.memory);
  spec.disk = wishes.disk.value_or(spec.disk);
  spec.pids = wishes.pids.value_or(spec.pids);
  spec.timeout = wishes.timeout;
  spec.environment = wishes.environment;
  spec.config = configuration.source;
}

void add_wished_ports(std::vector<spec::PortPublish>& ports, const Configuration& configuration) {
  const std::vector<spec::PortPublish> typed = ports;
  for (const spec::PortPublish& wish : configuration.wishes.ports) {
    const auto replaces = [&](const spec::PortPublish& one) {
      const bool same_here =
          wish.host_port != 0 && one.host_port == wish.host_port && one.host_address == wish.host_address;
      return same_here || one.guest_port == wish.guest_port;
    };
    if (std::none_of(typed.begin(), typed.end(), replaces)) ports.push_back(wish);
  }
}

std::string wished_folder(const Configuration& configuration) {
  const std::optional<std::string>& workdir = configuration.wishes.workdir;
  if (!workdir) return {};
  if (workdir->starts_with('/')) return *workdir;
  return spec::clean_path(configuration.folder + "/" + *workdir).value_or(configuration.folder);
}

std::vector<std::string> effect_lines(const std::vector<Effect>& effects, bool widening) {
  std::vector<std::string> lines;
  for (const Effect& effect : effects) {
    if (effect.widens == widening) lines.push_back(effect.text);
  }
  return lines;
}

std::string shell_word(const std::string& path) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+,:@%";
  if (!path.empty() && path.find_first_not_of(kPlain) == std::string::npos) return path;
  std::string quoted = "'";
  for (const char c : path) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return base::escaped(quoted + "'");
}

}  // namespace caisson::cli
