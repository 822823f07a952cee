// SPDX-License-Identifier: Apache-2.0

#include "cli/complete.h"

#include <fmt/format.h>

#include <algorithm>

#include "agents/find.h"
#include "base/paths.h"
#include "cli/command.h"
#include "cli/completion.h"
#include "cli/secret_input.h"
#include "engine/registry.h"
#include "image/store.h"
#include "keeper/record.h"
#include "secrets/known_services.h"

namespace caisson::cli {
namespace {

using Words = std::vector<std::string>;

const Words kFiles = {":files"};

bool takes_value(const CLI::App& command, const std::string& word) {
  if (word.size() < 2 || word[0] != '-') return false;
  const CLI::Option* option = command.get_option_no_throw(word);
  return option != nullptr && option->get_items_expected_max() > 0;
}

Words values_of(const std::string& option, const CompletionNames& names) {
  if (option == "--image") return names.images();
  if (option == "--engine") return names.engines();
  if (option == "--store") return {"secret-service", "sealed", "plain"};
  for (const char* of_files : {"--env-file", "--workspace", "-w"}) {
    if (option == of_files) return kFiles;
  }
  return {};
}

// The words before the cursor that are neither options nor their values.
Words positionals(const CLI::App& command, const Words& before) {
  Words found;
  for (size_t i = 0; i < before.size(); ++i) {
    if (takes_value(command, before[i])) {
      ++i;
    } else if (!before[i].starts_with('-')) {
      found.push_back(before[i]);
    }
  }
  return found;
}

Words places(const CompletionNames& names) {
  Words found;
  for (const std::string& name : names.sandboxes()) found.push_back(name + ":");
  found.push_back(kFiles[0]);
  return found;
}

// Those there are, and those that need no options.
Words settable_secrets(const CompletionNames& names) {
  Words found = names.secrets();
  for (const secrets::KnownService& service : secrets::known_services()) {
    const std::string name(service.name);
    if (std::find(found.begin(), found.end(), name) == found.end()) found.push_back(name);
  }
  return found;
}

Words agents_and_files(const CompletionNames& names) {
  Words found = names.agents();
  found.push_back(kFiles[0]);
  return found;
}

Words arguments_of(const std::string& command, size_t position, const CompletionNames& names) {
  const bool one_name = command == "exec" || command == "attach" || command == "logs";
  const bool names_only = command == "inspect" || command == "start" || command == "stop" || command == "rm";
  if (names_only || (one_name && position == 0)) return names.sandboxes();
  if (command == "cp") return places(names);
  if (command == "completion") return completion_shells();
  if (command == "exec" || command == "trust") return kFiles;
  const bool of_changes = command == "diff" || command == "apply" || command == "discard" || command == "patch";
  if (of_changes) return position == 0 ? names.sandboxes() : kFiles;
  if (command == "secret rm") return names.secrets();
  if (command == "secret set") return position == 0 ? settable_secrets(names) : Words{};
  if (command.starts_with("secret ")) return {};
  if (command == "agent show" || (command == "run" && position == 0)) return agents_and_files(names);
  if (command == "agent check") return kFiles;
  if (command == "image rm" || command == "image inspect") return names.images();
  if (command.starts_with("image ")) return kFiles;
  return {};
}

Words candidates(const Words& words, const CompletionNames& names) {
  if (words.size() == 1) return command_names();
  const auto entry = std::find_if(all_commands().begin(), all_commands().end(),
                                  [&](const CommandEntry& other) { return other.name == words[0]; });
  if (entry == all_commands().end()) return {};
  CLI::App root{"", "caisson"};
  Tail tail;
  entry->add(root, tail);
  const CLI::App* command = root.get_subcommand(words[0]);
  std::string path = words[0];
  size_t at = 1;
  // "image ls": the last command that is named.
  for (; at + 1 < words.size(); ++at) {
    const std::vector<const CLI::App*> all = command->get_subcommands(nullptr);
    const auto below =
        std::find_if(all.begin(), all.end(), [&](const CLI::App* one) { return one->get_name() == words[at]; });
    if (below == all.end()) break;
    command = *below;
    path += " " + words[at];
  }
  const Words before(words.begin() + static_cast<ptrdiff_t>(at), words.end() - 1);
  if (std::find(before.begin(), before.end(), "--") != before.end()) return kFiles;
  if (!before.empty() && takes_value(*command, before.back())) return values_of(before.back(), names);
  if (words.back().starts_with('-')) return option_names(*command);
  if (!command->get_subcommands(nullptr).empty()) {
    Words found;
    for (const CLI::App* below : command->get_subcommands(nullptr)) found.push_back(below->get_name());
    return found;
  }
  return arguments_of(path, positionals(*command, before).size(), names);
}

Words sandbox_names() {
  Words found;
  for (const keeper::Sandbox& sandbox : keeper::list_sandboxes()) found.push_back(sandbox.name);
  return found;
}

Words image_names() {
  Words found = {"base"};  // there before it is made
  for (const image::ImageRecord& record : image::ImageStore(base::cache_folder()).list()) {
    if (!record.name.empty() && record.name != found[0]) found.push_back(record.name);
  }
  return found;
}

Words engine_names() {
  Words found = {"auto"};
  for (const auto& engine : engine::all_engines()) found.emplace_back(engine->name());
  return found;
}

Words secret_names() {
  Words found;
  for (const secrets::SecretRecord& one : own_secrets().metadata().secrets) found.push_back(one.definition.name);
  return found;
}

Words agent_names() {
  Words found;
  for (const agents::ListedAgent& one : agents::list_agents()) {
    if (one.definition) found.push_back(one.name);
  }
  return found;
}

}  // namespace

std::vector<std::string> complete(std::vector<std::string> words, const CompletionNames& names) {
  if (words.empty()) words.emplace_back();
  Words found = candidates(words, names);
  std::erase_if(found, [&](const std::string& candidate) {
    return candidate != kFiles[0] && !candidate.starts_with(words.back());
  });
  return found;
}

int run_complete(const std::vector<std::string>& words) {
  try {
    const CompletionNames names{sandbox_names, image_names, engine_names, secret_names, agent_names};
    for (const std::string& candidate : complete(words, names)) {
      fmt::print("{}\n", candidate);
    }
    return 0;
  } catch (const std::exception&) {
    return kOurFailure;  // in the middle of typing is no place for a message
  }
}

}  // namespace caisson::cli
