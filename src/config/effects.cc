// SPDX-License-Identifier: Apache-2.0

#include "config/effects.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "gate/policy.h"
#include "gate/preset.h"

namespace caisson::config {
namespace {

constexpr std::string_view kLoopback = "127.0.0.1";

class Effects {
 public:
  explicit Effects(const FolderConfig& config) : config_(config) {}

  std::vector<Effect> take() {
    for (const std::string& command : config_.setup)
      widen("setup", "it runs before the first command of a new sandbox: " + plain_quoted(command));
    if (config_.network) add_network(*config_.network);
    for (const spec::PortPublish& port : config_.ports) widen("ports", words_of_port(port));
    for (const std::string& pattern : config_.unmasks)
      widen("unmask", fmt::format("files called {} are seen in every workspace, although they may be secret",
                                  plain_quoted(pattern)));
    if (config_.image && *config_.image != usual_.image)
      widen("image", fmt::format("its image is {} instead of '{}'", plain_quoted(*config_.image), usual_.image));
    add_limits();
    for (const std::string& entry : config_.environment) add_variable(entry);
    for (const std::string& pattern : config_.masks)
      narrow("mask", fmt::format("files called {} are not seen", plain_quoted(pattern)));
    if (config_.workdir) narrow("workdir", "the command begins in " + words_of_workdir(*config_.workdir));
    return std::move(effects_);
  }

 private:
  void widen(std::string key, std::string text) { effects_.push_back({true, std::move(key), std::move(text)}); }
  void narrow(std::string key, std::string text) { effects_.push_back({false, std::move(key), std::move(text)}); }

  void add_network(const gate::PolicyFile& network) {
    if (network.preset && *network.preset != gate::kDefaultPreset) {
      const gate::Preset& preset = gate::find_preset(*network.preset);
      const std::string text = fmt::format("its network is '{}': {}", preset.name, preset.summary);
      preset.has_network ? widen("network.preset", text) : narrow("network.preset", text);
    }
    for (const auto& what : network.allow) add_allowed(what);
    for (const gate::Rule& rule : network.deny) add_denied(rule);
    if (network.bytes_per_second)
      narrow("network.rate", fmt::format("{} a second over the network", base::to_string(*network.bytes_per_second)));
    if (network.total) narrow("network.total", base::to_string(*network.total) + " over the network in all");
    add_limit("network.connections", network.connections, usual_.network.connections, "connections at a time");
  }

  void add_denied(const gate::Rule& rule) {
    if (!rule.request) return narrow("network.deny", "it may not reach " + plain_quoted(to_string(rule)));
    // What is encrypted between a program and the host is not any more, for this machine to judge each request.
    widen("network.deny", fmt::format("it may not reach {}: for that, this machine reads what is sent to such a host",
                                      plain_quoted(to_string(rule))));
  }

  void add_allowed(const std::variant<gate::Rule, gate::GroupName>& what) {
    if (const auto* group = std::get_if<gate::GroupName>(&what)) {
      const bool git = group->name == "git";
      return widen("network.allow", fmt::format("it may reach '@{}': {}", group->name,
                                                git ? "the hosts of the git remotes that the folder names"
                                                    : "where this machine's packages come from"));
    }
    const gate::Rule& rule = std::get<gate::Rule>(what);
    std::string text = "it may reach " + plain_quoted(to_string(rule));
    if (rule.host.kind == gate::HostPattern::Kind::kName && rule.host.name == gate::kHostName)
      text += ", which is this machine itself";
    if (rule.host.kind == gate::HostPattern::Kind::kNetwork) text += ", also where that is no public address";
    widen("network.allow", std::move(text));
  }

  static std::string words_of_port(const spec::PortPublish& port) {
    const std::string which = port.host_port == 0 ? "a free port" : fmt::format("port {}", port.host_port);
    const std::string where = port.host_address == kLoopback || port.host_address == "::1"
                                  ? ""
                                  : ", reachable from other machines at " + plain_quoted(port.host_address);
    return fmt::format("{} of this machine leads to its port {}{}", which, port.guest_port, where);
  }

  void add_limits() {
    add_size("limits.memory", config_.memory, usual_.memory, "memory");
    add_limit("limits.cpus", config_.cpus, usual_.cpus, "processors");
    add_size("limits.disk", config_.disk, usual_.disk, "disk");
    if (config_.pids == 0U) {
      widen("limits.pids", fmt::format("any number of processes instead of {}", usual_.pids));
    } else {
      add_limit("limits.pids", config_.pids, usual_.pids, "processes");
    }
    if (config_.timeout)
      narrow("limits.timeout", fmt::format("the command is ended after {} s", config_.timeout->count()));
  }

  void add_size(const char* key, std::optional<base::Bytes> wish, base::Bytes usual, std::string_view what) {
    if (!wish || *wish == usual) return;
    const std::string text =
        fmt::format("{} of {} instead of {}", base::to_string(*wish), what, base::to_string(usual));
    *wish > usual ? widen(key, text) : narrow(key, text);
  }

  void add_limit(const char* key, std::optional<unsigned> wish, unsigned usual, std::string_view what) {
    if (!wish || *wish == usual) return;
    const std::string text = fmt::format("{} {} instead of {}", *wish, what, usual);
    *wish > usual ? widen(key, text) : narrow(key, text);
  }

  void add_variable(const std::string& entry) {
    const size_t equals = entry.find('=');
    widen("environment", fmt::format("the variable {} is {}", entry.substr(0, equals),
                                     plain_quoted(std::string_view(entry).substr(equals + 1))));
  }

  static std::string words_of_workdir(const std::string& path) {
    if (path.empty()) return "the folder's top";
    return plain_quoted(path) + (path.starts_with('/') ? "" : " of the folder");
  }

  const FolderConfig& config_;
  const spec::SandboxSpec usual_ = {};  // what a sandbox has by itself
  std::vector<Effect> effects_;
};

}  // namespace

std::vector<Effect> effects_of(const FolderConfig& config) {
  return Effects(config).take();
}

bool widens(const std::vector<Effect>& effects) {
  return std::any_of(effects.begin(), effects.end(), [](const Effect& effect) { return effect.widens; });
}

std::string plain_quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte == '\n') {
      out += "\\n";
    } else if (c == '\'' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte > 0x7E) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  return out + "'";
}

}  // namespace caisson::config
