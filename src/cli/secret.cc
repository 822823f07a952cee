// SPDX-License-Identifier: Apache-2.0

// caisson secret: secrets that sandboxes are to use and not to read; kept, listed and removed.

#include <fmt/format.h>

#include <chrono>
#include <memory>

#include "base/error.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/json_output.h"
#include "cli/listing.h"
#include "cli/secret_input.h"
#include "cli/secret_options.h"
#include "cli/table.h"
#include "secrets/command_value.h"

namespace caisson::cli {
namespace {

using base::Error;
using base::in_quotes;
using secrets::Keeping;

std::optional<Keeping> wanted_keeping(const std::string& text) {
  if (text.empty()) return std::nullopt;
  const std::optional<Keeping> keeping = secrets::keeping_of(text);
  if (!keeping) throw Error("--store: there is no store " + in_quotes(text), "secret-service, sealed or plain");
  return keeping;
}

std::string_view where_kept(Keeping keeping) {
  switch (keeping) {
    case Keeping::kSecretService:
      return "the Secret Service of this session";
    case Keeping::kSealed:
      return "a file that your passphrase seals";
    case Keeping::kPlain:
      return "a file that only you may read, and that nothing seals";
  }
  return "";
}

// The command is run once, so that one that does not work is noticed now; what it gives is not kept.
secrets::Value value_for(const SecretOptions& options, const secrets::Definition& definition) {
  if (definition.command) {
    secrets::value_of_command(definition.name, *definition.command, {.stderr_fd = 2});
    return {};
  }
  return options.from_env.empty() ? value_of_stdin(definition.name) : value_of_variable(options.from_env);
}

void set_secret(const SecretOptions& options) {
  secrets::Store store = own_secrets();
  const secrets::Metadata before = store.metadata();
  const std::optional<Keeping> wanted = wanted_keeping(options.store);
  std::vector<secrets::NewSecret> one(1);
  one[0].definition = definition_of(options, before);
  one[0].value = value_for(options, one[0].definition);
  store.set(std::move(one), wanted);
  const std::optional<Keeping> now = store.metadata().keeping;
  if (now && now != before.keeping) warn(fmt::format("the values of secrets are kept in {}", where_kept(*now)));
}

void list_secrets(bool json) {
  const secrets::Metadata metadata = own_secrets().metadata();
  if (json) {
    base::Json list = base::Json::array();
    for (const secrets::SecretRecord& one : metadata.secrets) {
      base::Json entry = secrets::to_json(one.definition);
      entry["source"] = one.definition.command ? "command" : to_string(*metadata.keeping);
      entry["changed_unix_ms"] = one.changed.time_since_epoch().count();
      list.push_back(std::move(entry));
    }
    fmt::print("{}\n", printable_json(list));
    return;
  }
  Table table({"NAME", "GOES TO", "AS", "FROM", "CHANGED"});
  for (const secrets::SecretRecord& one : metadata.secrets) {
    std::vector<std::string> places;
    for (const secrets::Place& place : one.definition.places) places.push_back(to_string(place));
    const auto age = std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now() - one.changed);
    table.add({one.definition.name, base::join(one.definition.rules, ", "), base::join(places, ", "),
               one.definition.command ? one.definition.command->text : std::string(to_string(*metadata.keeping)),
               age_text(age) + " ago"});
  }
  if (!metadata.secrets.empty()) fmt::print("{}", table.text());
}

void remove_secrets(const std::vector<std::string>& names, bool all) {
  secrets::Store store = own_secrets();
  if (all && !names.empty()) throw Error("--all removes every secret", "leave the names out");
  if (all) return store.remove_all();
  if (names.empty()) throw Error("the argument NAME is missing", "see 'caisson secret rm --help'");
  store.remove(names);
  for (const std::string& name : names) fmt::print("{}\n", name);
}

void add_secret_set(CLI::App& secret) {
  CLI::App& command = add_command(
      secret,
      {"secret set", "[OPTIONS] NAME", "keep a secret, or change it",
       "The value comes from stdin (on a terminal it is asked for, and not shown), from a variable, or from a\n"
       "command each time that it is needed; never from the command line. Names of known services need no\n"
       "options: anthropic, github, gitlab, google, groq, mistral, openai, openrouter, xai; npm needs the host of\n"
       "its registry. A secret that is there goes where it went, unless an option says where. HOST is that of a\n"
       "rule (caisson run --help), on port 443 unless it names another.\n"
       "\n"
       "Values are kept in the Secret Service of the session where secret-tool reaches one, otherwise in a file\n"
       "that a passphrase seals; --store plain, in a file that nothing seals.\n"
       "\n"
       "Examples:\n"
       "  caisson secret set anthropic\n"
       "  caisson secret set github --from-command 'gh auth token'\n"
       "  pass show example | caisson secret set example --host api.example.com --header 'X-Key: {}'"});
  const auto options = std::make_shared<SecretOptions>();
  command.add_option("name", options->name, "its name")->required();
  command.add_option("value", options->stray, "")->group("");
  command.add_option("--from-env", options->from_env, "take the value of this variable, now")->type_name("VARIABLE");
  command.add_option("--from-command", options->from_command, "ask this command for the value, each time")
      ->type_name("COMMAND");
  command.add_option("--max-age", options->max_age, "ask the command again after this time (5m)")->type_name("TIME");
  add_list_option(command, "--host", options->hosts, "where it may be sent; can be repeated", "HOST[:PORT]");
  add_list_option(command, "--header", options->headers, "it is put into this header, for {}", "'NAME: FORM'");
  add_list_option(command, "--query", options->queries, "it is this parameter of the query", "NAME");
  add_list_option(command, "--basic", options->basics, "it is this user's password of Basic authentication", "USER");
  command.add_option("--path", options->path, "only for these paths, as in rules")->type_name("PATH");
  add_list_option(command, "--method", options->methods, "only for this method; can be repeated", "METHOD");
  command.add_option("--store", options->store, "secret-service, sealed or plain, for the first one")
      ->type_name("STORE");
  command.callback([options] { set_secret(*options); });
}

void add_secret_ls(CLI::App& secret) {
  CLI::App& command = add_command(secret, {"secret ls", "[OPTIONS]", "list the secrets, without their values", ""});
  const auto json = std::make_shared<bool>(false);
  command.add_flag("--json", *json, "as JSON");
  command.callback([json] { list_secrets(*json); });
}

void add_secret_rm(CLI::App& secret) {
  CLI::App& command = add_command(
      secret, {"secret rm", "[OPTIONS] NAME…", "remove secrets, with their values",
               "--all needs no passphrase, and removes what cannot be read any more; the next secret may be kept in\n"
               "another store."});
  const auto names = std::make_shared<std::vector<std::string>>();
  const auto all = std::make_shared<bool>(false);
  command.add_option("names", *names, "their names");
  command.add_flag("--all", *all, "every secret");
  command.callback([names, all] { remove_secrets(*names, *all); });
}

}  // namespace

void add_secret_command(CLI::App& app) {
  CLI::App& secret = add_command(app, {"secret", "COMMAND", "keep secrets, list and remove them", ""});
  secret.require_subcommand(1);
  add_secret_set(secret);
  add_secret_ls(secret);
  add_secret_rm(secret);
  add_secret_import_command(secret);
}

}  // namespace caisson::cli
