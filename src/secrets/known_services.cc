// SPDX-License-Identifier: Apache-2.0

#include "secrets/known_services.h"

#include <algorithm>

#include "base/error.h"

namespace caisson::secrets {
namespace {

Place bearer() {
  return {.kind = Place::Kind::kHeader, .name = "Authorization", .form = "Bearer {}"};
}

Place plain_header(std::string name) {
  return {.kind = Place::Kind::kHeader, .name = std::move(name), .form = "{}"};
}

Place basic(std::string user) {
  return {.kind = Place::Kind::kBasic, .name = std::move(user)};
}

std::vector<KnownService> make_table() {
  return {
      {.name = "anthropic",
       .hosts = {"api.anthropic.com"},
       .places = {plain_header("x-api-key")},
       .variables = {"ANTHROPIC_API_KEY"},
       .shape = {.prefix = "sk-ant-api03-", .alphabet = kUrlSafe, .length = 93, .suffix = "AA"}},
      // git over HTTPS authenticates at github.com, by Basic; what is uploaded to releases has a host of its own.
      {.name = "github",
       .hosts = {"api.github.com", "github.com", "uploads.github.com"},
       .places = {bearer(),
                  {.kind = Place::Kind::kHeader, .name = "Authorization", .form = "token {}"},
                  basic("x-access-token")},
       .variables = {"GH_TOKEN", "GITHUB_TOKEN"},
       .shape = {.prefix = "ghp_", .alphabet = kLettersAndDigits, .length = 36}},
      {.name = "gitlab",
       .hosts = {"gitlab.com"},
       .places = {plain_header("PRIVATE-TOKEN"), bearer(), basic("oauth2")},
       .variables = {"GITLAB_TOKEN"},
       .shape = {.prefix = "glpat-", .alphabet = kLettersAndDigits, .length = 20}},
      {.name = "google",
       .hosts = {"generativelanguage.googleapis.com"},
       .places = {plain_header("x-goog-api-key"), {.kind = Place::Kind::kQuery, .name = "key"}},
       .variables = {"GEMINI_API_KEY", "GOOGLE_API_KEY"},
       .shape = {.prefix = "AIza", .alphabet = kUrlSafe, .length = 35}},
      {.name = "groq",
       .hosts = {"api.groq.com"},
       .places = {bearer()},
       .variables = {"GROQ_API_KEY"},
       .shape = {.prefix = "gsk_", .alphabet = kLettersAndDigits, .length = 52}},
      {.name = "mistral",
       .hosts = {"api.mistral.ai", "codestral.mistral.ai"},
       .places = {bearer()},
       .variables = {"MISTRAL_API_KEY"},
       .shape = {.prefix = "", .alphabet = kLettersAndDigits, .length = 32}},
      // A registry is this machine's choice, so it is no constant here.
      {.name = "npm",
       .hosts = {},
       .places = {bearer()},
       .variables = {"NPM_TOKEN", "NODE_AUTH_TOKEN"},
       .shape = {.prefix = "npm_", .alphabet = kLettersAndDigits, .length = 36}},
      {.name = "openai",
       .hosts = {"api.openai.com"},
       .places = {bearer()},
       .variables = {"OPENAI_API_KEY"},
       .shape = {.prefix = "sk-proj-", .alphabet = kUrlSafe, .length = 156}},
      {.name = "openrouter",
       .hosts = {"openrouter.ai"},
       .places = {bearer()},
       .variables = {"OPENROUTER_API_KEY"},
       .shape = {.prefix = "sk-or-v1-", .alphabet = kHexDigits, .length = 64}},
      {.name = "xai",
       .hosts = {"api.x.ai"},
       .places = {bearer()},
       .variables = {"XAI_API_KEY"},
       .shape = {.prefix = "xai-", .alphabet = kLettersAndDigits, .length = 80}},
  };
}

}  // namespace

const std::vector<KnownService>& known_services() {
  static const std::vector<KnownService> kTable = make_table();
  return kTable;
}

const KnownService* find_service(std::string_view name) {
  if (name == "aws")
    throw base::Error("a secret 'aws' cannot be used yet: its key signs each request, and is sent in none",
                      "a later version will sign them");
  const std::vector<KnownService>& all = known_services();
  const auto found = std::find_if(all.begin(), all.end(), [&](const KnownService& one) { return one.name == name; });
  return found == all.end() ? nullptr : &*found;
}

}  // namespace caisson::secrets
