// SPDX-License-Identifier: Apache-2.0

// caisson secret import: keep what the clients of known services read from the environment.

#include <fmt/format.h>

#include <cstdlib>
#include <memory>

#include "base/error.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/question.h"
#include "cli/secret_input.h"
#include "cli/secret_options.h"
#include "secrets/known_services.h"

namespace caisson::cli {
namespace {

using base::Error;

struct FoundVariable {
  std::string service;
  std::string variable;
};

// The first of each service's variables that is set. One whose secret cannot be made of it is said and left out.
std::vector<FoundVariable> find_variables(const secrets::Metadata& metadata) {
  std::vector<FoundVariable> found;
  for (const secrets::KnownService& service : secrets::known_services()) {
    for (const std::string& variable : service.variables) {
      const char* text = std::getenv(variable.c_str());
      if (text == nullptr || *text == '\0') continue;
      try {
        definition_of({.name = std::string(service.name)}, metadata);
        value_of_variable(variable);
        found.push_back({.service = std::string(service.name), .variable = variable});
      } catch (const Error& error) {
        warn(fmt::format("{} is left out: {}", variable, error.what()));
      }
      break;
    }
  }
  return found;
}

std::string variables_of_services() {
  std::vector<std::string> all;
  for (const secrets::KnownService& service : secrets::known_services())
    all.insert(all.end(), service.variables.begin(), service.variables.end());
  return base::join(all, ", ");
}

std::string import_question(const FoundVariable& one, const secrets::Metadata& metadata) {
  const bool replaces = metadata.find(one.service) != nullptr;
  return fmt::format("Keep {} as the secret '{}'{}?", one.variable, one.service,
                     replaces ? ", in place of the one there is" : "");
}

void import_secrets(bool yes) {
  secrets::Store store = own_secrets();
  const secrets::Metadata metadata = store.metadata();
  std::vector<FoundVariable> found = find_variables(metadata);
  if (found.empty()) throw Error("the environment has no variable to import", "they are: " + variables_of_services());
  if (!yes && !can_ask()) {
    std::vector<std::string> names;
    for (const FoundVariable& one : found) names.push_back(one.variable);
    throw Error("cannot ask which variables to keep: there is no terminal",
                "--yes keeps all: " + base::join(names, ", "));
  }
  if (!yes) std::erase_if(found, [&](const FoundVariable& one) { return !ask_yes(import_question(one, metadata)); });
  if (found.empty()) throw Exit{1};
  std::vector<secrets::NewSecret> all;
  for (const FoundVariable& one : found) {
    all.push_back(
        {.definition = definition_of({.name = one.service}, metadata), .value = value_of_variable(one.variable)});
  }
  store.set(std::move(all), {});
  for (const FoundVariable& one : found) fmt::print("{}\n", one.service);
}

}  // namespace

void add_secret_import_command(CLI::App& secret) {
  CLI::App& command = add_command(
      secret, {"secret import", "[OPTIONS]", "keep the secrets that are in the environment",
               "Looks for the variables that the clients of known services read (ANTHROPIC_API_KEY, GH_TOKEN and\n"
               "their like) and asks for each. The variables stay as they are."});
  const auto yes = std::make_shared<bool>(false);
  command.add_flag("--yes,-y", *yes, "without a question, also in place of those there are");
  command.callback([yes] { import_secrets(*yes); });
}

}  // namespace caisson::cli
