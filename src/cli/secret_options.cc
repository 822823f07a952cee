// SPDX-License-Identifier: Apache-2.0

#include "cli/secret_options.h"

#include "base/error.h"
#include "base/text.h"
#include "gate/secret_rules.h"
#include "secrets/known_services.h"
#include "spec/sandbox_spec.h"

namespace caisson::cli {
namespace {

using base::Error;
using secrets::Definition;

constexpr const char* kWhere = "--host api.example.com --header 'Authorization: Bearer {}', for example";

std::string service_names() {
  std::vector<std::string> names;
  for (const secrets::KnownService& service : secrets::known_services()) names.emplace_back(service.name);
  return base::join(names, ", ");
}

void check_sources(const SecretOptions& options) {
  if (!options.stray.empty())
    throw Error("a secret's value is not taken from the command line, where every process of the machine can read it",
                "give it on stdin, or by --from-env or --from-command; it should be changed now");
  if (!options.from_env.empty() && !options.from_command.empty())
    throw Error("--from-env and --from-command exclude each other");
  if (!options.max_age.empty() && options.from_command.empty())
    throw Error("--max-age is for values of --from-command", "leave it out");
}

bool says_where(const SecretOptions& options) {
  return !options.hosts.empty() || !options.headers.empty() || !options.queries.empty() || !options.basics.empty() ||
         !options.path.empty() || !options.methods.empty();
}

std::vector<secrets::Place> places_of(const SecretOptions& options) {
  std::vector<secrets::Place> places;
  for (const std::string& text : options.headers) places.push_back(secrets::header_place(text));
  for (const std::string& text : options.queries) places.push_back(secrets::query_place(text));
  for (const std::string& text : options.basics) places.push_back(secrets::basic_place(text));
  return places;
}

Definition defined_anew(const SecretOptions& options, const secrets::KnownService* service) {
  Definition definition{.name = options.name, .places = places_of(options)};
  gate::SecretTargets targets{.hosts = options.hosts, .methods = options.methods, .path = options.path};
  if (targets.hosts.empty() && service != nullptr) targets.hosts = service->hosts;
  if (definition.places.empty() && service != nullptr) definition.places = service->places;
  const std::string name = base::in_quotes(options.name);
  if (targets.hosts.empty())
    throw Error("the secret " + name + " has no host that it may be sent to",
                service != nullptr ? "name it: --host HOST"
                                   : std::string(kWhere) + "; these names need neither: " + service_names());
  if (definition.places.empty())
    throw Error("the secret " + name + " has no place in a request",
                "--header, --query or --basic says where; " + std::string(kWhere));
  if (targets.hosts.size() > secrets::kMostRules || definition.places.size() > secrets::kMostPlaces)
    throw Error("the secret " + name + " has more than 32 hosts or 8 places");
  definition.rules = gate::secret_rules(targets);
  return definition;
}

}  // namespace

Definition definition_of(const SecretOptions& options, const secrets::Metadata& metadata) {
  check_sources(options);
  secrets::check_name(options.name);
  const secrets::KnownService* service = secrets::find_service(options.name);
  const secrets::SecretRecord* before = metadata.find(options.name);
  Definition definition =
      before != nullptr && !says_where(options) ? before->definition : defined_anew(options, service);
  definition.command.reset();
  if (!options.from_command.empty()) {
    definition.command = secrets::Command{.text = options.from_command};
    if (!options.max_age.empty()) definition.command->max_age = spec::parse_duration(options.max_age);
    secrets::check_command(*definition.command);
  }
  return definition;
}

}  // namespace caisson::cli
