// SPDX-License-Identifier: Apache-2.0

// caisson trust: look at a folder's configuration and accept what it widens; list and take back what was accepted.

#include "config/trust.h"

#include <fmt/format.h>

#include <filesystem>
#include <memory>

#include "base/error.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/configuration.h"
#include "cli/json_output.h"
#include "cli/listing.h"
#include "cli/question.h"
#include "cli/table.h"
#include "cli/workspace_options.h"

namespace caisson::cli {
namespace {

namespace fs = std::filesystem;
using base::Error;
using base::in_quotes;
using config::Effect;

constexpr size_t kShownDigits = 12;

struct TrustOptions {
  std::string folder;
  bool yes = false;
  bool list = false;
  bool remove = false;
  bool json = false;
};

// Absolute and without links, as workspaces are.
std::string trusted_folder(const std::string& typed) {
  const std::string wanted = typed.empty() ? own_standing().folder : typed;
  if (wanted.empty()) throw Error("the current folder is gone", "name a folder: caisson trust FOLDER");
  std::error_code error;
  const fs::path found = fs::canonical(wanted, error);
  if (error) throw base::system_error("cannot look into", wanted, error.value());
  return found.string();
}

// One that has gone is still known by its name.
std::string forgotten_folder(const std::string& typed) {
  const std::string wanted = typed.empty() ? own_standing().folder : typed;
  std::error_code error;
  const fs::path found = fs::canonical(wanted, error);
  if (!error) return found.string();
  const std::string path = wanted.starts_with('/') ? wanted : own_standing().folder + "/" + wanted;
  return spec::clean_path(path).value_or(path);
}

// What has become of the file since.
const char* state_of(const config::Trusted& one) {
  try {
    const std::optional<config::ConfigFile> file = config::read_config_file(one.folder);
    if (!file) return "gone";
    return file->digest == one.digest ? "accepted" : "changed";
  } catch (const Error&) {
    return "unusable";
  }
}

void list_trusted(bool json) {
  const std::vector<config::Trusted> all = config::TrustStore().list();
  if (json) {
    base::Json list = base::Json::array();
    for (const config::Trusted& one : all) {
      list.push_back(base::Json{{"folder", one.folder},
                                {"digest", one.digest},
                                {"accepted_unix_ms", one.accepted.time_since_epoch().count()},
                                {"state", state_of(one)}});
    }
    fmt::print("{}\n", printable_json(list));
    return;
  }
  Table table({"FOLDER", "STATE", "ACCEPTED", "DIGEST"});
  for (const config::Trusted& one : all) {
    const auto age = std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now() - one.accepted);
    table.add({one.folder, state_of(one), age_text(age) + " ago", one.digest.substr(0, kShownDigits)});
  }
  if (!all.empty()) fmt::print("{}", table.text());
}

void forget_trusted(const std::string& typed) {
  const std::string folder = forgotten_folder(typed);
  if (!config::TrustStore().forget(folder))
    throw Error("no configuration of " + in_quotes(folder) + " was accepted",
                "caisson trust --ls lists those that were");
  fmt::print("{}\n", base::escaped(folder));
}

base::Json effects_to_json(const std::vector<Effect>& effects, bool widening) {
  base::Json list = base::Json::array();
  for (const Effect& effect : effects) {
    if (effect.widens == widening) list.push_back(base::Json{{"key", effect.key}, {"text", effect.text}});
  }
  return list;
}

void show_effects(const config::ConfigFile& file, const std::vector<Effect>& effects) {
  fmt::print("{}\n", base::escaped(file.path));
  const std::pair<bool, std::string_view> kinds[] = {{true, "more than a sandbox has by itself:"},
                                                     {false, "in force without being accepted:"}};
  for (const auto& [widening, title] : kinds) {
    const std::vector<std::string> lines = effect_lines(effects, widening);
    if (!lines.empty()) fmt::print("{}\n", title);
    for (const std::string& line : lines) fmt::print("  {}\n", line);
  }
  // The question comes behind it, on stderr.
  std::fflush(stdout);
}

void trust(const TrustOptions& options) {
  const std::string folder = trusted_folder(options.folder);
  const std::optional<config::ConfigFile> file = config::read_config_file(folder);
  if (!file)
    throw Error(fmt::format("there is no {} in {}", config::kFileName, in_quotes(folder)),
                "it is looked for in the folder itself, in none above it");
  const std::vector<Effect> effects = config::effects_of(config::parse_folder_config(file->bytes, file->path));
  config::TrustStore store;
  const bool needed = config::widens(effects);
  bool accepted = store.accepts(folder, file->digest);
  if (options.yes && needed && !accepted) {
    store.accept(folder, file->digest);
    accepted = true;
  }
  if (options.json) {
    fmt::print("{}\n", printable_json(base::Json{{"folder", folder},
                                                 {"path", file->path},
                                                 {"digest", file->digest},
                                                 {"needed", needed},
                                                 {"accepted", accepted},
                                                 {"widens", effects_to_json(effects, true)},
                                                 {"narrows", effects_to_json(effects, false)}}));
    return;
  }
  show_effects(*file, effects);
  if (!needed) return warn("nothing in it has to be accepted");
  if (accepted) return warn(options.yes ? "accepted" : "it is accepted as it is");
  if (!can_ask())
    throw Error("the configuration " + in_quotes(file->path) + " was not accepted: there is no terminal to ask on",
                "caisson trust --yes " + shell_word(folder) + " accepts it as it is now");
  const size_t count = effect_lines(effects, true).size();
  if (!ask_yes(count == 1 ? "Accept it?" : fmt::format("Accept these {}?", count))) throw Exit{1};
  // What was shown, whatever the file is by now.
  store.accept(folder, file->digest);
}

void run_trust(const TrustOptions& options) {
  if (options.list && options.remove) throw Error("--ls and --rm exclude each other");
  if (options.yes && (options.list || options.remove)) throw Error("--yes is for accepting", "leave it out");
  if (options.list && !options.folder.empty()) throw Error("--ls lists all folders", "leave the folder out");
  if (options.list) return list_trusted(options.json);
  if (options.remove) return forget_trusted(options.folder);
  trust(options);
}

}  // namespace

void add_trust_command(CLI::App& app) {
  CLI::App& command = add_command(
      app, {"trust", "[OPTIONS] [FOLDER]", "look at a folder's .caisson.toml and accept what it gives a sandbox",
            "The file comes with the folder, from whoever wrote that. What it narrows counts at once; what it widens\n"
            "(commands, a network, ports, files that would be hidden, another image, larger limits, variables) counts\n"
            "when it was accepted, here or when 'run' asks. That is kept for the file as it is: after every change of\n"
            "it, and for the folder at another place, it is asked for again.\n"
            "\n"
            "Examples:\n"
            "  caisson trust                 of the current folder\n"
            "  caisson trust --yes ~/site    where there is no terminal\n"
            "  caisson trust --ls            what was accepted\n"
            "  caisson trust --rm ~/site     ask again"});
  const auto options = std::make_shared<TrustOptions>();
  command.add_option("folder", options->folder, "the folder (default: this one)");
  command.add_flag("--yes,-y", options->yes, "without a question");
  command.add_flag("--ls", options->list, "list the folders whose configuration was accepted");
  command.add_flag("--rm", options->remove, "take it back for the folder");
  command.add_flag("--json", options->json, "as JSON; asks nothing");
  command.callback([options] { run_trust(*options); });
}

}  // namespace caisson::cli
